"""Runs ready to train: little sums with worked solutions, a tiny student, samples as refine keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imbik.core.runfolder import RunFolder, write_parts
from imbik.core.types import Completion, Sample, Sensitivity
from imbik.recipe import Recipe
from stagekit import FakeAsker, make_recipe, make_run, make_sample, make_task

STUDENT = {
    "architecture": "llama", "hidden_size": 16, "layers": 1, "heads": 2, "context": 96, "vocabulary": 320,
    "tokenizer": "train",
}  # fmt: skip
TRAIN = {"steps": 12, "batch_size": 4, "learning_rate": 1e-2, "validate_every": 4, "precision": "fp32", "threads": 1}
Ready = tuple[RunFolder, Recipe]


def sums(count: int) -> list[Sample]:
    """`3 + 4` with a line of reasoning that grows with the number, so that rows differ in length."""
    made = []
    for number in range(count):
        left, right = number % 7, number % 5 + number % 3
        task = make_task(f"t{number:03d}", f"{left} + {right} kaç eder?", str(left + right))
        steps = " ".join(["Topla."] * (number % 4)) + f" {left} + {right} = {left + right}."
        made.append(make_sample(task, answer=str(left + right), reasoning=steps.strip()))
    return made


def lay(folder: Path, rows: int = 30, samples: Sequence[Sample] | None = None, **sections: Any) -> Ready:
    """A run whose refine stage is done, a tenth of its rows validation, and its recipe."""
    kept = sums(rows) if samples is None else list(samples)
    tasks = [(sample.task, "validation" if index % 10 == 0 else "train") for index, sample in enumerate(kept)]
    run = make_run(folder, tasks)
    write_parts(run.begin("3_refined", "h"), iter(kept))
    train = {**TRAIN, **sections.pop("train", {})}
    return run, make_recipe(student=sections.pop("student", STUDENT), train=train, **sections)


class Beside(FakeAsker):
    """Knows one teacher's folder, whose answers are internal."""

    def __init__(self, folder: Path | None, level: Sensitivity = Sensitivity.INTERNAL) -> None:
        super().__init__(lambda teacher, question: Completion(answer=""), level)
        self.weights = folder

    def model_folder(self, teacher: str) -> Path | None:
        return self.weights
