"""Numbers of losses that change while a student is trained: weights, temperatures, mixtures.

Enters: the recipe's losses and `train.loss_schedules`. Leaves: the losses as they are at any share of the training. A
number begins at what `train.losses` says. Validation uses the losses as they are in the end, so that its points can be
compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from imbik.core.errors import RecipeError
from imbik.core.misspelt import closest
from imbik.core.plugins import PluginBlock, make, typed_settings
from imbik.recipe import Recipe
from imbik.recipe.training import LossSchedule
from imbik.train.losses import Loss


class Courses:
    """The losses of a recipe as functions of the share of the training that has passed."""

    def __init__(self, blocks: Sequence[PluginBlock], schedules: Mapping[str, Mapping[str, LossSchedule]]) -> None:
        self._blocks, self._schedules = blocks, schedules

    @classmethod
    def of(cls, recipe: Recipe) -> Courses:
        """Those of a recipe."""
        return cls(recipe.train.losses, recipe.train.loss_schedules)

    @property
    def fixed(self) -> bool:
        """Whether nothing changes."""
        return not self._schedules

    def at(self, passed: float) -> list[Loss]:
        """The losses when a share `passed` of the training (0 to 1) has passed."""
        return [make("train/losses", self._block(block, passed)) for block in self._blocks]

    def values(self, passed: float) -> dict[str, float]:
        """What changes, by `LOSS/KEY`."""
        return {
            f"{block.use}/{key}": self._value(block, key, course, passed)
            for block in self._blocks
            for key, course in self._schedules.get(block.use, {}).items()
        }

    def check(self) -> None:
        """Every schedule belongs to a number of a loss, and ends at one that the loss may have.

        Raises: RecipeError, PluginError.
        """
        names = [block.use for block in self._blocks]
        for name, keys in self._schedules.items():
            where = f"train.loss_schedules.{name}"
            if name not in names:
                raise RecipeError(f"this recipe has no loss '{name}'; {closest(name, names)}", where=where)
            block = next(block for block in self._blocks if block.use == name)
            settings = typed_settings("train/losses", block)
            numbers = [key for key, value in settings if isinstance(value, float)]
            for key in keys:
                if key not in numbers:
                    raise RecipeError(f"loss '{name}' has no number '{key}'; {closest(key, numbers)}", where=where)
        self.at(1.0)

    def _block(self, block: PluginBlock, passed: float) -> PluginBlock:
        courses = self._schedules.get(block.use, {})
        if not courses:
            return block
        now = {key: self._value(block, key, course, passed) for key, course in courses.items()}
        return block.model_copy(update={"raw": {**block.raw, **now}})

    def _value(self, block: PluginBlock, key: str, course: LossSchedule, passed: float) -> float:
        start = float(getattr(typed_settings("train/losses", block), key))
        return start + (course.to - start) * course_of(course, passed)


def course_of(course: LossSchedule, passed: float) -> float:
    """How far along a schedule is, 0 to 1, when a share `passed` of the training has passed."""
    span = course.until - course.begin
    along = min(1.0, max(0.0, (passed - course.begin) / span)) if span > 0 else float(passed >= course.begin)
    if course.shape == "step":
        return float(passed >= course.begin)
    return (1 - math.cos(math.pi * along)) / 2 if course.shape == "cosine" else along
