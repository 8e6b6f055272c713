"""What a student should begin as: weights drawn anew, or part of a larger model, healed at equal steps.

    python benchmarks/student_start.py            # embedded problems, two seeds: under an hour on one core
    python benchmarks/student_start.py --only "2 layers, spread" --steps 200

Every start is a recipe run by `imbik run`, with the same rows, optimiser, steps and seeds; the teacher (1.9 million
weights, 4 layers) is what parts are taken of, and its answers are asked for once. Printed: weights, the share of
held-out tasks right before training and after it, and the paired difference after it from the floor: a student of two
layers drawn anew. Two more arms learn from distributions: the teacher's as it is, and after it was adapted to the task
(teacher correction). All with 95% bootstrap intervals over tasks and seeds.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.students import MUON, embedded, plain, run, scores

from imbik.evaluate.bootstrap import Bootstrap

FLOOR = "2 layers, drawn anew"
TEACHER = "embedded:teacher"
KD: dict[str, Any] = {"losses": [{"use": "cross_entropy", "weight": 0.5}, {"use": "forward_kl", "weight": 0.5}]}
DRAWN = {"architecture": "llama", "hidden_size": 192, "intermediate_size": 512, "heads": 3, "tokenizer": "teacher"}
STARTS: dict[str, dict[str, Any]] = {
    FLOOR: {"student": {**DRAWN, "layers": 2}},
    "2 layers, spread": {"student": {"keep": {"layers": 2}}},
    "2 layers, the first": {"student": {"keep": {"layers": [0, 1]}}},
    "half of each MLP": {"student": {"keep": {"mlp": 0.5}}},
    "2 of 3 heads": {"student": {"keep": {"heads": 0.67}}},
    "half of the width": {"student": {"keep": {"hidden": 0.5}}},
    "2 layers, half of each MLP": {"student": {"keep": {"layers": 2, "mlp": 0.5}}},
    "the used vocabulary": {"student": {"keep": {"layers": 2, "vocabulary": "used"}}},
    "2 layers, KD": {"student": {"keep": {"layers": 2}}, "train": KD, "capture": {"teacher": "t", "top_k": 32}},
    "2 layers, KD, corrected": {
        "student": {"keep": {"layers": 2}}, "train": KD, "capture": {"teacher": "corrected", "top_k": 32},
    },
}  # fmt: skip


def recipe(given: dict[str, Any], own: argparse.Namespace) -> dict[str, Any]:
    """A start's recipe."""
    student = given["student"] if "architecture" in given["student"] else {"model": TEACHER, **given["student"]}
    train = {
        **MUON, "steps": own.steps, "learning_rate": own.learning_rate, "seeds": list(range(1, own.seeds + 1)),
        **given.get("train", {}),
    }  # fmt: skip
    made = embedded(rows=own.rows, test=own.test, student=student, train=train)
    if given.get("capture", {}).get("teacher") == "corrected":
        made["teachers"]["corrected"] = {"use": "run", "recipe": "corrected.yaml"}
    capture = {"capture": given["capture"]} if "capture" in given else {}
    return {**made, **capture, "evaluate": {"against": ["baseline"]}}


def corrected(own: argparse.Namespace) -> dict[str, Any]:
    """The teacher's own recipe: LoRA on its kept answers."""
    made = recipe({"student": {}}, own)
    made["train"] = {"method": {"use": "lora", "r": 8}, "steps": 100, "batch_size": 32, "learning_rate": 1e-3}
    return made


def weights(run: Path, variant: str) -> int:
    """A system's number of weights, by the report."""
    report = msgspec.json.decode((run / "8_report" / "scores.json").read_bytes())
    return int(report["systems"][variant]["parameters"])


def main() -> None:
    """Run every start, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--test", type=int, default=500)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=4e-3)
    parser.add_argument("--only", default="", help="names of starts, with semicolons")
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/.student_start"))
    own = parser.parse_args()
    own.folder.mkdir(parents=True, exist_ok=True)
    (own.folder / "corrected.yaml").write_text(
        yaml.safe_dump({**corrected(own), "name": "corrected"}), encoding="utf-8"
    )
    chosen = {name for name in own.only.split(";") if name} or set(STARTS)
    draw, floor = Bootstrap(), None
    for name, given in STARTS.items():
        if name not in chosen | {FLOOR}:
            continue
        began = time.perf_counter()
        made = run(recipe(given, own), plain(name), own.folder)
        after, before = scores(made), scores(made, "baseline")
        floor = after if floor is None else floor
        parts = (draw.mean(before), draw.mean(after), draw.difference(after, floor))
        cells = [f"{100 * s.value:+.1f} [{100 * s.low:+.1f}, {100 * s.high:+.1f}]" if s else "-" for s in parts]
        row = "".join(f" {cell:>22}" for cell in cells)
        print(
            f"{name:28} {weights(made, 'student') / 1e6:6.2f} M{row}  {time.perf_counter() - began:.0f} s", flush=True
        )


if __name__ == "__main__":
    main()
