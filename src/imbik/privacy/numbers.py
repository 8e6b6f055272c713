"""Long numbers as people write them: groups of digits with spaces, dots or dashes between.

Enters: normal text. Leaves: runs of groups, windows of so many digits that begin and end where a group does (the
eleven digits inside a longer number are no window), and what the words around one say of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from imbik.privacy.normalise import fold

_LOOK_ALIKE = str.maketrans("OoIlı|", "001111")
_LETTER = r"[^\W_]"
_GROUP = re.compile(rf"(?<!{_LETTER})(?=[OoIlı|]*[0-9])[0-9OoIlı|]{{6,}}(?!{_LETTER})|[0-9]+")
_GAP = r"[\s.\-_/\\:|*,~+()\[\]·•‐-―]"
_GAPS = re.compile(rf"{_GAP}{{1,3}}")
_SHARE = 2  # real digits for each letter that stands for one

_ORDER = re.compile(
    r"\b(siparis|takip|kargo|gonderi|fatura|irsaliye|fis|barkod|seri|urun|stok|parca|imei|islem|referans|ref|dekont"
    r"|dosya|esas|karar|talep|bilet|order|tracking|invoice|serial|product|sku|isbn|issn|ean|patent|ticket)s?"
    r"( ?(no|nu|nr|numara\w*|kod\w*|id|number|code)\b)?[\s.:#=\-]{0,3}$"
)
_UNIT = re.compile(
    r"\s?(₺|\$|€|£|%|(tl|try|lira\w*|kurus|usd|eur|dolar\w*|euro|avro|sterlin|adet|tane|kg|gr?|ton|km|mt?|cm|mm|m2|m3|lt?"
    r"|ml|kisi\w*|mb|gb|tb|kwh|mwh|kw|mw|hz|byte|bayt|piksel|puan|milyon|milyar|bin)\b)"
)
_BEFORE, _AFTER = 48, 24


def trigger(digits: int) -> str:
    """RE2: at least so many digits, or letters that look like them, with short gaps."""
    return f"[0-9OoIl](?:{_GAP}{{0,3}}[0-9OoIl]){{{digits - 1}}}"


class Group(NamedTuple):
    """Digits without a gap: characters [start, end) of the text."""

    start: int
    end: int
    digits: str


@dataclass(frozen=True)
class Window:
    """Neighbouring groups of one run that together have the digits asked for."""

    start: int
    end: int
    digits: str
    sizes: tuple[int, ...]
    gaps: tuple[str, ...]
    before: str  # the gap to the group before, '' where there is none
    after: str

    @property
    def plausible(self) -> bool:
        """Whether it looks like one number without any word beside it.

        One group does. Several do when the gaps are alike, no comma, and the number does not go on with the same gap;
        but 123 456 789 01 may stand beside another number.
        """
        if len(self.sizes) == 1:
            return True
        gap = self.gaps[0]
        if "," in gap or any(other != gap for other in self.gaps):
            return False
        goes_on = gap in {self.before, self.after}
        return not goes_on or (gap == " " and self.sizes in _USUAL)


_USUAL = {(3, 3, 3, 2), (4, 4, 3), (4, 4, 4, 4), (4, 6, 5), (3, 3, 4), (2, 3, 3, 3), (5, 6), (3, 4, 4)}


def runs(text: str) -> list[list[Group]]:
    """All groups of digits, together where only a short gap lies between."""
    found: list[list[Group]] = []
    for match in _GROUP.finditer(text):
        group = _group(match)
        if group is None:
            continue
        last = found[-1][-1] if found else None
        if last is not None and _GAPS.fullmatch(text, last.end, group.start):
            found[-1].append(group)
        else:
            found.append([group])
    return found


def _group(match: re.Match[str]) -> Group | None:
    """Letters that look like digits are digits where enough real ones stand beside them."""
    written = match.group()
    if written.isdigit():
        return Group(match.start(), match.end(), written)
    letters = sum(not character.isdigit() for character in written)
    if len(written) < letters * (_SHARE + 1):
        return None
    return Group(match.start(), match.end(), written.translate(_LOOK_ALIKE))


def windows(text: str, found: Sequence[Sequence[Group]], sizes: Sequence[int]) -> Iterator[Window]:
    """Every window with one of these numbers of digits, from left to right."""
    most = max(sizes)
    for run in found:
        for first in range(len(run)):
            total = 0
            for last in range(first, len(run)):
                total += len(run[last].digits)
                if total > most:
                    break
                if total in sizes:
                    yield _window(text, run, first, last)


def _window(text: str, run: Sequence[Group], first: int, last: int) -> Window:
    def gap(number: int) -> str:
        """What lies after the group of this number; all white space is one blank."""
        inside = 0 <= number < len(run) - 1
        written = text[run[number].end : run[number + 1].start] if inside else ""
        return " " if written.isspace() else written

    chosen = run[first : last + 1]
    return Window(
        chosen[0].start,
        chosen[-1].end,
        "".join(group.digits for group in chosen),
        tuple(len(group.digits) for group in chosen),
        tuple(gap(number) for number in range(first, last)),
        gap(first - 1),
        gap(last),
    )


def before(text: str, start: int, reach: int = _BEFORE) -> str:
    """The words before an offset, folded."""
    return fold(text[max(0, start - reach) : start])


def after(text: str, end: int, reach: int = _AFTER) -> str:
    """The words after an offset, folded."""
    return fold(text[end : end + reach])


def other_number(text: str, start: int, end: int) -> bool:
    """Whether the words right beside say that it is an order number, an invoice, a price or an amount."""
    return bool(_ORDER.search(before(text, start)) or _UNIT.match(after(text, end)))


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
