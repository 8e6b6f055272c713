"""Losses while training, as the report draws them.

Enters: `training.json` of every trained model of a run. Leaves: a few curves; a file that is missing gives none.
"""

from __future__ import annotations

from imbik.core import students
from imbik.core.files import read_json
from imbik.core.runfolder import RunFolder
from imbik.core.types import Record
from imbik.evaluate.plots import Curve

_VARIANTS = ("student", "text_only", "answers_only")


class _Point(Record, frozen=True, kw_only=True):
    """One point of a learning curve, in nats a token."""

    step: int
    train_loss: float | None = None
    validation_loss: float | None = None


class _Training(Record, frozen=True, kw_only=True):
    """The part of training.json that is drawn."""

    losses: tuple[_Point, ...] = ()


def read_curves(run: RunFolder) -> list[Curve]:
    """The student's best seed and the first seed of each control: more lines would hide one another."""
    found = []
    for variant in _VARIANTS:
        seeds = students.seeds(run, variant)
        if not seeds:
            continue
        best = students.best_seed(run)
        seed = best if best in seeds else seeds[0]
        path = students.trained(run, variant, seed) / "training.json"
        if path.exists() and (losses := read_json(path, _Training).losses):
            points = [(point.step, point.train_loss, point.validation_loss) for point in losses]
            found.append(Curve(f"{variant}, seed {seed}", points))
    return found
