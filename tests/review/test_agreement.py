"""Kappa and alpha: published worked examples, closed forms, another library, and intervals that hold what they say."""

from __future__ import annotations

import random

import pytest

from imbik.review.agreement import alpha, kappa

# Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), sections A to E; `.` is a missing value.
TWO_BINARY = ("0100000010", "1110010000")
TWO_NOMINAL = ("aabbdcccedda", "babbbccceddd")
FOUR = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def units(observers: tuple[str, ...], numbers: bool = True) -> list[list[float | str]]:
    return [
        [float(value) if numbers else value for value in column if value != "."]
        for column in zip(*observers, strict=True)
    ]


def pairs(table: list[list[int]]) -> list[tuple[str, str]]:
    return [(f"{i}", f"{j}") for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]


def test_alpha_of_krippendorffs_own_examples() -> None:
    binary, nominal = alpha(units(TWO_BINARY)), alpha(units(TWO_NOMINAL, numbers=False))
    assert binary is not None
    assert nominal is not None
    assert (round(binary.value, 3), binary.n) == (0.095, 10)
    assert (round(nominal.value, 3), nominal.n) == (0.692, 12)


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_four_observers_with_missing_values(level: str, value: float) -> None:
    found = alpha(units(FOUR), level)  # type: ignore[arg-type]
    assert found is not None
    assert found.value == pytest.approx(value, abs=5e-4)
    assert found.n == 11  # the twelfth unit has one value
    assert found.low < found.value < found.high


# Cohen's kappa of the tables that https://en.wikipedia.org/wiki/Cohen's_kappa works out.
@pytest.mark.parametrize(
    ("table", "value"),
    [([[20, 5], [10, 15]], 0.4), ([[45, 15], [25, 15]], 0.1304), ([[25, 35], [5, 35]], 0.2593)],
)
def test_kappa_of_worked_examples(table: list[list[int]], value: float) -> None:
    found = kappa(pairs(table))
    assert found is not None
    assert found.value == pytest.approx(value, abs=5e-5)
    assert found.low < value < found.high


def test_kappa_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score

    chance = random.Random(3)
    for _ in range(20):
        said = [(chance.choice("kkker"), chance.choice("keer")) for _ in range(40)]
        found = kappa(said)
        assert found is not None
        assert found.value == pytest.approx(cohen_kappa_score(*zip(*said, strict=True)))


def test_alpha_of_two_people_without_missing_values_is_scotts_pi_for_many_units() -> None:
    """Closed form: alpha = 1 - (1 - pi)(1 - 1/(2n)) with Scott's pi, whose chance agreement pools both people."""
    chance = random.Random(5)
    said = [(chance.choice("kkr"), chance.choice("kr")) for _ in range(50)]
    seen = sum(one == other for one, other in said) / 50
    by_chance = sum((sum(pair.count(value) for pair in said) / 100) ** 2 for value in "kr")
    pi = (seen - by_chance) / (1 - by_chance)
    found = alpha([list(pair) for pair in said])
    assert found is not None
    assert found.value == pytest.approx(1 - (1 - pi) * (1 - 1 / 100))


def test_ends_of_the_scale() -> None:
    opposite, same = kappa([("k", "r"), ("r", "k")] * 10), kappa([("k", "k"), ("r", "r")] * 10)
    assert opposite is not None
    assert same is not None
    assert (opposite.value, same.value) == (-1.0, 1.0)
    both = alpha([["k", "k"], ["r", "r"]] * 10)
    assert both is not None
    assert both.value == 1.0


def test_a_few_units_of_full_agreement_prove_little() -> None:
    few, many = kappa([("k", "k"), ("r", "r")] * 3), kappa([("k", "k"), ("r", "r")] * 300)
    assert few is not None
    assert many is not None
    # 6 units do not exclude that 46% of them differ, which with even halves is a kappa of 1 - 2 * 0.46.
    assert few.low == pytest.approx(1 - 2 * (1 - 0.025 ** (1 / 6)))
    assert many.low > 0.98
    scores = alpha([[1, 1], [5, 5]] * 3, "ordinal")
    assert scores is not None
    assert scores.low < 0.2


def test_nothing_can_be_told_of_nothing_or_where_all_say_the_same() -> None:
    assert kappa([]) is None
    assert alpha([]) is None
    assert alpha([["k"], ["r"]]) is None
    assert kappa([("k", "k")] * 5) is None
    assert alpha([["k", "k"]] * 5) is None
    assert alpha([[3, 3], [3, 3, 3]], "ordinal") is None


def test_order_of_people_and_units_does_not_matter() -> None:
    said: list[list[float | str]] = [["k", "r", "k"], ["r", "r"], ["k", "e"], ["e", "e", "k"], ["k", "k"]]
    assert alpha(said) == alpha([unit[::-1] for unit in said[::-1]])


def test_intervals_hold_the_truth() -> None:
    """Two people who are right (on halves) with 0.9 each: kappa is (0.82 - 0.5) / 0.5 = 0.64."""
    chance, held, wide = random.Random(7), 0, 0.0
    for _ in range(150):
        truth = [chance.choice("kr") for _ in range(120)]
        said = [tuple(t if chance.random() < 0.9 else "kr".replace(t, "") for _ in range(2)) for t in truth]
        one, many = kappa([(a, b) for a, b in said]), alpha([list(pair) for pair in said])
        assert one is not None
        assert many is not None
        held += (one.low <= 0.64 <= one.high) + (many.low <= 0.64 <= many.high)
        wide += one.high - one.low
    assert 0.9 <= held / 300 <= 0.99
    assert 0.2 < wide / 150 < 0.35


def test_a_hundred_thousand_rows_take_no_time() -> None:
    import time

    chance = random.Random(1)
    said = [[chance.choice("kker"), chance.choice("kker")] for _ in range(100_000)]
    start = time.process_time()
    found = alpha(said)
    assert found is not None
    assert abs(found.value) < 0.02
    assert time.process_time() - start < 2
