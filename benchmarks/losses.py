"""Which loss makes the better student, at equal training tokens: every loss beside learning the text alone.

    python benchmarks/losses.py                       # embedded word problems, three seeds: about an hour on one core
    python benchmarks/losses.py --task banking77 --data DIR   # messages with 77 labels, as recipes/banking77.yaml
    python benchmarks/losses.py --only gkd,reverse_kl --steps 200
    python benchmarks/losses.py --after 280 --steps 200   # all from one student that speaks already
    python benchmarks/losses.py --across --steps 300 --learning-rate 4e-3   # the student has another tokenizer

Every setting is a recipe that is run by `imbik run`, with the same rows, student, seeds and optimiser; the teacher's
answers are asked for once. On-policy settings pass other tokens than rows alone would, so their steps are set by a
short trial to pass as many. Printed: the share of held-out tasks that the students get right, and the paired
difference from `text_only` (the same text, cross-entropy alone) and from `answers_only` (the answers without
reasoning), each with its 95% bootstrap interval over tasks and seeds. A setting wins where both intervals exclude zero.
On Banking77 an answer is one token: the two controls are one. With `--after N` every setting begins as the same
student, which has learned the text for N steps, and the first line printed says what that one gets right. With
`--across` the student is half of the teacher's width with the used part of its vocabulary, which is another tokenizer,
and the settings are those whose losses read across tokenizers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.students import MUON, embedded, plain, run, scores, trainings

from imbik.evaluate.bootstrap import Bootstrap

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
CE = "cross_entropy"
BESIDE: dict[str, Any] = {"teacher": "t"}
OWN: dict[str, Any] = {**BESIDE, "on_policy": {"share": 0.5, "max_tokens": 64, "every": 4}}
SETTINGS: dict[str, dict[str, Any]] = {
    "text_only": {"losses": [CE]},
    "answers_only": {"losses": [CE]},
    "forward_kl": {"losses": ["forward_kl"]},
    "text + forward_kl": {"losses": [{"use": CE, "weight": 0.5}, {"use": "forward_kl", "weight": 0.5}]},
    "text + forward_kl T=2": {
        "losses": [{"use": CE, "weight": 0.5}, {"use": "forward_kl", "weight": 0.5, "temperature": 2.0}]
    },
    "text + reverse_kl": {"losses": [{"use": CE, "weight": 0.5}, {"use": "reverse_kl", "weight": 0.5}]},
    "text + jsd T=2": {"losses": [{"use": CE, "weight": 0.5}, {"use": "jsd", "weight": 0.5, "temperature": 2.0}]},
    "text + jsd": {"losses": [{"use": CE, "weight": 0.5}, {"use": "jsd", "weight": 0.5}]},
    "text + skew_kl": {"losses": [{"use": CE, "weight": 0.5}, {"use": "skew_kl", "weight": 0.5}]},
    "reverse_kl": {"losses": ["reverse_kl"]},
    "jsd": {"losses": ["jsd"]},
    "skew_kl": {"losses": ["skew_kl"]},
    "skew_reverse_kl": {"losses": ["skew_reverse_kl"]},
    "alpha_beta": {"losses": ["alpha_beta"]},
    "tvd": {"losses": ["tvd"]},
    "text + hidden_state": {"losses": [CE, {"use": "hidden_state", "weight": 0.1}], **BESIDE},
    "gkd": {"losses": ["jsd"], **OWN},
    "text + gkd": {"losses": [{"use": CE, "weight": 0.5}, {"use": "reverse_kl", "weight": 0.5}], **OWN},
    "contrastive": {"losses": ["contrastive"], **OWN},
}
ACROSS: dict[str, dict[str, Any]] = {
    "text_only": {"losses": [CE]},
    "hybrid": {"losses": ["hybrid"], **BESIDE},
    "text + hybrid": {"losses": [{"use": CE, "weight": 0.5}, {"use": "hybrid", "weight": 0.5}], **BESIDE},
    "text + uld": {"losses": [{"use": CE, "weight": 0.5}, {"use": "uld", "weight": 0.5}], **BESIDE},
}
TRIMMED = {"model": "embedded:teacher", "keep": {"hidden": 0.5, "vocabulary": "used"}}


def recipe(task: str, train: Mapping[str, Any], *, rows: int, test: int) -> dict[str, Any]:
    """A task's recipe with these settings of the student."""
    if task == "banking77":
        made = yaml.safe_load((RECIPES / "banking77.yaml").read_text(encoding="utf-8").replace("buyuk", "t"))
        made["evaluate"]["against"] = []
        return {**made, "train": {**made["train"], "controls": [], "steps": 0, **train}, "export": []}
    return embedded(rows=rows, test=test, student={"model": "embedded:base"}, train=train)


