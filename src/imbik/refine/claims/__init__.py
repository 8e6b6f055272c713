"""What a text claims that can be looked up: numbers, dates, law articles and names, with their places.

Enters: a text and its language. Leaves: claims in the order of the text, none inside another: a law's article is no
number, a date's day neither. Words that inflect are matched by root, so that `Ankara'nın` is `Ankara`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Literal, NamedTuple

from imbik.refine.claims.laws import Article, find_articles
from imbik.refine.claims.names import MAYBE, find_names
from imbik.refine.claims.numerals import find_numerals
from imbik.tasks.dates import Date, find_dates

Kind = Literal["law", "date", "number", "name"]
KINDS: tuple[Kind, ...] = ("law", "date", "number", "name")
_ABBREVIATIONS = re.compile(
    r"(?:\b(?:m|md|mad|s|dr|prof|doç|av|vb|vs|bkz|no|st|yy|mr|mrs|ms|art|[A-ZÇĞİÖŞÜ])|\d)$", re.IGNORECASE
)
_ENDS = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s+[\"'“‘(\[]?[A-ZÇĞİÖŞÜ\d])|\n+")


class Claim(NamedTuple):
    """One claim: its kind, its characters [start, end) of the text, and what it says in normal form."""

    kind: Kind
    start: int
    end: int
    value: Article | Date | Fraction | str

    def __str__(self) -> str:
        """The normal form: what two claims share that say the same."""
        return f"{self.kind} {str(self.value).removeprefix(MAYBE)}"


def find_claims(text: str, language: str, *, every: bool = False) -> list[Claim]:
    """All claims of a text; `every`: what might be a number in words too (for a text that supports others)."""
    taken = list[tuple[int, int]]()
    found = list[Claim]()
    readers: tuple[tuple[Kind, Callable[[], Iterator[tuple[int, int, Article | Date | Fraction | str]]]], ...] = (
        ("law", lambda: find_articles(text)),
        ("date", lambda: ((one.start, one.end, one.date) for one in find_dates(text))),
        ("number", lambda: find_numerals(text, language, every=every)),
        ("name", lambda: find_names(text)),
    )
    for kind, read in readers:
        for start, end, value in read():
            if not any(start < other_end and other_start < end for other_start, other_end in taken):
                found.append(Claim(kind, start, end, value))
        taken = [(claim.start, claim.end) for claim in found]
    return sorted(found, key=lambda claim: claim.start)


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Characters [start, end) of each sentence; `117. maddesi`, `Dr. Ayşe` and `m. 5` end none."""
    begin = 0
    for mark in _ENDS.finditer(text):
        if "\n" not in mark.group() and _ABBREVIATIONS.search(text, max(begin, mark.start() - 6), mark.start()):
            digit_before, after = text[mark.start() - 1].isdigit(), text[mark.end() :].lstrip()[:1]
            if not (digit_before and after.isupper() and len(mark.group()) == 1 and _year_before(text, mark.start())):
                continue
        if span := _stripped(text, begin, mark.end()):
            yield span
        begin = mark.end()
    if span := _stripped(text, begin, len(text)):
        yield span


def _year_before(text: str, end: int) -> bool:
    """Whether a sentence ends with a number of three digits or more, which is rarely an ordinal."""
    return bool(re.search(r"\d{3}$", text[max(0, end - 4) : end]))


def _stripped(text: str, start: int, end: int) -> tuple[int, int] | None:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None
