"""From what a file is to what should be made of it: a proposal that ends in a useful student with no key and no server.

Enters: an Inspection of the user's file and this machine's forecast. Leaves: a Proposal. Labels of about 2,000 rows or
more feed a teacher trained here, which then teaches a student at least eight times smaller; fewer, or answers in words,
feed a student made from a config; rows without answers need somebody to give them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from imbik.pipeline.estimate import estimate
from imbik.pipeline.rows import CHARACTERS_A_TOKEN, Rows
from imbik.pipeline.sizes import Size, student_size
from imbik.recipe import build
from imbik.tasks.inspect import Inspection

Way = Literal["teacher trained here", "plain fine-tuning", "recorded answers", "a teacher is needed"]
ROWS_FOR_TEACHER = 2_000
PATIENCE_SECONDS = 900.0  # what the forecast of a proposal may come to on this machine
STEPS = 4_500  # optimiser steps in which a small classifier made from nothing reached 90% in our runs (docs/log.md)


@dataclass(frozen=True)
class Model:
    """Sizes of a model made from a config, and how it is trained."""

    hidden_size: int
    layers: int
    heads: int
    vocabulary: int
    context: int
    epochs: float
    batch_size: int
    learning_rate: float

    @property
    def student(self) -> dict[str, Any]:
        """The recipe's `student:` section."""
        return {
            "architecture": "llama",
            "hidden_size": self.hidden_size,
            "layers": self.layers,
            "heads": self.heads,
            "context": self.context,
            "vocabulary": self.vocabulary,
        }


@dataclass(frozen=True)
class Proposal:
    """What to make of a file: the way, the models, the split, and the forecast of this machine in seconds."""

    way: Way
    model: Model
    teacher: Model | None
    validation: float
    test: float
    seconds: float


_SMALL = ((32, 2, 4), (48, 2, 4), (64, 2, 4))
_CLASSIFIERS = ((64, 2, 4), (96, 2, 4), (128, 3, 4))
_WRITERS = ((96, 3, 4), (128, 4, 4), (192, 4, 4), (256, 6, 8))


def propose(found: Inspection, *, has_test: bool) -> Proposal:
    """The proposal for a file; `has_test`: the user names a file of held-out rows."""
    validation, test = shares(found, has_test)
    way = way_for(found)
    labels = found.kind == "classification"
    rows = rows_of(found, validation, test)
    ladder = _CLASSIFIERS if labels else _WRITERS
    largest = _model(found, ladder[0], labels)
    seconds = forecast(found, largest, rows, labels)
    for sizes in ladder[1:]:
        larger = _model(found, sizes, labels)
        took = forecast(found, larger, rows, labels)
        if took > PATIENCE_SECONDS or _too_many(larger, rows):
            break
        largest, seconds = larger, took
    if way != "teacher trained here":
        return Proposal(way, largest, None, validation, test, seconds)
    small = _smaller(found, largest)
    return Proposal(way, small, largest, validation, test, seconds + forecast(found, small, rows, labels))


def way_for(found: Inspection) -> Way:
    """Who answers: the rows themselves, a teacher trained on them, recorded answers, or somebody still to be named."""
    if found.answered * 2 < found.rows and found.recorded:
        return "recorded answers"
    if found.answered * 10 < found.rows:
        return "a teacher is needed"
    if found.kind == "classification" and found.answered >= ROWS_FOR_TEACHER:
        return "teacher trained here"
    return "plain fine-tuning"


def shares(found: Inspection, has_test: bool) -> tuple[float, float]:
    """Validation and test shares; sets that files prescribe take nothing from the free rows."""
    test = 0.0 if has_test or found.sets.get("test") else 0.2 if found.rows < 5_000 else 0.1
    return (0.0 if found.sets.get("validation") else 0.1), test


def rows_of(found: Inspection, validation: float, test: float) -> Rows:
    """The rows as the estimate wants them."""
    free = found.rows - found.sets.get("test", 0) - found.sets.get("validation", 0)
    prompt = max(found.median_length / CHARACTERS_A_TOKEN, 4.0)
    answer = 1.0 if found.kind == "classification" else max(prompt, 40.0)
    held_out = found.sets.get("test", 0) + round(free * test)
    checked = found.sets.get("validation", 0) + round(free * validation)
    return Rows(round(free * (1 - validation - test)), checked, held_out, prompt, answer, known=True)


def forecast(found: Inspection, model: Model, rows: Rows, labels: bool) -> float:
    """Seconds that this machine would take to train and measure the model."""
    data = {
        "name": "proposal",
        "tasks": {"source": "rows", "kind": found.kind},
        "generate": {"from": "reference", "max_tokens": 4 if labels else 256},
        "student": model.student,
        "train": {"epochs": model.epochs, "batch_size": model.batch_size},
    }
    return estimate(build(data, base=Path()), rows).total_seconds


def size_of(model: Model) -> Size:
    """How large a proposed model is."""
    data: dict[str, Any] = {
        "name": "size",
        "tasks": {"source": "rows", "kind": "qa"},
        "generate": {"from": "reference"},
    }
    found = student_size(build({**data, "student": model.student}))
    assert found is not None
    return found


def _too_many(model: Model, rows: Rows) -> bool:
    """More than about a thousand weights a row only learn the rows by heart."""
    return size_of(model).parameters > 1_000 * max(rows.train, 1)


def _smaller(found: Inspection, teacher: Model) -> Model:
    """The largest student with at most an eighth of the teacher's weights."""
    most = size_of(teacher).parameters / 8
    models = [_model(found, sizes, labels=True, vocabulary=teacher.vocabulary, rate=5e-3) for sizes in _SMALL]
    fitting = [model for model in models if size_of(model).parameters <= most]
    return fitting[-1] if fitting else _model(found, (24, 2, 4), labels=True, vocabulary=teacher.vocabulary, rate=5e-3)


def _model(found: Inspection, sizes: Sequence[int], labels: bool, *, vocabulary: int = 0, rate: float = 2e-3) -> Model:
    """Sizes and training that fit the file's rows."""
    hidden, layers, heads = sizes
    batch = 32 if found.rows >= 2_000 else 16
    steps = STEPS if rate < 5e-3 else 2 * STEPS
    epochs = min(max(round(steps * batch / max(found.rows, 1)), 6), 60)
    return Model(
        hidden_size=hidden,
        layers=layers,
        heads=heads,
        vocabulary=vocabulary or _vocabulary(found),
        context=_context(found, labels),
        epochs=float(epochs if labels else min(epochs, 20)),
        batch_size=batch,
        learning_rate=rate,
    )


def _vocabulary(found: Inspection) -> int:
    """Tokens for the text there is: more rows carry more words that come often enough."""
    characters = found.rows * found.median_length
    return next(
        (size for limit, size in ((60_000, 512), (300_000, 1_024), (3_000_000, 2_048)) if characters < limit), 4_096
    )


def _context(found: Inspection, labels: bool) -> int:
    """Room for the longest row (and its answer) at two characters a token, in steps of 64."""
    wanted = found.longest / 2 * (1 if labels else 2) + 32
    return min(max(-(-round(wanted) // 64) * 64, 128), 1_024)
