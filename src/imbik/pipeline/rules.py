"""What usually goes wrong, said before it does: warnings by method and model size, each naming the key to change.

Enters: a recipe, the sizes of its models, the number of training rows (0: unknown). Leaves: sentences. Sources of the
ranges: full fine-tuning 1e-5 to 5e-5 and 2 to 4 epochs (Devlin et al. 2019, Touvron et al. 2023), LoRA about ten times
that (Hu et al. 2022; Schulman et al. 2025), models trained from nothing by size (Kaplan et al. 2020; Brown et al. 2020
table 2.1; below 10 M parameters our own runs, see docs/log.md), step size with the root of the batch for Adam (Malladi
et al. 2022).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from imbik.core.types import Sensitivity
from imbik.pipeline.sizes import Size, student_size, teacher_size
from imbik.recipe import Recipe

TINY = 20_000_000
REFERENCE_BATCH = 16
EPOCHS = (2.0, 5.0)
VALIDATION = (0.1, 0.2)


class Range(NamedTuple):
    """Learning rates that published or measured runs of such a model used."""

    low: float
    high: float
    of: str


_FROM_NOTHING = (
    (1_000_000, Range(1e-3, 2e-2, "a model of less than 1 M parameters made from a config")),
    (10_000_000, Range(5e-4, 1e-2, "a model of 1 to 10 M parameters made from a config")),
    (100_000_000, Range(3e-4, 3e-3, "a model of 10 to 100 M parameters made from a config")),
    (1_000_000_000, Range(1e-4, 1e-3, "a model of 0.1 to 1 G parameters made from a config")),
)


def learning_rates(method: str, size: Size | None) -> Range:
    """The usual range for a method and a model; a model of unknown size counts as a large pretrained one."""
    if size is not None and not size.pretrained:
        fitting = (found for limit, found in _FROM_NOTHING if size.parameters < limit)
        return next(fitting, Range(5e-5, 5e-4, "a model of more than 1 G parameters made from a config"))
    if size is not None and size.parameters < TINY:
        return Range(1e-4, 2e-2, "a pretrained model of less than 20 M parameters")
    if method == "full":
        return Range(1e-5, 5e-5, "full fine-tuning of a pretrained model")
    return Range(1e-5, 5e-4, f"{method} on a pretrained model")


def warnings(recipe: Recipe, training_rows: int = 0, runs: Path | None = None) -> list[str]:
    """All warnings of a recipe, in the order of its sections; `runs` is where teachers that are runs lie."""
    size = student_size(recipe, runs)
    return [
        *_validation_share(recipe),
        *_sampling(recipe),
        *_teacher_no_larger(recipe, size, runs),
        *_learning_rate(recipe, size),
        *_batch_against_rate(recipe, size),
        *_epochs(recipe, size, training_rows),
        *_half_precision(recipe),
    ]


def _validation_share(recipe: Recipe) -> Iterator[str]:
    split, low, high = recipe.tasks.split, *VALIDATION
    if recipe.tasks.validation_source is None and recipe.tasks.source.use in {
        "auto",
        "json",
        "jsonl",
        "csv",
        "parquet",
    }:
        if split.validation == 0:
            yield "tasks.split.validation is 0: nothing tells when to stop or which seed is best; 0.1 to 0.2 is usual"
        elif not low <= split.validation <= high:
            yield f"tasks.split.validation is {split.validation:g}; 10 to 20% of the rows is usual"


def _sampling(recipe: Recipe) -> Iterator[str]:
    generate = recipe.generate
    if generate.source != "teacher":
        return
    if generate.samples.max > 1 and generate.temperature == 0:
        yield (
            f"generate.temperature is 0, so all {generate.samples.max} samples of a task will be the same; "
            "0.7 to 1.0 is usual"
        )
    if generate.samples.until and generate.samples.min == generate.samples.max:
        yield "generate.samples.until does nothing while min and max are equal; raise generate.samples.max"
    if any(block.use == "teachers" and block.raw.get("alone") != "keep" for block in recipe.refine):
        levels = [recipe.tasks.level] if recipe.tasks.level else list(Sensitivity)
        alone = [level.value for level in levels if len(recipe.teachers_for(level)) == 1]
        if alone:
            yield (
                f"the check `teachers` rejects every {' or '.join(alone)} row, which one teacher alone answers; name "
                "several in generate.teacher, or write {use: teachers, alone: keep}"
            )


def _teacher_no_larger(recipe: Recipe, student: Size | None, runs: Path | None) -> Iterator[str]:
    for name in recipe.answering_teachers():
        teacher = teacher_size(recipe, name, runs)
        if student and teacher and teacher.parameters <= student.parameters:
            yield (
                f"teachers.{name} has {parameters(teacher.parameters)} parameters, no more than the student's "
                f"{parameters(student.parameters)}: what is distilled should be larger; see `student`"
            )


def _learning_rate(recipe: Recipe, size: Size | None) -> Iterator[str]:
    rate, usual = recipe.train.learning_rate, learning_rates(recipe.train.method.use, size)
    if not usual.low <= rate <= usual.high:
        side = "high" if rate > usual.high else "low"
        yield f"train.learning_rate {rate:g} is {side} for {usual.of}; {usual.low:g} to {usual.high:g} is usual"


def _batch_against_rate(recipe: Recipe, size: Size | None) -> Iterator[str]:
    """The step grows with the root of the batch; only what that rule alone puts outside the range is said here."""
    train = recipe.train
    usual = learning_rates(train.method.use, size)
    root = math.sqrt(train.batch_size / REFERENCE_BATCH)
    if not usual.low <= train.learning_rate <= usual.high or 0.5 <= root <= 2:
        return
    low, high = usual.low * root, usual.high * root
    if root > 2 and train.learning_rate < low:
        yield (
            f"train.batch_size {train.batch_size} is large for train.learning_rate {train.learning_rate:g}: the rate "
            f"grows with the root of the batch, so {low:.1e} or more is usual"
        )
    if root < 0.5 and train.learning_rate > high:
        yield (
            f"train.batch_size {train.batch_size} is small for train.learning_rate {train.learning_rate:g}: steps will "
            f"be noisy; use {high:.1e} or less, or a batch of {REFERENCE_BATCH}"
        )


def _epochs(recipe: Recipe, size: Size | None, rows: int) -> Iterator[str]:
    """Two to five passes are usual where a pretrained model learns; a model made here needs many more."""
    train, (low, high) = recipe.train, EPOCHS
    if size is not None and (not size.pretrained or size.parameters < TINY):
        return
    epochs = train.steps * train.batch_size / rows if train.steps and rows else train.epochs
    if train.steps and not rows:
        return
    key = "train.steps" if train.steps else "train.epochs"
    if not low <= epochs <= high:
        yield f"{key} makes {epochs:.3g} passes over the rows; {low:g} to {high:g} are usual for a pretrained model"


def _half_precision(recipe: Recipe) -> Iterator[str]:
    if recipe.train.precision == "fp16":
        yield "train.precision fp16 is slow on a processor and overflows easily; auto measures what is fast here"


def parameters(count: int) -> str:
    """`133 k`, `0.9 M`, `7 G`."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= limit * 0.9:
            return f"{count / limit:.3g} {unit}"
    return str(count)
