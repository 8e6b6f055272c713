"""Which texts share runs of words with texts that are known beforehand, block by block.

Enters: the runs of the known texts; then blocks of runs of others. Leaves: for each of the others that has a telling
run in common with a known one, how many different runs it shares with which. One search in a sorted array finds the few
that need a closer look. Runs in more than a few known texts are boilerplate, and not telling.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

from imbik.tasks.grams import Runs

_BOILERPLATE_ROWS = 10


class Shared(NamedTuple):
    """What one text has in common with known ones, by their number: all its runs, and the telling ones alone."""

    size: int
    rows: dict[int, int]
    telling: int
    telling_rows: dict[int, int]


class SharedRuns:
    """Known texts by their runs; `sizes` and `telling_sizes` are their numbers of different ones."""

    def __init__(self, known: Runs) -> None:
        import numpy as np

        sets = [known.of(number) for number in range(len(known.starts) - 1)]
        self.sizes = [len(found) for found in sets]
        self._rows: dict[int, list[int]] = defaultdict(list)
        for number, found in enumerate(sets):
            for run in found.tolist():
                self._rows[run].append(number)
        self._boilerplate = {run for run, rows in self._rows.items() if len(rows) > _BOILERPLATE_ROWS}
        self.telling_sizes = [len(found) - len(self._boilerplate.intersection(found.tolist())) for found in sets]
        telling = [run for run in self._rows if run not in self._boilerplate]
        self._telling = np.sort(np.array(telling, np.uint64))

    def found(self, texts: Runs) -> dict[int, Shared]:
        """By number of the text; those that share no telling run are left out."""
        import numpy as np

        if not len(self._telling) or not len(texts.flat):
            return {}
        places = np.searchsorted(self._telling, texts.flat)
        hits = np.flatnonzero(self._telling.take(places, mode="clip") == texts.flat)
        numbers = np.unique(np.searchsorted(texts.starts, hits, side="right") - 1).tolist()
        return {number: self._shared(texts.of(number).tolist()) for number in numbers}

    def _shared(self, own: list[int]) -> Shared:
        telling = [run for run in own if run not in self._boilerplate]
        telling_rows = Counter(row for run in telling for row in self._rows.get(run, ()))
        rows = Counter(telling_rows)
        for run in self._boilerplate.intersection(own):
            rows.update(row for row in self._rows[run] if row in telling_rows)
        return Shared(len(own), dict(rows), len(telling), dict(telling_rows))