class Bench:
    """Runs settings in one folder, so that answers and captured rows are made once."""

    def __init__(self, folder: Path, arguments: argparse.Namespace) -> None:
        self.folder, self.arguments = folder, arguments
        self.begin: Path | None = None
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(RECIPES / "banking77-teacher.yaml", folder / "banking77-teacher.yaml")

    def run(self, name: str, setting: Mapping[str, Any], steps: int, seeds: list[int]) -> Path:
        """The run folder of a setting."""
        own = self.arguments
        settings = {**dict(setting), "seeds": seeds}
        if own.task == "embedded":
            settings |= {**MUON, "steps": steps, "learning_rate": own.learning_rate}
        made = recipe(own.task, settings, rows=own.rows, test=own.test)
        if own.across:
            made["student"] = TRIMMED
        if self.begin is not None:
            made["student"] = {"model": str(self.begin.resolve())}
        warm = "" if self.begin is None else f"-after-{own.after}"
        if name == "answers_only":
            made["train"]["controls"] = ["answers_only"]
            made["evaluate"]["against"] = ["answers_only"]
        if "teacher" not in setting and any(item != CE for item in setting["losses"]):
            made["capture"] = {"teacher": "t", "top_k": own.top_k}
        places = {"IMBIK_BANKING77": str(Path(own.data).resolve())}
        return run(made, plain(f"{name}-{steps}{warm}"), self.folder, places)

    def tokens(self, run: Path, variant: str = "student") -> float:
        """Tokens passed, mean over seeds."""
        return float(np.mean([training["tokens"] for training in trainings(run, variant)]))


def main() -> None:
    """Run every setting, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=["embedded", "banking77"], default="embedded")
    parser.add_argument("--data", default=os.environ.get("IMBIK_BANKING77", ""), help="folder of Banking77")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--test", type=int, default=500)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--top-k", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=8e-3)
    parser.add_argument("--after", type=int, default=0, help="steps on the text that all begin with (embedded)")
    parser.add_argument("--across", action="store_true", help="a student with another tokenizer (embedded)")
    parser.add_argument("--only", default="", help="names of settings, with commas")
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/.losses"))
    own = parser.parse_args()
    bench, seeds = Bench(own.folder, own), list(range(1, own.seeds + 1))
    settings = ACROSS if own.across else SETTINGS
    chosen = {name for name in own.only.split(",") if name} or set(settings)
    found: dict[str, tuple[Any, float]] = {}
    if own.after:
        first = bench.run("begin", SETTINGS["text_only"], own.after, [1])
        begun = Bootstrap().mean(scores(first))
        print(f"begins as {100 * begun.value:.1f} [{100 * begun.low:.1f}, {100 * begun.high:.1f}] right", flush=True)
        bench.begin = first / "6_student" / "student" / "seed-1" / "weights"
    one_token = own.task == "banking77"  # no reasoning to leave out, no attempts of one's own
    floors = ["text_only"] if one_token or own.after or own.across else ["text_only", "answers_only"]
    for name, setting in settings.items():
        if name not in chosen | set(floors) or (one_token and "on_policy" in setting):
            continue
        if name == "answers_only" and name not in floors:
            continue
        began, variant = time.perf_counter(), "answers_only" if name == "answers_only" else "student"
        steps = own.steps
        if "on_policy" in setting:  # as many tokens as rows alone would pass
            trial = bench.tokens(bench.run(f"{name} trial", setting, 60, [1])) / 60
            steps = round(own.steps * found["text_only"][1] / own.steps / trial)
        made = bench.run(name, setting, steps, seeds)
        found[name] = (scores(made, variant), bench.tokens(made, variant))
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
    draw = Bootstrap()
    over = "".join(f" {'over ' + one:>26}" for one in floors)
    print(f"\n{'setting':24} {'right':>22}{over}  tokens")
    for name, (right, tokens) in found.items():
        parts = [draw.mean(right), *(draw.difference(right, found[one][0]) for one in floors)]
        cells = [f"{100 * s.value:+.1f} [{100 * s.low:+.1f}, {100 * s.high:+.1f}]" for s in parts if s is not None]
        wins = all(s is not None and s.low > 0 for s in parts[1:])
        row = "".join(f" {cell:>{width}}" for cell, width in zip(cells, (22, *[26] * len(floors)), strict=True))
        print(f"{name:24}{row}  {tokens / found['text_only'][1]:.2f}{'  wins' if wins else ''}")


if __name__ == "__main__":
    main()
