"""Long numbers as people write them: groups of digits with spaces, dots or dashes between.

Enters: normal text. Leaves: runs of groups, windows of so many digits that begin and end where a group does (the
eleven digits inside a longer number are no window), and what the words around one say of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from imbik.privacy.normalise import fold

_LOOK_ALIKE = str.maketrans("OoIl", "0011")
_DIGITS = re.compile("[0-9]+")
_TOKEN = re.compile("[0-9][0-9OoIl]*")
_GAP = r"[\s.\-_/\\:|,~()\[\]·•‐-―]"
_GAPS = re.compile(rf"{_GAP}{{1,3}}")

_OTHER = (
    "siparis|takip|kargo|gonderi|fatura|irsaliye|fis|barkod|seri|urun|stok|parca|imei|islem|referans|ref|dekont|dosya|esas"
    "|karar|talep|bilet|rezervasyon|order|tracking|invoice|serial|product|sku|isbn|issn|ean|patent|ticket|model|versiyon"
)
_CALLED_BEFORE = re.compile(
    rf"\b({_OTHER})[a-z]{{0,8}}( ?(no|nu|nr|numara\w*|kod\w*|id|number|code)\b)?[\s.:#=(\-]{{0,3}}$"
)
_CALLED_AFTER = re.compile(rf"[)]?\s?['’]?(no['’]?lu|nolu|numarali|sayili|kodlu)\s({_OTHER})")
_UNIT = re.compile(
    r"\s?(₺|\$|€|£|%|(tl|try|lira\w*|kurus|usd|eur|dolar\w*|euro|avro|sterlin|adet|tane|kg|gr?|ton|km|mt?|cm|mm|m2|m3|lt?"
    r"|ml|kisi\w*|mb|gb|tb|kwh|mwh|kw|mw|hz|byte|bayt|piksel|puan|milyon|milyar|bin)\b)"
)
_COUNTED_BEFORE = re.compile(r"([*×÷^$<]|[0-9]\s?[+\-/=])\s?$")
_COUNTED_AFTER = re.compile(r"\s?[=*+×÷^<>]")
_BEFORE, _AFTER = 48, 24


def trigger(digits: int) -> str:
    """RE2: at least so many digits, or letters that look like them, with short gaps."""
    return f"[0-9OoIl](?:{_GAP}{{0,3}}[0-9OoIl]){{{digits - 1}}}"


class Group(NamedTuple):
    """Digits without a gap: characters [start, end) of the text."""

    start: int
    end: int
    digits: str


class Run:
    """Groups with only short gaps between. `place` tells the number of a group by how many digits stand before it."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self.groups = groups
        self.digits = "".join([group.digits for group in groups])
        self.place = {0: 0}
        total = 0
        for number, group in enumerate(groups, 1):
            total += len(group.digits)
            self.place[total] = number


class Window:
    """Neighbouring groups of one run that together have the digits asked for."""

    __slots__ = ("_first", "_last", "_run", "_text", "digits", "end", "start")

    def __init__(self, text: str, run: Run, first: int, last: int, digits: str) -> None:
        self._text, self._run, self._first, self._last = text, run.groups, first, last
        self.start, self.end = self._run[first].start, self._run[last].end
        self.digits = digits

    @property
    def sizes(self) -> tuple[int, ...]:
        """Digits of each group."""
        return tuple([len(group.digits) for group in self._run[self._first : self._last + 1]])

    @property
    def single(self) -> bool:
        """Whether it is one group."""
        return self._first == self._last

    @property
    def gaps(self) -> tuple[str, ...]:
        """What lies between the groups; any white space is one blank."""
        return tuple(self._gap(number) for number in range(self._first, self._last))

    def _gap(self, number: int) -> str:
        """What lies after the group of this number; '' where there is no other."""
        inside = 0 <= number < len(self._run) - 1
        written = self._text[self._run[number].end : self._run[number + 1].start] if inside else ""
        return " " if written.isspace() else written

    @property
    def plausible(self) -> bool:
        """Whether it looks like one number without any word beside it.

        One group does. Several do when the gaps are alike, or the groups are as usual for such a number, and it does
        not go on with the same gap; but 123 456 789 01 may stand beside another number.
        """
        if self.single:
            return True
        gaps, usual = self.gaps, self.sizes in _USUAL
        if any("," in gap for gap in gaps) or (len(set(gaps)) > 1 and not usual):
            return False
        uneven = min(self.sizes[:-1]) == 1 < max(self.sizes)  # 5671 27 897 1 5671 27 is a list of numbers
        if gaps[0] == " " and uneven and not usual:
            return False
        goes_on = gaps[0] in {self._gap(self._first - 1), self._gap(self._last)}
        return not goes_on or (gaps[0] == " " and usual)


_USUAL = {(3, 3, 3, 2), (4, 4, 3), (4, 4, 4, 4), (4, 6, 5), (3, 3, 4), (2, 3, 3, 3), (5, 6), (3, 4, 4)}


def runs(text: str) -> list[Run]:
    """All groups of digits, in one run where only a short gap lies between; letters among digits are digits too."""
    found: list[list[Group]] = []
    last = 0
    for group in _groups(text):
        if found and _GAPS.fullmatch(text, last, group.start):
            found[-1].append(group)
        else:
            found.append([group])
        last = group.end
    return [Run(groups) for groups in found]


def _groups(text: str) -> Iterator[Group]:
    for token in _TOKEN.finditer(text):
        start, end = token.span()
        while start and text[start - 1] in "OoIl":
            start -= 1
        written = text[start:end]
        if written.isdigit():
            yield Group(start, end, written)
        elif text[start - 1 : start].isalnum() or text[end : end + 1].isalnum():
            for part in _DIGITS.finditer(text, token.start(), end):  # letters of a word: only the digits count
                yield Group(part.start(), part.end(), part.group())
        else:
            yield Group(start, end, written.translate(_LOOK_ALIKE))


def windows(text: str, found: Sequence[Run], sizes: Sequence[int]) -> Iterator[Window]:
    """Every window with one of these numbers of digits (rising), from left to right."""
    for run in found:
        if len(run.digits) < sizes[0]:
            continue
        for start, first in run.place.items():
            for size in sizes:
                if (beyond := run.place.get(start + size)) is not None:
                    yield Window(text, run, first, beyond - 1, run.digits[start : start + size])


def before(text: str, start: int, reach: int = _BEFORE) -> str:
    """The words before an offset, folded."""
    return fold(text[max(0, start - reach) : start])


def after(text: str, end: int, reach: int = _AFTER) -> str:
    """The words after an offset, folded."""
    return fold(text[end : end + reach])


def other_number(text: str, start: int, end: int) -> bool:
    """Whether the words right beside say that it is an order number, an invoice, a price or an amount."""
    rest = after(text, end)
    return bool(_CALLED_BEFORE.search(before(text, start)) or _UNIT.match(rest) or _CALLED_AFTER.match(rest))


def counted(text: str, window: Window) -> bool:
    """Whether several groups stand in a sum: `500-450=50` is no number of anything."""
    if window.single:
        return False
    near = text[max(0, window.start - 4) : window.start]
    return bool(_COUNTED_AFTER.match(text, window.end) or _COUNTED_BEFORE.search(near))


def glued_before(text: str, start: int) -> str:
    """The letters that touch an offset from the left, folded."""
    at = start
    while at and text[at - 1].isalpha():
        at -= 1
    return fold(text[at:start])


def glued_after(text: str, end: int) -> str:
    """The letters and digits that touch an offset from the right, as written."""
    at = end
    while at < len(text) and text[at].isalnum():
        at += 1
    return text[end:at]
