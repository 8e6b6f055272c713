"""Money as people write it, as SQLite adds it up, and as it is printed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.money import dollars, parse_share, parse_usd, units, units_within, usd


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (50, "50"), (12.5, "12.5"), (0.1, "0.1"), ("50 USD", "50"), ("50usd", "50"), ("$50", "50"),
        ("USD 0.25", "0.25"), ("1_000.50 US$", "1000.50"), (0, "0"), (Decimal("0.03"), "0.03"),
    ],
)  # fmt: skip
def test_amounts_are_exact(written: object, meant: str) -> None:
    assert parse_usd(written) == Decimal(meant)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("50 EUR", "another currency"), ("50 TL", "another currency"), ("₺50", "another currency"), ("€50", "currency"),
        ("12,50 USD", "comma"), ("1,000 USD", "comma"), (-5, "no amount"), ("-5 USD", "negative"), (True, "written as"),
        ("çok", "no amount"), (float("nan"), "no amount"), (float("inf"), "no amount"), (10**9, "no run may cost"),
        ([50], "written as"),
    ],
)  # fmt: skip
def test_what_is_no_dollars_is_refused_in_words(written: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_usd(written)


@pytest.mark.parametrize(("written", "meant"), [("15%", "0.15"), ("12.5 %", "0.125"), (0.15, "0.15"), (0, "0")])
def test_shares(written: object, meant: str) -> None:
    assert parse_share(written) == Decimal(meant)


@pytest.mark.parametrize("written", [15, "100%", 1, -0.1, "viel", "", True, "nan"])
def test_what_is_no_share_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="share"):
        parse_share(written)


@given(st.decimals(min_value=0, max_value=10**6, places=18))
def test_spending_rounds_up_and_a_cap_down(amount: Decimal) -> None:
    assert dollars(units_within(amount)) <= amount <= dollars(units(amount))
    assert units(amount) - units_within(amount) <= 1


@given(st.integers(0, 10**18))
def test_units_come_back_as_they_were(amount: int) -> None:
    assert units(dollars(amount)) == units_within(dollars(amount)) == amount


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0 USD"), ("12.3", "12.30 USD"), ("1234.567", "1,234.57 USD"), ("0.5", "0.50 USD"),
        ("0.042", "0.042 USD"), ("0.0421", "0.042 USD"), ("0.0000012", "0.0000012 USD"),
        ("0.10", "0.10 USD"), ("0.0300", "0.03 USD"),
    ],
)  # fmt: skip
def test_as_printed(amount: str, text: str) -> None:
    assert usd(Decimal(amount)) == text
