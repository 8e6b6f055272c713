"""Bootstrap intervals over rows and seeds, vectorised and seeded.

Enters: for each system a (seeds, rows) matrix of row scores in [0, 1], NaN where a row was never asked. Leaves: means
with 95% percentile intervals, paired differences and ratios. Every call resamples the same rows for both sides, so
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

from imbik.core.types import Score

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

    def mean(self, scores: Matrix) -> Score:
        """Mean over seeds and rows of a (seeds, rows) matrix.

        Raises: ValueError when no row was answered.
        """
        scores = scores[:, _asked(scores)]
        if not scores.shape[1]:
            raise ValueError("no row to take a mean of")
        value = float(scores.mean())
        if np.ptp(scores) == 0:
            low, high = exact_bounds(value, scores.shape[1])
        else:
            low, high = _interval(self._means([scores])[0])
        return Score(value=value, low=low, high=high, n=scores.shape[1])

    def difference(self, left: Matrix, right: Matrix) -> Score | None:
        """Mean of `left - right` over the rows both were asked, or None when there is no such row."""
        rows = _asked(left) & _asked(right)
        if not rows.any():
            return None
        left, right = left[:, rows], right[:, rows]
        value = float(left.mean() - right.mean())
        draws = self._means([left, right])
        low, high = _interval(draws[0] - draws[1])
        if _alike(left, right):
            low, high = max(-1.0, value - unseen(rows.sum())), min(1.0, value + unseen(rows.sum()))
        return Score(value=value, low=low, high=high, n=int(rows.sum()))

    def ratio(self, student: Matrix, teacher: Matrix) -> Score | None:
        """`student / teacher` of the means over the rows both were asked: retention.

        None when there is no such row, or the teacher's score cannot be told from 0, where a ratio means nothing.
        """
        rows = _asked(student) & _asked(teacher)
        if not rows.any():
            return None
        student, teacher = student[:, rows], teacher[:, rows]
        draws = self._means([student, teacher])
        defined = draws[1] > 0
        if teacher.mean() <= 0 or float(defined.mean()) < 1 - _TAIL:
            return None
        known = float(teacher.mean())
        value = float(student.mean()) / known
        low, high = _interval(draws[0][defined] / draws[1][defined])
        if _alike(student, teacher):
            low, high = max(0.0, value - unseen(rows.sum()) / known), value + unseen(rows.sum()) / known
        elif np.ptp(student) == 0:
            bounds = exact_bounds(float(student.mean()), int(rows.sum()))
            low, high = min(low, bounds[0] / known), max(high, bounds[1] / known)
        return Score(value=value, low=low, high=high, n=int(rows.sum()))

    def _means(self, systems: list[Matrix]) -> list[NDArray[np.float64]]:
        """For each system the mean of every resample, drawn from the same rows; as many seeds draw alike."""
        rows = systems[0].shape[1]
        weights = [self._seed_weights(len(scores)) for scores in systems]
        generator = np.random.default_rng([self.seed, rows])
        chunk = max(1, _CHUNK_CELLS // rows)
        means: list[list[NDArray[np.float64]]] = [[] for _ in systems]
        for start in range(0, self.resamples, chunk):
            size = min(chunk, self.resamples - start)
            drawn = generator.integers(0, rows, size=(size, rows))
            drawn += np.arange(size)[:, None] * rows
            counts = np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows) / rows
            for kept, scores, weight in zip(means, systems, weights, strict=True):
                kept.append(((counts @ scores.T) * weight[start : start + size]).sum(axis=1))
        return [np.concatenate(kept) for kept in means]

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


def _asked(scores: Matrix) -> NDArray[np.bool_]:
    """Rows that every seed was asked."""
    known: NDArray[np.bool_] = np.logical_not(np.isnan(scores).any(axis=0))
    return known


def _alike(left: Matrix, right: Matrix) -> bool:
    """Whether the two sides differ by the same amount on every row, so that no resample can differ."""
    return bool(np.ptp(left.mean(axis=0) - right.mean(axis=0)) == 0)


def _interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(draws, [_TAIL, 1 - _TAIL])
    return float(low), float(high)
