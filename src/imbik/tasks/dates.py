"""Dates as Turkish and English texts write them.

Enters: a text. Leaves: the dates in it with their places: `29 Ekim 1923'te`, `29.10.1923`, `29/10/1923`, `1923-10-29`,
`Ekim 1923`, `29 Ekim`, `October 29, 1923`. Day, month and year are 0 where the text does not say them. A day comes
before its month in figures, as in Türkiye and Europe, except where that is impossible. Bare years are numbers, not
dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from imbik.tasks.normal import fold

_NAMES = {
    "ocak": 1, "şubat": 2, "mart": 3, "nisan": 4, "mayıs": 5, "haziran": 6, "temmuz": 7, "ağustos": 8, "eylül": 9,
    "ekim": 10, "kasım": 11, "aralık": 12,
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8, "september": 9,
    "october": 10, "november": 11, "december": 12, "jan": 1, "feb": 2, "apr": 4, "aug": 8, "sept": 9, "oct": 10,
    "nov": 11, "dec": 12,
}  # fmt: skip
MONTHS = {fold(name): number for name, number in _NAMES.items()}
_SPELLED = (*_NAMES, *(name.title() for name in _NAMES), *map(str.upper, _NAMES), "HAZİRAN", "EKİM", "NİSAN")
_MONTH = "|".join(sorted(_SPELLED, key=len, reverse=True))
# Endings without an apostrophe, of Turkish months alone: `26 mayın` is about mines, not about May.
_ENDING = r"(?<=[^yY.])(?:[dt][ae]n?|[ıiuü]n?|[ae])"
_DAY, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"[12]\d{3}"
_DATES = re.compile(
    rf"""(?<![\w.,/-])(?:
      (?P<d1>{_DAY})\.?\ (?P<m1>{_MONTH})(?:['’][^\W\d_]+|{_ENDING})?(?!\w)(?:,?\ (?P<y1>{_YEAR})(?!\d))?
    | (?P<m2>{_MONTH})\ (?P<d2>{_DAY})(?:st|nd|rd|th)?(?:,?\ (?P<y2>{_YEAR})(?!\d))(?!\w)
    | (?P<m3>{_MONTH})\ (?P<y3>{_YEAR})(?![\d.,]*\d)
    | (?P<y4>{_YEAR})-(?P<m4>\d\d)-(?P<d4>\d\d)(?![\d-])
    | (?P<d5>\d{{1,2}})(?P<sep>[./-])(?P<m5>\d{{1,2}})(?P=sep)(?P<y5>{_YEAR})(?![\d/-]|\.\d)
    )""",
    re.VERBOSE,
)


class Date(NamedTuple):
    """Year, month and day; 0 is what a text does not say."""

    year: int
    month: int
    day: int

    def agrees(self, other: Date) -> bool:
        """Whether no part that both say differs, and they share one."""
        shared = [(mine, theirs) for mine, theirs in zip(self, other, strict=True) if mine and theirs]
        return bool(shared) and all(mine == theirs for mine, theirs in shared)

    def __str__(self) -> str:
        """`1923-10-29`, `1923-10`, `10-29`."""
        parts = [f"{self.year:04d}" if self.year else "", f"{self.month:02d}", f"{self.day:02d}" if self.day else ""]
        return "-".join(part for part in parts if part)


class Dated(NamedTuple):
    """A date and its characters [start, end)."""

    start: int
    end: int
    date: Date


def find_dates(text: str) -> Iterator[Dated]:
    """The dates of a text, in order."""
    for found in _DATES.finditer(text):
        parts = found.groupdict()
        for number in "12345":
            month = parts.get(f"m{number}")
            if month:
                date = _date(parts.get(f"y{number}"), month, parts.get(f"d{number}"))
                if date is not None:
                    yield Dated(found.start(), found.end(), date)


def read_date(text: str) -> Date | None:
    """The date that a text is, endings such as `'te` and `tarihinde` aside; None for any other text."""
    text = re.sub(r"(?:['’][^\W\d_]+)?(?: (?:tarihi|tarihinde|tarihidir|günü|yılı))?[.]?$", "", text.strip())
    found = next(find_dates(text), None)
    return found.date if found and found.start == 0 and found.end == len(text) else None


def _date(year: str | None, month: str, day: str | None) -> Date | None:
    numbers = int(year or 0), int(month) if month.isdigit() else MONTHS[fold(month)], int(day or 0)
    if numbers[1] > 12 >= numbers[2]:
        numbers = numbers[0], numbers[2], numbers[1]  # 10/29/1923
    return Date(*numbers) if 1 <= numbers[1] <= 12 and numbers[2] <= 31 else None
