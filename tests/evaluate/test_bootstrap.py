"""Intervals against closed forms, and what a reader relies on: pairing, seeds, honesty on few rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imbik.evaluate.bootstrap import Bootstrap, exact_bounds, rows_to_show

BOOTSTRAP = Bootstrap(resamples=2000, seed=0)


def coin(rows: int, right: int) -> np.ndarray:
    return np.array([[1.0] * right + [0.0] * (rows - right)])


@pytest.mark.parametrize(("rows", "right"), [(1000, 850), (3080, 2790), (400, 60), (200, 100)])
def test_interval_is_the_binomial_one(rows: int, right: int) -> None:
    score = BOOTSTRAP.mean(coin(rows, right))
    share = right / rows
    half = 1.96 * math.sqrt(share * (1 - share) / rows)
    assert score.value == share
    assert score.low == pytest.approx(share - half, abs=0.12 * half + 1 / rows)
    assert score.high == pytest.approx(share + half, abs=0.12 * half + 1 / rows)


def test_interval_covers_the_truth_about_95_times_of_100() -> None:
    generator = np.random.default_rng(1)
    quick = Bootstrap(resamples=400)
    scores = [quick.mean((generator.random((1, 300)) < 0.8).astype(float)) for _ in range(300)]
    assert 0.91 <= np.mean([score.low <= 0.8 <= score.high for score in scores]) <= 0.985


def test_interval_of_a_difference_between_unlike_systems() -> None:
    generator = np.random.default_rng(2)
    left, right = (generator.random((1, 2000)) < 0.9).astype(float), (generator.random((1, 2000)) < 0.8).astype(float)
    score = BOOTSTRAP.difference(left, right)
    assert score is not None
    half = 1.96 * math.sqrt(np.var(left - right) / 2000)
    assert score.high - score.low == pytest.approx(2 * half, rel=0.1)


def test_identical_systems_differ_by_nothing_and_keep_everything() -> None:
    scores = coin(1000, 900)
    difference, kept = BOOTSTRAP.difference(scores, scores), BOOTSTRAP.ratio(scores, scores)
    assert difference is not None
    assert kept is not None
    assert difference.value == 0
    assert difference.low < 0 < difference.high < 0.004
    assert kept.value == 1
    assert 0.995 < kept.low < 1


def test_pairing_makes_small_steady_differences_visible() -> None:
    """Both right on the same 880 rows, the left on 20 more: unpaired intervals overlap, the paired one leaves 0."""
    left, right = coin(1000, 900), coin(1000, 880)
    difference = BOOTSTRAP.difference(left, right)
    assert difference is not None
    assert difference.low > 0
    assert BOOTSTRAP.mean(left).low < BOOTSTRAP.mean(right).high


def test_retention_is_the_quotient_of_the_means() -> None:
    kept = BOOTSTRAP.ratio(coin(1000, 855), coin(1000, 900))
    assert kept is not None
    assert kept.value == pytest.approx(0.95)
    assert kept.low < 0.95 < kept.high


def test_retention_needs_a_teacher_that_is_right_sometimes() -> None:
    assert BOOTSTRAP.ratio(coin(100, 50), coin(100, 0)) is None
    assert BOOTSTRAP.ratio(coin(100, 50), coin(100, 1)) is None  # 37% of resamples hold no right answer


@pytest.mark.parametrize("right", [40, 0])
def test_forty_rows_alike_are_no_certainty(right: int) -> None:
    score = BOOTSTRAP.mean(coin(40, right))
    assert score.high - score.low == pytest.approx(1 - 0.025 ** (1 / 40))
    kept = BOOTSTRAP.ratio(coin(40, 40), coin(40, 40))
    assert kept is not None
    assert kept.low == pytest.approx(0.025 ** (1 / 40))


@pytest.mark.parametrize("rows", [5, 40, 1000])
def test_two_perfect_systems_may_still_differ_either_way(rows: int) -> None:
    """Rows that neither got wrong hide up to 1 - 0.025^(1/n) of each side's mistakes: the teacher's too."""
    hidden = 1 - 0.025 ** (1 / rows)
    kept = BOOTSTRAP.ratio(coin(rows, rows), coin(rows, rows))
    difference = BOOTSTRAP.difference(coin(rows, rows), coin(rows, rows))
    assert kept is not None
    assert difference is not None
    assert (kept.value, kept.low, kept.high) == (1.0, pytest.approx(1 - hidden), pytest.approx(1 + hidden))
    assert kept.low - 1 == pytest.approx(difference.low), "the difference, over a teacher of 1"


def test_nothing_kept_of_a_perfect_teacher_is_never_less_than_nothing() -> None:
    kept = BOOTSTRAP.ratio(coin(40, 0), coin(40, 40))
    assert kept is not None
    assert (kept.value, kept.low, kept.high) == (0.0, 0.0, pytest.approx(1 - 0.025 ** (1 / 40)))


def test_rows_that_a_claim_needs() -> None:
    assert rows_to_show(0.95) == 72
    assert exact_bounds(1.0, 72)[0] >= 0.95 > exact_bounds(1.0, 71)[0]
    with pytest.raises(ValueError, match="between"):
        rows_to_show(1.0)


def test_seeds_that_differ_widen_the_interval() -> None:
    generator = np.random.default_rng(3)
    steady = (generator.random((3, 500)) < 0.8).astype(float)
    uneven = (generator.random((3, 500)) < np.array([[0.6], [0.8], [0.97]])).astype(float)
    narrow, wide = BOOTSTRAP.mean(steady), BOOTSTRAP.mean(uneven)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_rows_not_asked_are_left_out_on_both_sides() -> None:
    left, right = coin(100, 80), coin(100, 60)
    left[0, :50] = np.nan
    difference = BOOTSTRAP.difference(left, right)
    assert difference is not None
    assert difference.n == 50
    assert difference.value == pytest.approx(30 / 50 - 10 / 50)
    left[:] = np.nan
    assert BOOTSTRAP.difference(left, right) is None
    assert BOOTSTRAP.ratio(left, right) is None
    with pytest.raises(ValueError, match="no row"):
        BOOTSTRAP.mean(left)


def test_same_seed_same_interval_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = coin(500, 321)
    before = BOOTSTRAP.mean(scores)
    assert BOOTSTRAP.mean(scores) == before
    assert Bootstrap(seed=1).mean(scores) != before
    monkeypatch.setattr("imbik.evaluate.bootstrap._CHUNK_CELLS", 5_000)
    assert BOOTSTRAP.mean(scores) == before


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=60), st.integers(0, 3))
def test_the_interval_holds_the_value(values: list[float], seed: int) -> None:
    score = Bootstrap(resamples=200, seed=seed).mean(np.array([values]))
    assert 0 <= score.low <= score.value + 1e-9
    assert score.value - 1e-9 <= score.high <= 1


def test_a_thousand_rows_of_ten_systems_take_a_moment() -> None:
    import time

    generator = np.random.default_rng(0)
    scores = (generator.random((10, 3, 1000)) < 0.8).astype(float)
    started = time.perf_counter()
    for system in scores:
        BOOTSTRAP.difference(scores[0], system)
    assert time.perf_counter() - started < 10
