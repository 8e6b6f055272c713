"""Numbers written in words, in Turkish and English: `üç yüz yirmi beş`, `2,5 milyon`, `yirmi birinci`, `twenty-five`.

Enters: a text. Leaves: where in it a number stands in words (or in digits with `bin`, `milyon` behind them), and its
value. Turkish words that mostly mean something else when they stand alone (`bir`, `altı`, `yedi`, `yüz`, `bin`, `on`,
`kırk`) count alone only where the caller wants every possible reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from imbik.tasks.normal import fold
from imbik.tasks.numbers import read_decimal

_ONES = {
    "sıfır": 0, "bir": 1, "iki": 2, "üç": 3, "dört": 4, "beş": 5, "altı": 6, "yedi": 7, "sekiz": 8, "dokuz": 9,
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
}  # fmt: skip
_TENS = {
    "on": 10, "yirmi": 20, "otuz": 30, "kırk": 40, "elli": 50, "altmış": 60, "yetmiş": 70, "seksen": 80,
    "doksan": 90, "ten": 10, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_HUNDRED = {"yüz": 100, "hundred": 100}
_LARGE = {
    "bin": 10**3, "milyon": 10**6, "milyar": 10**9, "trilyon": 10**12, "thousand": 10**3, "million": 10**6,
    "billion": 10**9, "trillion": 10**12,
}  # fmt: skip
_HALF = {"buçuk": Fraction(1, 2)}
VALUES = {fold(word): value for table in (_ONES, _TENS, _HUNDRED, _LARGE) for word, value in table.items()}
# `on` is a preposition in English, and the others are Turkish for: one or a, under, ate, face, climb, forty thieves.
_ALONE_SOMETHING_ELSE = frozenset(map(fold, ("bir", "one", "altı", "yedi", "yüz", "bin", "on", "kırk")))
_LARGE_FOLDED = {fold(word) for word in _LARGE}
_HUNDRED_FOLDED = {fold(word) for word in _HUNDRED}
_HALF_FOLDED = {fold(word): value for word, value in _HALF.items()}
_ENDING = re.compile(
    r"(?:[iuü]?nc[iuü]|[sş]?[ae]r|l[ae]r|l[iuü]k?|th|s)?(?:s?[iuü])?(?:[dt][ae]n?|n?[iuü]n|y?[ae]|y?l[ae]|n?[dt]?[iuü]r?)?$"
)
_PART = re.compile("|".join(sorted((word for word in VALUES if len(word) > 1), key=len, reverse=True)))
_TOGETHER = re.compile(rf"((?:{_PART.pattern}){{2,}})({_ENDING.pattern[:-1]})")
_INITIALS = {word[0] for word in (*VALUES, *_HALF_FOLDED)}
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_GAP = re.compile(r"[\s-]+(?:and\s+)?$")
_LONGEST = 16


class Written(NamedTuple):
    """A number in words: its characters [start, end), its value, and how many words it takes."""

    start: int
    end: int
    value: Fraction
    words: int


class _Piece(NamedTuple):
    start: int
    end: int
    key: str  # folded number word, or "" for digits
    value: Fraction
    last: bool = False  # it carries an ending, so the number ends here


def find_number_words(text: str, language: str = "tr", *, every: bool = False) -> Iterator[Written]:
    """Numbers in words, the longest readings; `every`: words alone too that mostly mean something else."""
    run = list[_Piece]()
    for found in _WORD.finditer(text):
        if run and found.group() == "and":
            continue
        pieces = _pieces(found, language)
        joined = bool(run) and bool(_GAP.match(text, run[-1].end, found.start()))
        if run and not (joined and pieces):
            yield from _runs(run, every)
            run = []
        run += pieces
    if run:
        yield from _runs(run, every)


def read_number_words(text: str, language: str = "tr") -> Fraction | None:
    """The value of a text that is a number in words and nothing else, or None."""
    text = text.strip().rstrip(".")
    found = next(find_number_words(text, language, every=True), None)
    return found.value if found and found.start == 0 and found.end == len(text) else None


def _pieces(found: re.Match[str], language: str) -> list[_Piece]:
    """The number words that a word is: mostly one, several in `ikibinyirmiüç`, none in others."""
    word, start, end = found.group(), found.start(), found.end()
    if word[0].isdigit():
        value = read_decimal(word, language) if len(word) <= _LONGEST else None
        return [] if value is None else [_Piece(start, end, "", value)]
    folded = fold(word)
    if folded[0] not in _INITIALS:
        return []
    key = _stem(folded)
    if key:
        return [_Piece(start, end, key, _HALF_FOLDED.get(key) or Fraction(VALUES[key]), key != folded)]
    together = _TOGETHER.fullmatch(folded)
    if not together or len(folded) != len(word):
        return []
    parts, at, pieces = _PART.findall(together[1]), start, []
    for part in parts:
        pieces.append(_Piece(at, at + len(part), part, Fraction(VALUES[part])))
        at += len(part)
    pieces[-1] = pieces[-1]._replace(end=end, last=bool(together[2]))
    return pieces


def _stem(word: str) -> str:
    """The number word that a folded word is, endings (`beşinci`, `üçü`, `yirmide`) taken off; '' for none."""
    if word in VALUES or word in _HALF_FOLDED:
        return word
    for length in range(min(len(word) - 1, 8), 1, -1):
        stem, ending = word[:length], word[length:]
        if stem in VALUES and len(ending) <= 6 and _ENDING.fullmatch(ending):
            return stem
    return "dört" if word.startswith("dörd") and _ENDING.fullmatch(word[4:]) else ""


def _runs(run: list[_Piece], every: bool) -> Iterator[Written]:
    """Cut a row of number words into numbers: `üç yüz beş` is one, `üç beş` are two."""
    at = 0
    while at < len(run):
        value, used = _number(run, at)
        words = [piece.key for piece in run[at : at + used]]
        alone = len(words) == 1 and words[0] in _ALONE_SOMETHING_ELSE
        if words[0] in _HALF_FOLDED or (len(words) == 1 and not words[0]):
            pass  # a lone `buçuk`, or digits without a word
        elif every or not alone:
            yield Written(run[at].start, run[at + used - 1].end, value, used)
        at += used


def _number(run: list[_Piece], at: int) -> tuple[Fraction, int]:
    """Value and length of the longest number that begins at a piece."""
    part: Fraction | None = None
    total, last, position = Fraction(0), 10**18, at
    lowest = 10**18  # of what was added to this part: units after tens, tens after hundreds
    while position < len(run):
        piece = run[position]
        if piece.key in _HALF_FOLDED:
            if part is None:
                break
            return total + part + piece.value, position + 1 - at
        if piece.key in _LARGE_FOLDED:
            if piece.value >= last:
                break
            total, part, last, lowest = (
                total + (1 if part is None else part) * piece.value,
                None,
                int(piece.value),
                10**18,
            )
        elif piece.key in _HUNDRED_FOLDED:
            if part is not None and not 1 <= part <= 9:
                break
            part, lowest = Fraction(100) if part is None else part * 100, 100
        elif piece.key and piece.value:
            size = 1 if piece.value < 10 else 10
            if part is not None and lowest <= size:
                break
            part, lowest = (part or 0) + piece.value, 1 if piece.value % 10 else size
        else:
            if part is not None:
                break
            part, lowest = piece.value, 1
        position += 1
        if piece.last:
            break
    return total + (part or 0), max(position - at, 1)
