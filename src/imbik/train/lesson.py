"""What is trained, and to whom the loop reports.

Enters: rows, their order, losses; functions of whoever shows progress. Leaves: two records the trainer is built from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imbik.recipe.training import EarlyStopping
from imbik.train.batches import Order
from imbik.train.losses import Loss
from imbik.train.rows import Row

if TYPE_CHECKING:
    from imbik.train.loss_schedule import Courses
    from imbik.train.on_policy import Attempts
    from imbik.train.pairs import PairOrder
    from imbik.train.precision import Measured


@dataclass(frozen=True)
class Lesson:
    """What is trained: rows and their order, validation rows with the losses they are judged by, when to stop early;
    `attempts` replaces some rows of a step by the student's own, `pairs` are texts to compare beside them, `courses`
    says how losses change.
    """

    name: str
    seed: int
    rows: Sequence[Row]
    order: Order
    validation: Sequence[Row]
    validation_losses: Sequence[Loss]
    stopping: EarlyStopping | None
    attempts: Attempts | None = None
    pairs: PairOrder | None = None
    courses: Courses | None = None

    def batch(self, step: int) -> list[Row]:
        """The rows of a step, as they stand."""
        return [self.rows[index] for index in self.order.batch(step)]


@dataclass(frozen=True)
class Hooks:
    """What the loop reports to: `begin(steps, done)`, `advance(steps, note)`, `say(line)`, and `adjust` when what was
    measured has to change.
    """

    begin: Callable[[int, int], None]
    advance: Callable[[int, str], None]
    say: Callable[[str], None]
    adjust: Callable[[Measured], None]
