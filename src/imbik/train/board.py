"""TensorBoard events of one training: losses, learning rates, throughput, how busy the machine is, at each point of
the curve.

Enters: points of the learning curve. Leaves: event files in `tensorboard/`; a resumed training hides what was written
after the step it resumes from. The library is loaded at the first point, not before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imbik.core.files import make_private
from imbik.train.course import Point

_GB = 1e9


class Board:
    """Writes scalars; `begun` is the step at which this process took over."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.begun = folder, 0
        self._writer: Any = None
        self._last: tuple[float, int, int] | None = None

    def write(
        self, point: Point, learning_rates: Sequence[float], tokens: int, changing: Mapping[str, float] | None = None
    ) -> None:
        """One point: `loss/*`, `perplexity`, `learning_rate` (the highest; `learning_rate/lowest` where weights have
        several), `tokens`, `throughput/*` since the last point, what `utilisation` gives, and
        under `losses/` the numbers of losses that are `changing`.
        """
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            purge = self.begun + 1 if self.begun else None
            self._writer = SummaryWriter(str(self.folder), purge_step=purge)
            make_private(self.folder)
        values = {"loss/train": point.train_loss, "tokens": float(tokens), "learning_rate": max(learning_rates)}
        if min(learning_rates) < max(learning_rates):
            values["learning_rate/lowest"] = min(learning_rates)
        if point.validation_loss is not None:
            values["loss/validation"] = point.validation_loss
            values["perplexity"] = math.exp(min(point.validation_loss, 700.0))
        values |= {f"losses/{name}": value for name, value in (changing or {}).items()}
        for name, value in {**values, **self._throughput(point.step, tokens), **utilisation()}.items():
            self._writer.add_scalar(name, value, point.step)

    def _throughput(self, step: int, tokens: int) -> dict[str, float]:
        """Tokens and steps a second since the last point, validation included; nothing at the first."""
        now, last = time.monotonic(), self._last
        self._last = (now, step, tokens)
        if last is None:
            return {}
        seconds = max(now - last[0], 1e-9)
        return {
            "throughput/tokens_per_second": (tokens - last[2]) / seconds,
            "throughput/steps_per_second": (step - last[1]) / seconds,
        }

    def close(self) -> None:
        """Flush and close."""
        if self._writer is not None:
            self._writer.close()


def utilisation() -> dict[str, float]:
    """How busy the machine is: shares in percent, memory in GB; the card's where there is one."""
    import psutil
    import torch

    found = {
        "machine/cpu_percent": float(psutil.cpu_percent()),
        "machine/memory_percent": float(psutil.virtual_memory().percent),
        "machine/process_memory_gb": psutil.Process().memory_info().rss / _GB,
    }
    if torch.cuda.is_available():
        found["machine/gpu_memory_gb"] = torch.cuda.memory_allocated() / _GB
        found["machine/gpu_memory_peak_gb"] = torch.cuda.max_memory_allocated() / _GB
        found |= _busy()
    return found


def _busy() -> dict[str, float]:
    """The share of time in which the card computed; nothing where its driver's library is not there."""
    import torch

    try:
        return {"machine/gpu_percent": float(torch.cuda.utilization())}
    except (ImportError, ModuleNotFoundError, RuntimeError):
        return {}
