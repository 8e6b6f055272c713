"""Learning-rate schedules, by the names the recipe knows.

Enters: the recipe's `train` section and the number of steps. Leaves: a pure function of the step, so that resuming
needs no scheduler state.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from imbik.recipe.training import Train

STABLE_UNTIL = 0.7


def schedule(train: Train, steps: int) -> Callable[[int], float]:
    """The factor of the learning rate at a step (from 0): a rise over `warmup`, then the recipe's fall.

    The fall goes from 1 to `schedule_floor`; `constant` and `inverse_sqrt` do not know it.
    """
    rise = round(train.warmup * steps)
    fall = _falls(train, rise, steps)
    floor = 0.0 if train.schedule in {"constant", "inverse_sqrt"} else train.schedule_floor

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        return floor + (1.0 - floor) * fall((step - rise) / max(steps - rise, 1), step)

    return factor


def _falls(train: Train, rise: int, steps: int) -> Callable[[float, int], float]:
    """A function of the share that is done since the rise (0 to 1) and of the step."""
    known: dict[str, Callable[[float, int], float]] = {
        "constant": lambda done, step: 1.0,
        "linear": lambda done, step: max(1.0 - done, 0.0),
        "polynomial": lambda done, step: max(1.0 - done, 0.0) ** train.schedule_power,
        "cosine": lambda done, step: _cosine(min(done, 1.0)),
        "cosine_with_restarts": lambda done, step: _restarts(done, train.schedule_cycles),
        "inverse_sqrt": lambda done, step: math.sqrt((rise + 1) / (step + 1)),
        "warmup_stable_decay": lambda done, step: _stable(done, rise, steps),
    }
    return known[train.schedule]


def _cosine(done: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * done))


def _restarts(done: float, cycles: int) -> float:
    """`cycles` cosines one after the other, each from 1 (Loshchilov and Hutter 2017, SGDR, cycles of one length)."""
    return 0.0 if done >= 1.0 else _cosine(done * cycles % 1.0)


def _stable(done: float, rise: int, steps: int) -> float:
    """1 until 70% of the steps, then straight to 0 (Hu et al. 2024, MiniCPM, and Hägele et al. 2024 find 10 to 30% of
    the steps enough).
    """
    start = max(STABLE_UNTIL - rise / max(steps, 1), 0.0)
    return 1.0 if done < start else max((1.0 - done) / (1.0 - start), 0.0)
