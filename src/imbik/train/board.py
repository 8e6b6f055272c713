"""TensorBoard events of one training: losses, learning rate, tokens, at each point of the curve.

Enters: points of the learning curve. Leaves: event files in `tensorboard/`; a resumed training hides what was written
after the step it resumes from. The library is loaded at the first point, not before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imbik.core.files import make_private
from imbik.train.course import Point


class Board:
    """Writes scalars; `begun` is the step at which this process took over."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.begun = folder, 0
        self._writer: Any = None

    def write(self, point: Point, learning_rate: float, tokens: int) -> None:
        """One point: `loss/train`, `loss/validation`, `learning_rate`, `tokens`."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            purge = self.begun + 1 if self.begun else None
            self._writer = SummaryWriter(str(self.folder), purge_step=purge)
            make_private(self.folder)
        self._writer.add_scalar("loss/train", point.train_loss, point.step)
        if point.validation_loss is not None:
            self._writer.add_scalar("loss/validation", point.validation_loss, point.step)
        self._writer.add_scalar("learning_rate", learning_rate, point.step)
        self._writer.add_scalar("tokens", tokens, point.step)

    def close(self) -> None:
        """Flush and close."""
        if self._writer is not None:
            self._writer.close()
