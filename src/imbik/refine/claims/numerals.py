"""Numbers that a text states, in figures, in words, and in Roman numerals before a century.

Enters: a text. Leaves: each number with its place and exact value. Numbers of list items, and whole numbers of one word
up to ten (`iki neden vardır`), state nothing and are left out, unless every possible reading is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from imbik.tasks.number_words import Written, find_number_words
from imbik.tasks.numbers import read_decimal
from imbik.tasks.quantities import unit_of

# LaTeX keeps a comma together by braces (`591{,}78`) and parts thousands by a thin space (`12\,500`). Letters may stand
# right behind where they are a unit (`12kg`); `3B` and `78abc` are names.
_JOINED = r"\d+(?:(?:[.,]|\{[.,]\}|\\,(?=\d{3}(?!\d)))\d+)*"
_FIGURES = re.compile(rf"(?<![\w.,])(?<![.,]\}})(?>({_JOINED}))([^\W\d_]*)")
_LATEX = re.compile(r"[{}]|\\,")
_ITEM = re.compile(r"(?m)^[ \t>*-]*(\d{1,2})[.)](?=\s)")
_ROMAN = re.compile(r"(?<!\w)([IVX]{1,5})\.?(?=\s+(?:yüzyıl|yy|asır|century|Dünya|World))")
_SMALL = 10
_LONGEST = 24


def find_numerals(text: str, language: str, *, every: bool = False) -> Iterator[tuple[int, int, Fraction]]:
    """Characters [start, end) and value of each number, those in words first."""
    spelled = [one for one in find_number_words(text, language, every=every) if every or _states(text, one)]
    for one in spelled:
        yield one.start, one.end, one.value
    items = {found.start(1) for found in _ITEM.finditer(text)}
    for found in _FIGURES.finditer(text):
        inside = any(one.start <= found.start() < one.end for one in spelled)
        if inside or found.start() in items or len(found[1]) > _LONGEST or (found[2] and unit_of(found[2]) is None):
            continue
        value = read_decimal(_LATEX.sub("", found[1]), language)
        if value is not None:
            yield found.start(), found.end(1), value
    for found in _ROMAN.finditer(text):
        if century := _roman(found[1]):
            yield found.start(), found.end(1), Fraction(century)


def _states(text: str, one: Written) -> bool:
    return one.words > 1 or one.value > _SMALL or any(char.isdigit() for char in text[one.start : one.end])


def _roman(text: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10}[letter] for letter in text]
    return sum(-one if one < following else one for one, following in zip(values, [*values[1:], 0], strict=True))
