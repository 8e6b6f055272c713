"""Scores of rows as the bootstrap sees them: means of rows, or a corpus figure made of the rows' statistics.

Enters: a (seeds, rows) matrix of row scores, for a corpus metric with the (seeds, rows, statistics) that it sums.
Leaves: the value of each seed for any weighting of the rows. BLEU, chrF and macro F1 are no means over rows: a resample
sums the statistics of the drawn rows and computes the figure anew (Koehn 2004, "Statistical significance tests for
machine translation evaluation").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]
    Value = Callable[[Sequence[str], Matrix], Matrix]


class Table(Protocol):
    """What the bootstrap needs of one system."""

    @property
    def scores(self) -> Matrix:
        """(seeds, rows), NaN where a row was never asked."""
        ...

    def kept(self, rows: NDArray[np.bool_]) -> Table:
        """Only these rows."""
        ...

    def values(self, counts: NDArray[np.float64]) -> Matrix:
        """(draws, seeds) from a (draws, rows) count of how often each row was drawn."""
        ...

    def by_seed(self) -> Matrix:
        """(seeds,): the value of each seed over all rows."""
        ...

    @property
    def even(self) -> bool:
        """Whether no resample can differ from the value itself."""
        ...


@dataclass(frozen=True)
class Means:
    """A metric that is the mean of its rows."""

    scores: Matrix

    def kept(self, rows: NDArray[np.bool_]) -> Means:
        """Only these rows."""
        return Means(self.scores[:, rows])

    def values(self, counts: NDArray[np.float64]) -> Matrix:
        """Means of the drawn rows."""
        means: Matrix = (counts / counts.shape[1]) @ self.scores.T
        return means

    def by_seed(self) -> Matrix:
        """Means of all rows."""
        means: Matrix = self.scores.mean(axis=1)
        return means

    @property
    def even(self) -> bool:
        """All rows score the same."""
        return bool(np.ptp(self.scores) == 0)


@dataclass(frozen=True)
class Corpus:
    """A metric computed from sums over rows. `scores` says which rows were asked."""

    scores: Matrix
    statistics: Matrix
    names: tuple[str, ...]
    value: Value

    def kept(self, rows: NDArray[np.bool_]) -> Corpus:
        """Only these rows."""
        return Corpus(self.scores[:, rows], self.statistics[:, rows], self.names, self.value)

    def values(self, counts: NDArray[np.float64]) -> Matrix:
        """The figure of each drawn corpus."""
        return np.stack([self.value(self.names, counts @ rows) for rows in self.statistics], axis=1)

    def by_seed(self) -> Matrix:
        """The figure of all rows."""
        return np.concatenate([self.value(self.names, rows.sum(axis=0)[None]) for rows in self.statistics])

    @property
    def even(self) -> bool:
        """Nothing right in any row, or everything."""
        values = self.by_seed()
        return bool((values <= 0).all() or (values >= 1).all())
