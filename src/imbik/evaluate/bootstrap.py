"""Bootstrap intervals over rows and seeds, vectorised and seeded.

Enters: for each system a (seeds, rows) matrix of row scores in [0, 1], NaN where a row was never asked, or a `Table`
of one (`tables`: corpus metrics sum statistics of rows). Leaves: means with 95% percentile intervals, paired
differences and ratios. Every call resamples the same rows for both sides, so
that a difference between systems is not blurred by which rows happened to be hard (Efron and Tibshirani 1993, chapter
8).

Where every row scores (or differs) the same, resampling sees no spread at all, and a bootstrap would claim certainty
from five rows. There the exact binomial bound takes its place (Clopper and Pearson 1934): n rows, all right, show a
rate of at least 0.025^(1/n) and no more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imbik.core.results import Score
from imbik.evaluate.tables import Means, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

LEVEL = 0.95
_TAIL = (1 - LEVEL) / 2
_CHUNK_CELLS = 4_000_000  # of the resampled index matrix: 32 MB


@dataclass(frozen=True)
class Bootstrap:
    """How to resample: number of resamples and the seed of the generator; equal settings give equal intervals."""

    resamples: int = 2000
    seed: int = 0

    def mean(self, scores: Matrix | Table) -> Score:
        """Mean over seeds and rows of a (seeds, rows) matrix, or the figure of a corpus, mean over seeds.

        Raises: ValueError when no row was answered.
        """
        table = _table(scores)
        table = table.kept(_asked(table))
        rows = table.scores.shape[1]
        if not rows:
            raise ValueError("no row to take a mean of")
        value = _value(table)
        low, high = exact_bounds(value, rows) if table.even else _interval(self._draws([table])[0])
        return Score(value=value, low=low, high=high, n=rows)

    def difference(self, left: Matrix | Table, right: Matrix | Table) -> Score | None:
        """Mean of `left - right` over the rows both were asked, or None when there is no such row."""
        both = _paired(left, right)
        if both is None:
            return None
        one, other, rows = both
        value = _value(one) - _value(other)
        draws = self._draws([one, other])
        low, high = _interval(draws[0] - draws[1])
        if _alike(one, other, draws):
            low, high = max(-1.0, value - unseen(rows)), min(1.0, value + unseen(rows))
        return Score(value=value, low=low, high=high, n=rows)

    def ratio(self, student: Matrix | Table, teacher: Matrix | Table) -> Score | None:
        """`student / teacher` of the means over the rows both were asked: retention.

        None when there is no such row, or the teacher's score cannot be told from 0, where a ratio means nothing.
        """
        both = _paired(student, teacher)
        if both is None:
            return None
        own, theirs, rows = both
        draws = self._draws([own, theirs])
        defined = draws[1] > 0
        known = _value(theirs)
        if known <= 0 or float(defined.mean()) < 1 - _TAIL:
            return None
        value = _value(own) / known
        low, high = _interval(draws[0][defined] / draws[1][defined])
        if _alike(own, theirs, draws):
            low, high = max(0.0, value - unseen(rows) / known), value + unseen(rows) / known
        elif own.even:
            bounds = exact_bounds(_value(own), rows)
            low, high = min(low, bounds[0] / known), max(high, bounds[1] / known)
        return Score(value=value, low=low, high=high, n=rows)

    def _draws(self, systems: list[Table]) -> list[NDArray[np.float64]]:
        """For each system the value of every resample, drawn from the same rows; as many seeds draw alike."""
        rows = systems[0].scores.shape[1]
        weights = [self._seed_weights(len(table.scores)) for table in systems]
        generator = np.random.default_rng([self.seed, rows])
        chunk = max(1, _CHUNK_CELLS // rows)
        found: list[list[NDArray[np.float64]]] = [[] for _ in systems]
        for start in range(0, self.resamples, chunk):
            size = min(chunk, self.resamples - start)
            drawn = generator.integers(0, rows, size=(size, rows))
            drawn += np.arange(size)[:, None] * rows
            counts = np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)
            for kept, table, weight in zip(found, systems, weights, strict=True):
                kept.append((table.values(counts) * weight[start : start + size]).sum(axis=1))
        return [np.concatenate(kept) for kept in found]

    def _seed_weights(self, seeds: int) -> NDArray[np.float64]:
        """(resamples, seeds): how much each seed counts in each resample."""
        generator = np.random.default_rng([self.seed, 1, seeds])
        return generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=self.resamples) / seeds


def exact_bounds(value: float, rows: int) -> tuple[float, float]:
    """The 95% interval of `rows` rows that all score `value`: exact at 0 and 1, the value itself in between.

    At 0 and 1 the Clopper-Pearson bound has a closed form, 0.025^(1/n) from below and its mirror from above.
    """
    if rows < 1:
        raise ValueError("an interval needs at least one row")
    bound = _TAIL ** (1 / rows)
    if value >= 1:
        return bound, 1.0
    return (0.0, 1 - bound) if value <= 0 else (value, value)


def unseen(rows: int) -> float:
    """The largest rate (97.5% sure) of something that `rows` rows never showed: 1 - 0.025^(1/n)."""
    return float(1 - _TAIL ** (1 / rows))


def rows_to_show(share: float) -> int:
    """The fewest rows that can show a success rate of at least `share`: 0.025^(1/n) >= share, every row right."""
    if not 0 < share < 1:
        raise ValueError("share lies between 0 and 1")
    return math.ceil(math.log(_TAIL) / math.log(share))


def _table(scores: Matrix | Table) -> Table:
    return Means(scores) if isinstance(scores, np.ndarray) else scores


def _asked(table: Table) -> NDArray[np.bool_]:
    """Rows that every seed was asked."""
    known: NDArray[np.bool_] = np.logical_not(np.isnan(table.scores).any(axis=0))
    return known


def _paired(left: Matrix | Table, right: Matrix | Table) -> tuple[Table, Table, int] | None:
    """Both sides on the rows that both were asked, and how many those are."""
    one, other = _table(left), _table(right)
    rows = _asked(one) & _asked(other)
    return (one.kept(rows), other.kept(rows), int(rows.sum())) if rows.any() else None


def _value(table: Table) -> float:
    """The value that is told: for means the mean of all cells, else the mean over seeds."""
    return float(table.scores.mean() if isinstance(table, Means) else table.by_seed().mean())


def _alike(left: Table, right: Table, draws: list[NDArray[np.float64]]) -> bool:
    """Whether the two sides differ by the same amount on every row, so that no resample can differ."""
    if isinstance(left, Means) and isinstance(right, Means):
        return bool(np.ptp(left.scores.mean(axis=0) - right.scores.mean(axis=0)) == 0)
    return bool(np.ptp(draws[0] - draws[1]) == 0)


def _interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(draws, [_TAIL, 1 - _TAIL])
    return float(low), float(high)
