"""Row expressions such as `train[:4096]`, `[100:200]`, `train[10%:20%]`: which rows of a source are used.

Enters: the expression. Leaves: the split it names and the stretch of rows. Percentages and negative numbers count
from the whole, so only they need all rows in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from imbik.core.errors import RecipeError

T = TypeVar("T")
_EXPRESSION = re.compile(r"^\s*(?P<split>[\w-]*)\s*(?:\[(?P<start>-?\d+%?)?\s*:\s*(?P<end>-?\d+%?)?\])?\s*$")


@dataclass(frozen=True)
class Selection:
    """A split's name ('' for whatever there is) and the borders as written ('' for none)."""

    split: str = ""
    start: str = ""
    end: str = ""

    def take(self, rows: Iterable[T]) -> Iterator[T]:
        """The selected rows, in order."""
        if not self.start and not self.end:
            return iter(rows)
        if any(mark in self.start + self.end for mark in "%-"):
            every = list(rows)
            return iter(every[_border(self.start, len(every), 0) : _border(self.end, len(every), len(every))])
        return islice(rows, int(self.start or 0), int(self.end) if self.end else None)


def parse_selection(text: str) -> Selection:
    """Read an expression.

    Raises: RecipeError with an example of each form.
    """
    match = _EXPRESSION.match(text)
    if match is None:
        raise RecipeError(
            f"'{text}' selects no rows",
            where="tasks.rows",
            next="rows: 'train[:4096]', '[100:200]', 'train[10%:20%]' or just 'train'",
        )
    selection = Selection(match["split"], match["start"] or "", match["end"] or "")
    if _percent(selection.start) > 100 or _percent(selection.end) > 100:
        raise RecipeError(f"'{text}' goes beyond 100%", where="tasks.rows")
    return selection


def _percent(border: str) -> int:
    return abs(int(border[:-1])) if border.endswith("%") else 0


def _border(border: str, total: int, default: int) -> int:
    """A border as an index; negative ones count from the end."""
    if not border:
        return default
    if border.endswith("%"):
        percent = int(border[:-1])
        return total * percent // 100 if percent >= 0 else total + total * percent // 100
    return int(border) if int(border) >= 0 else max(total + int(border), 0)
