"""Bars as people write them."""

from __future__ import annotations

import pytest

from imbik.core.errors import BarNotMetError, ExitCode, RecipeError
from imbik.evaluate.require import judge, parse, refuse_unmet
from made_findings import made_findings

SCORES = made_findings().scores  # accuracy 0.902 of the student, 0.921 kept


@pytest.mark.parametrize(
    ("key", "wanted", "met"),
    [
        ("retention", ">= 0.9", True),
        ("retention", "90%", True),
        ("retention", ">= 95%", False),
        ("retention.low", ">= 0.92", False),
        ("retention@B", "> 0.5", True),
        ("accuracy", ">= 0.9", True),
        ("accuracy@C.high", "< 0.5", False),
        ("accuracy", "0.95", False),
        ("token_f1", ">= 0.1", False),
        ("retention@Z", ">= 0.1", False),
    ],
)
def test_a_bar_is_met_or_not(key: str, wanted: str, met: bool) -> None:
    (bar,) = judge({key: wanted}, SCORES, "accuracy")
    assert bar.met is met


@pytest.mark.parametrize(
    ("key", "wanted"), [("retention", "about 0.9"), ("re tention", ">= 1"), ("accuracy", "=> 0.9")]
)
def test_a_bar_that_cannot_be_read_names_itself(key: str, wanted: str) -> None:
    with pytest.raises(RecipeError, match=r"cannot be read") as raised:
        parse({key: wanted})
    assert key in str(raised.value)


def test_a_missed_bar_says_by_how_much_and_where_to_read_on() -> None:
    bars = judge({"retention.low": ">= 0.95", "accuracy": ">= 0.5"}, SCORES, "accuracy")
    with pytest.raises(BarNotMetError, match=r"retention.low >= 0.95 was asked for and 0.9\d+ was measured") as raised:
        refuse_unmet(bars, "8_report/report.html")
    assert raised.value.exit_code is ExitCode.BAR_NOT_MET
    assert "8_report/report.html" in str(raised.value)
    refuse_unmet(bars[1:], "")
