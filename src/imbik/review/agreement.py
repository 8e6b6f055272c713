"""How far people agree beyond chance: Cohen's kappa for two of them, Krippendorff's alpha for any number.

Enters: what each person said of each unit, values missing where somebody was not asked. Leaves: a coefficient (1:
always the same, 0: as by chance, below 0: worse) with a 95% percentile bootstrap interval over units.

Both coefficients depend on sums over units alone, and units with the same values add the same: so a resample of units
is a draw of how often each pattern of values occurs, and 2,000 of them take milliseconds however many rows there are.
Where all agree on all units, resampling sees no spread; there the exact binomial bound stands in (Clopper and Pearson
1934): n units without a disagreement do not exclude a share of 1 - 0.025^(1/n) of them.

Cohen, "A coefficient of agreement for nominal scales", 1960. Krippendorff, "Computing Krippendorff's
alpha-reliability", 2011.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from imbik.core.results import Score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

Level = Literal["nominal", "ordinal", "interval"]
RESAMPLES = 2_000
_TAIL = 0.025


def kappa(pairs: Iterable[tuple[Hashable, Hashable]], seed: int = 0) -> Score | None:
    """Cohen's kappa of two people's words on the same units. None without units, or where chance always agrees."""
    patterns = dict(sorted(Counter(pairs).items(), key=repr))
    values = sorted({value for pair in patterns for value in pair}, key=repr)
    place = {value: number for number, value in enumerate(values)}
    tables = np.zeros((len(patterns), len(values), len(values)))
    for number, (one, other) in enumerate(patterns):
        tables[number, place[one], place[other]] = 1
    if not patterns:
        return None
    counts = np.array(list(patterns.values()))
    whole = _kappas(np.tensordot(counts[None, :], tables, 1))[0]
    if np.isnan(whole):
        return None
    seen = _unseen(counts) / (1 - _by_chance(np.tensordot(counts[None, :], tables, 1))[0])
    return _score(float(whole), _kappas(np.tensordot(_draws(counts, seed), tables, 1)), counts, float(seen))


def alpha(units: Iterable[Sequence[float | str]], level: Level = "nominal", seed: int = 0) -> Score | None:
    """Krippendorff's alpha. A unit is the values it was given, in any order; units with fewer than two say nothing.

    `ordinal` and `interval` take numbers. None where no unit has two values, or all values are the same.
    """
    found = Counter(tuple(sorted(unit, key=_order)) for unit in units if len(unit) > 1)
    patterns = dict(sorted(found.items(), key=repr))
    if not patterns:
        return None
    values = sorted({value for unit in patterns for value in unit}, key=_order)
    coincidences = np.stack([_coincidence(unit, values) for unit in patterns])
    scale = np.array(values, dtype=np.float64) if level == "interval" else None
    counts = np.array(list(patterns.values()))
    together = np.tensordot(counts[None, :], coincidences, 1)
    whole = _alphas(together, level, scale)[0]
    if np.isnan(whole):
        return None
    differing = _expected(together, 1 - np.eye(len(values)))[0]
    drawn = _alphas(np.tensordot(_draws(counts, seed), coincidences, 1), level, scale)
    return _score(float(whole), drawn, counts, float(_unseen(counts) / differing))


def _order(value: float | str) -> tuple[float, str]:
    return (0.0, value) if isinstance(value, str) else (float(value), "")


def _coincidence(unit: Sequence[float | str], values: Sequence[float | str]) -> Numbers:
    """What one unit adds to the coincidence matrix: its pairs of values, each by 1 / (values - 1)."""
    counts = np.array([unit.count(value) for value in values], dtype=np.float64)
    found: Numbers = (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    return found


def _alphas(coincidences: Numbers, level: Level, scale: Numbers | None) -> Numbers:
    """1 - observed / expected disagreement of each matrix (draws, values, values); nan where none can be expected."""
    distance = _distances(coincidences.sum(axis=2), level, scale)
    observed = (coincidences * distance).sum(axis=(1, 2)) / coincidences.sum(axis=(1, 2))
    expected = _expected(coincidences, distance)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Numbers = np.where(expected > 0, 1 - observed / expected, np.nan)
    return found


def _expected(coincidences: Numbers, distance: Numbers) -> Numbers:
    """The mean distance of two values that are drawn from all there are."""
    margins = coincidences.sum(axis=2)
    total = margins.sum(axis=1)
    found: Numbers = np.einsum("bi,bj,bij->b", margins, margins, np.broadcast_to(distance, coincidences.shape))
    expected: Numbers = found / (total * (total - 1))
    return expected


def _distances(margins: Numbers, level: Level, scale: Numbers | None) -> Numbers:
    """Squared distances of values. Ordinal ones lie between the middles of their ranks: the number of values between
    two categories, those of the two themselves by half, is the difference of their mean ranks."""
    if level == "nominal":
        nominal: Numbers = 1 - np.eye(margins.shape[1])
        return nominal
    places = np.cumsum(margins, axis=1) - margins / 2 if scale is None else scale[None, :]
    found: Numbers = (places[:, :, None] - places[:, None, :]) ** 2
    return found


def _by_chance(tables: Numbers) -> Numbers:
    """How often two people with these habits agree by chance."""
    total = tables.sum(axis=(1, 2))
    found: Numbers = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1) / (total * total)
    return found


def _kappas(tables: Numbers) -> Numbers:
    chance = _by_chance(tables)
    seen = np.trace(tables, axis1=1, axis2=2) / tables.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Numbers = np.where(chance < 1, (seen - chance) / (1 - chance), np.nan)
    return found


def _draws(counts: NDArray[np.int64], seed: int) -> Numbers:
    """How often each pattern occurs in each resample of the units (resamples, patterns)."""
    generator = np.random.default_rng([seed, int(counts.sum())])
    drawn: Numbers = generator.multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES).astype(np.float64)
    return drawn


def _unseen(counts: NDArray[np.int64]) -> float:
    """The largest share (97.5% sure) of something that none of the units showed."""
    return float(1 - _TAIL ** (1 / counts.sum()))


def _score(value: float, drawn: Numbers, counts: NDArray[np.int64], unseen: float) -> Score:
    """The coefficient with its interval; resamples in which all say the same of all have none, and are left out."""
    drawn = drawn[~np.isnan(drawn)]
    low, high = (float(end) for end in np.quantile(drawn, [_TAIL, 1 - _TAIL]))
    if value == 1.0:
        low = max(-1.0, 1 - unseen)
    return Score(value=value, low=min(low, value), high=max(high, value), n=int(counts.sum()))
