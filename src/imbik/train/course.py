"""The course of one training: what is known at a step, and the record that stays.

Enters: losses as they come. Leaves: `Position` (all that a checkpoint needs beside tensors), which step was best,
whether to stop, and `TrainingRecord`, the content of `training.json`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from imbik.core.types import Record
from imbik.recipe.training import EarlyStopping, Metric
from imbik.train.attempts import AttemptBooks

if TYPE_CHECKING:
    from imbik.train.validation import Validation

_WATCHED = 20
_FACTOR, _MARGIN = 2.0, 1.0


class Point(Record, frozen=True, kw_only=True, omit_defaults=False):
    """One point of the learning curve, in nats per learned token; `train_loss` is the mean since the last point."""

    step: int
    train_loss: float
    validation_loss: float | None = None
    token_accuracy: float | None = None
    exact_match: float | None = None


class Position(Record, frozen=True, kw_only=True):
    """Where a training stands after `step` optimiser steps.

    `best_*` describe the lowest validation loss and the file that holds those weights; `stale` counts validations
    since; `loss_sum` over `loss_steps` steps is what the next point of the curve starts from; `recent` and
    `first_loss` serve the divergence guard; `scaler` is the state of the fp16 loss scale; `best_value` is what the
    metric gave at the best step (what is to fall).
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    curve: tuple[Point, ...] = ()
    best_step: int = 0
    best_loss: float | None = None
    best_file: str = ""
    best_sha256: str = ""
    stale: int = 0
    stopped_early: bool = False
    loss_sum: float = 0.0
    loss_steps: int = 0
    first_loss: float | None = None
    recent: tuple[float, ...] = ()
    scaler: dict[str, float] = {}
    best_value: float | None = None

    def after_step(self, loss: float, tokens: int) -> Position:
        """One more step with this loss, in which `tokens` tokens were passed."""
        recent = (*self.recent, loss)[-_WATCHED:]
        full = len(recent) == _WATCHED
        first = self.first_loss if self.first_loss is not None or not full else sum(recent) / _WATCHED
        return msgspec.structs.replace(
            self,
            step=self.step + 1,
            tokens=self.tokens + tokens,
            loss_sum=self.loss_sum + loss,
            loss_steps=self.loss_steps + 1,
            recent=recent,
            first_loss=first,
        )

    @property
    def diverged(self) -> bool:
        """Whether the last 20 losses are on average more than twice the first 20, and a nat above them."""
        if self.first_loss is None:
            return False
        return sum(self.recent) / len(self.recent) > _FACTOR * abs(self.first_loss) + _MARGIN

    def after_validation(
        self, found: Validation | None, stopping: EarlyStopping | None, metric: Metric = "loss"
    ) -> Position:
        """A point of the curve; a better value of the metric is the new best (of equals the lower loss), enough
        validations without one stop the training.
        """
        point = Point(step=self.step, train_loss=self.loss_sum / max(self.loss_steps, 1))
        if found is None:
            return msgspec.structs.replace(self, curve=(*self.curve, point), loss_sum=0.0, loss_steps=0)
        point = msgspec.structs.replace(
            point, validation_loss=found.loss, token_accuracy=found.token_accuracy, exact_match=found.exact_match
        )
        changed = msgspec.structs.replace(self, curve=(*self.curve, point), loss_sum=0.0, loss_steps=0)
        value, minimum = found.judged(metric), stopping.minimum if stopping else 0.0
        before = self.best_loss if metric == "loss" else self.best_value
        improved = before is None or value < before - minimum
        lowest = math.inf if self.best_loss is None else self.best_loss
        best = before is None or (value, found.loss) < (before, lowest)
        stale = 0 if improved else self.stale + 1
        return msgspec.structs.replace(
            changed,
            best_loss=found.loss if best else self.best_loss,
            best_value=value if best else self.best_value,
            best_step=self.step if best else self.best_step,
            stale=stale,
            stopped_early=stopping is not None and stale >= stopping.patience,
        )


class TrainingRecord(Record, frozen=True, kw_only=True, omit_defaults=False):
    """`training.json`: how one student or control was trained. Its presence means that the weights beside it are final.

    `tokens` are non-padding tokens passed through the student; `losses` is the learning curve; `kept_step` is the step
    whose weights these are (lowest validation loss, or the last) and `kept_loss` their validation loss; `attempts` what
    became of the rows that were drawn for the student's own attempts.
    """

    variant: str
    seed: int
    steps: int
    planned_steps: int
    tokens: int
    rows: int
    validation_rows: int
    losses: tuple[Point, ...]
    kept_step: int
    kept_loss: float | None
    stopped_early: bool
    seconds: float
    tokens_per_second: float
    precision: str
    threads: int
    layout: str
    micro_batch: int
    padding: float
    parameters: int
    trainable: int
    sha256: str
    adapted: str = ""
    same_as: str = ""
    warnings: tuple[str, ...] = ()
    attempts: AttemptBooks | None = None

    @property
    def validation_loss(self) -> float:
        """What seeds are compared by: the kept validation loss, or the last training loss without validation."""
        return self.kept_loss if self.kept_loss is not None else self.losses[-1].train_loss
