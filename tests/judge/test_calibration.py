"""Calibration: closed forms of kappa and Wilson's interval, bars, and the file."""

from __future__ import annotations

import math
import stat
from pathlib import Path

import pytest

from imbik.core.results import Score
from imbik.judge.calibration import (
    Agreement,
    Bar,
    Calibration,
    agreement,
    agreements,
    judge_key,
    meets,
    path_of,
    read_calibration,
    wilson,
    write_calibration,
)
from imbik.judge.scoring import Marks


def pairs(tp: int, fp: int, tn: int, fn: int) -> list[tuple[bool, bool]]:
    return [(True, True)] * tp + [(False, True)] * fp + [(False, False)] * tn + [(True, False)] * fn


def test_kappa_of_cohens_own_arithmetic() -> None:
    found = agreement(pairs(20, 5, 15, 10))  # seen 0.7, by chance 0.5
    assert found.n == 50
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx(0.4)
    reach = 1.959964 * math.sqrt(0.7 * 0.3 / 50) / 0.5
    assert (found.kappa.low, found.kappa.high) == pytest.approx((0.4 - reach, 0.4 + reach))
    assert found.true_positive is not None
    assert found.true_positive.value == pytest.approx(20 / 30)
    assert found.true_negative is not None
    assert found.true_negative.value == pytest.approx(15 / 20)


def test_kappa_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score

    for counts in ((20, 5, 15, 10), (40, 1, 3, 6), (5, 30, 2, 13)):
        rows = pairs(*counts)
        found = agreement(rows).kappa
        assert found is not None
        assert found.value == pytest.approx(cohen_kappa_score(*zip(*rows, strict=True)))


def test_full_agreement_is_one_and_chance_is_nought() -> None:
    whole = agreement(pairs(30, 0, 20, 0)).kappa
    assert whole == Score(value=1.0, low=1.0, high=1.0, n=50)
    chance = agreement(pairs(10, 10, 10, 10)).kappa
    assert chance is not None
    assert chance.value == pytest.approx(0.0)
    assert agreement(pairs(50, 0, 0, 0)).kappa is None
    assert agreement([]).kappa is None


def test_wilsons_interval() -> None:
    assert wilson(0, 0) is None
    found = wilson(8, 10)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Newcombe 1998
    none = wilson(0, 20)
    assert none is not None
    assert none.low == 0.0
    assert none.high == pytest.approx(0.1611, abs=1e-4)


def test_every_bar_is_counted_and_answers_without_a_verdict_apart() -> None:
    given = [{"a": Marks(scores={"d": mark})} for mark in (5, 4, 3, 1)] + [{"a": Marks(fault="no JSON")}]
    found, missing = agreements([True, True, False, False, True], given)
    assert missing == 1
    assert [(at, item.tp, item.fp, item.tn, item.fn) for at, item in found.items()] == [
        ("2", 2, 1, 1, 0), ("3", 2, 1, 1, 0), ("4", 2, 0, 2, 0), ("5", 1, 0, 2, 1),
    ]  # fmt: skip


def calibration(at: Agreement) -> Calibration:
    return Calibration(
        key="k", judges=("a",), criteria=("doğruluk",), at={"4": at}, no_verdict=0, experts=1, undecided=0, labels="h",
        made="",
    )  # fmt: skip


def test_a_bar_counts_by_the_lower_end() -> None:
    good = calibration(agreement(pairs(60, 2, 38, 0)))
    assert meets(good, Bar(), 4) == ""
    assert meets(None, Bar(), 4) == "this judge was never calibrated against experts"
    assert "has 100 answers, and 200 are asked for" in meets(good, Bar(n=200), 4)
    assert "kappa is 0.96 (95%: 0.90 to 1.00), and the lower end has to reach 0.95" in meets(good, Bar(kappa=0.95), 4)
    assert "true negative rate is 0.95" in meets(good, Bar(true_negative=0.9), 4)
    alike = calibration(agreement(pairs(60, 0, 0, 3)))
    assert meets(alike, Bar(kappa=-1), 4).endswith("the experts' labels are all alike")


def test_the_key_is_of_judges_wording_and_known_answers(tmp_path: Path) -> None:
    key = judge_key(["a", "b"], "w", known=True)
    assert judge_key(["b", "a"], "w", known=True) == key
    others = [judge_key(["a"], "w", known=True), judge_key(["a", "b"], "v", known=True),
              judge_key(["a", "b"], "w", known=False)]  # fmt: skip
    assert len({key, *others}) == 4
    made = calibration(agreement(pairs(6, 2, 3, 0)))
    assert read_calibration(tmp_path, "k") is None
    path = write_calibration(tmp_path, made)
    assert path == path_of(tmp_path, "k") == tmp_path / "calibrations" / "k.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_calibration(tmp_path, "k") == made
