"""The numbers that plots draw from, kept in one place so that all themes practise the same small tables."""

from __future__ import annotations

import random

UNIT_SIZES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 20, 25)
PERCENTAGES = (10, 20, 25, 50)


def table(rng: random.Random) -> tuple[int, int]:
    """A count of 2 to 9 and a size of one unit: their product is at most 180."""
    while True:
        count, size = rng.randint(2, 9), rng.choice(UNIT_SIZES)
        if count * size <= 180:
            return count, size


def above(rng: random.Random, low: int, spread: int = 80) -> int:
    """A number that exceeds `low` by 5 to `spread`."""
    return low + rng.randint(5, spread)
