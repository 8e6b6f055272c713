"""Claim: asking until answers agree accepts as right an answer as eight fixed samples do, for at most 60% of the calls.

Needs nothing. A weakened teacher is served over real HTTP: each addition has its own share of right answers, spread
evenly round the teacher's mean (70%, 75% or 80%) up to 100%; what it gets wrong is one of three mistakes, the first of
which it likes, so mistakes agree too. The n-th answer to a task is the same in every run, so the runs are compared in
pairs. For each teacher and seed whole runs of tasks, generate and refine (`agreement` as it is): eight samples each,
and `{min: 2, max: 8, until: agreement}` with the default lead. Prints calls, the share of accepted tasks whose kept
answer is right with Wilson intervals, the difference of the two with its paired bootstrap interval, and which tasks
the two accept; then, for the teacher of 75%, the floor (as many fixed samples as were asked at the mean, rounded down).

Bars, over all teachers and for those of 75% and 80%: calls at most 60%; accuracy no lower than half a point below, and
an interval that does not lie below zero. The teacher of 70% is printed without a bar of its own: it is asked more.
Control: asked only twice (`max: 2`), the same measure must show fewer right answers among all tasks.

    python benchmarks/agreement.py
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import imbik
from imbik.core.files import read_lines
from imbik.core.types import Sample
from imbik.judge.calibration import wilson
from imbik.recipe import build
from imbik.testing import FakeTeacher

CALLS_BAR, POINTS, MOST, MEANS = 0.60, 0.005, 8, (0.70, 0.75, 0.80)
_NUMBERS = re.compile(r"([0-9]+) artı ([0-9]+)")


class Weak:
    """The weakened teacher: draws are fixed by seed, task and how often the task was asked."""

    def __init__(self, mean: float, seed: int) -> None:
        self.lowest, self.seed, self.asked = 2 * mean - 1, seed, Counter[str]()

    def __call__(self, messages: Sequence[Mapping[str, str]]) -> str:
        found = _NUMBERS.search(messages[-1]["content"])
        assert found is not None
        key, right = f"{self.seed} {found[0]}", int(found[1]) + int(found[2])
        number = self.asked[key]
        self.asked[key] += 1
        skill = random.Random(key).uniform(self.lowest, 1.0)
        draw = random.Random(f"{key} {number}")
        wrong = draw.choices([right + 1, right + 10, right - 1], weights=[2, 1, 1])[0]
        return f"Sayıları toplarım.\nCevap: {right if draw.random() < skill else wrong}"


class Found(NamedTuple):
    """What one way of asking brought: calls, tasks, and of every accepted task whether its answer is right."""

    calls: int
    tasks: int
    right: dict[str, bool]

    def told(self, name: str) -> str:
        """One line."""
        share = wilson(sum(self.right.values()), len(self.right))
        assert share is not None
        return (
            f"{name}: {self.calls} calls, {len(self.right)} of {self.tasks} tasks accepted, of these right "
            f"{share.value:.2%} [{share.low:.2%}, {share.high:.2%}]"
        )


def together(found: Sequence[Found]) -> Found:
    """Several runs as one."""
    right = {f"{at} {name}": known for at, one in enumerate(found) for name, known in one.right.items()}
    return Found(sum(one.calls for one in found), sum(one.tasks for one in found), right)


def asked(weak: Weak, tasks: int, samples: object) -> Found:
    """A whole run up to refine against a teacher of its own."""
    draw = random.Random(weak.seed)
    pairs = {(draw.randint(100, 9999), draw.randint(100, 9999)) for _ in range(tasks * 2)}
    rows = "".join(f"{a} artı {b} kaç eder?,{a + b}\n" for a, b in sorted(pairs)[:tasks])
    with tempfile.TemporaryDirectory() as name, FakeTeacher(weak) as teacher:
        folder = Path(name)
        (folder / "rows.csv").write_text("question,answer\n" + rows, encoding="utf-8")
        recipe: dict[str, Any] = {
            "name": "calls",
            "tasks": {
                "source": str(folder / "rows.csv"), "kind": "math", "sensitivity": "public",
                "split": {"test": 0, "validation": 0},
            },
            "teachers": {"weak": {"use": "openai", "model": "weak", "base_url": teacher.base_url}},
            "generate": {"samples": samples, "temperature": 0.8},
            "refine": [{"use": "agreement", "at_least": 0.5}],
            "student": {"architecture": "llama"},
        }  # fmt: skip
        imbik.run(build(recipe), runs=folder / "runs", until="refine")
        right: dict[str, bool] = {}
        for path in sorted((folder / "runs" / "calls" / "3_refined").glob("part-*.jsonl")):
            for sample in read_lines(path, Sample):
                known = sample.task.reference
                assert known is not None
                right[sample.task.id] = sample.answer.strip() == known.text.strip()
        return Found(teacher.count, tasks, right)


def difference(adaptive: Found, fixed: Found) -> tuple[float, float, float]:
    """Accuracy of accepted answers, adaptive less fixed, with a paired bootstrap interval over tasks."""
    names = sorted({*adaptive.right, *fixed.right})
    draw = random.Random(1)

    def once(chosen: Sequence[str]) -> float:
        shares = []
        for found in (adaptive, fixed):
            kept = [found.right[name] for name in chosen if name in found.right]
            shares.append(sum(kept) / len(kept))
        return shares[0] - shares[1]

    drawn = sorted(once(draw.choices(names, k=len(names))) for _ in range(1000))
    return once(names), drawn[24], drawn[974]


def compared(name: str, adaptive: Found, fixed: Found) -> bool:
    """Print one comparison; whether it reaches the bars."""
    print(fixed.told(f"{name}, fixed {MOST}"))
    print(adaptive.told(f"{name}, until agreement"))
    share = adaptive.calls / fixed.calls
    value, low, high = difference(adaptive, fixed)
    print(
        f"{name}: {share:.1%} of the calls, bar {CALLS_BAR:.0%}; accuracy of accepted answers {value:+.2%} "
        f"[{low:+.2%}, {high:+.2%}], bar -{POINTS:.1%}"
    )
    return share <= CALLS_BAR and value >= -POINTS and high >= 0


def main() -> int:
    """Measure and print; 0 when the bars are reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tasks", type=int, default=400, help="tasks of one run")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each teacher")
    options = parser.parse_args()
    tasks, seeds, until = options.tasks, range(options.seeds), {"min": 2, "until": "agreement"}
    held, all_adaptive, all_fixed = True, list[Found](), list[Found]()
    for mean in MEANS:
        fixed = together([asked(Weak(mean, seed), tasks, MOST) for seed in seeds])
        adaptive = together([asked(Weak(mean, seed), tasks, until | {"max": MOST}) for seed in seeds])
        held &= compared(f"teacher of {mean:.0%}", adaptive, fixed) or mean == MEANS[0]
        all_adaptive, all_fixed = [*all_adaptive, adaptive], [*all_fixed, fixed]
    held &= compared("all", together(all_adaptive), together(all_fixed))
    floor = together(
        [asked(Weak(MEANS[1], seed), tasks, all_adaptive[1].calls // all_adaptive[1].tasks) for seed in seeds]
    )
    print(floor.told(f"floor of {MEANS[1]:.0%}, as many fixed calls"))
    control = together([asked(Weak(MEANS[1], seed), tasks, until | {"max": 2}) for seed in seeds])
    worse = sum(control.right.values()) < sum(all_fixed[1].right.values())
    print(control.told(f"control of {MEANS[1]:.0%}, two at most"), f"(fewer right than fixed {MOST}: {worse})")
    return 0 if held and worse else 1


if __name__ == "__main__":
    sys.exit(main())
