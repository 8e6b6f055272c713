"""Dates in Turkish and English: the same day whatever its spelling."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.tasks.dates import Date, find_dates, read_date

_MONTHS = "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık".split()


@given(st.dates(datetime.date(1000, 1, 1), datetime.date(2999, 12, 31)))
def test_every_day_in_every_spelling(day: datetime.date) -> None:
    wanted = Date(day.year, day.month, day.day)
    month = _MONTHS[day.month - 1]
    upper = month.replace("i", "İ").upper()
    for text in (
        f"{day.day} {month} {day.year}",
        f"{day.day} {upper} {day.year}",
        f"{day.day:02d}.{day.month:02d}.{day.year}",
        f"{day.day}/{day.month}/{day.year}",
        day.isoformat(),
        f"{day:%B} {day.day}, {day.year}",
    ):
        assert read_date(text) == wanted, text
        assert [found.date for found in find_dates(f"Bu, {text} oldu.")] == [wanted]


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Ekim 1923", Date(1923, 10, 0)),
        ("29 Ekim'de", Date(0, 10, 29)),
        ("5 mayısta", Date(0, 5, 5)),
        ("29 Ekim 1923'tür.", Date(1923, 10, 29)),
        ("29 Ekim 1923 tarihinde", Date(1923, 10, 29)),
        ("10/29/1923", Date(1923, 10, 29)),
    ],
)
def test_parts_and_endings(text: str, date: Date) -> None:
    assert read_date(text) == date


@pytest.mark.parametrize("text", ["1923", "1.250,50", "10.0.0.1", "32.13.2020", "12.5", "mart kedisi", "bugün 29 Ekim"])
def test_what_is_no_date(text: str) -> None:
    assert read_date(text) is None


def test_dates_agree_where_no_part_that_both_say_differs() -> None:
    assert Date(1923, 10, 29).agrees(Date(1923, 10, 0))
    assert Date(0, 10, 29).agrees(Date(1923, 10, 29))
    assert not Date(1923, 10, 29).agrees(Date(1922, 10, 29))
    assert not Date(1923, 0, 0).agrees(Date(0, 10, 29))
