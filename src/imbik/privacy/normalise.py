"""Text as detectors read it: NFKC, ASCII digits, nothing invisible; and the way back to the original's offsets.

Enters: text as somebody wrote it (full-width or Arabic digits, zero-width characters, NFD, struck-through digits).
Leaves: `Normal`, whose text is plain and whose `origin` turns a span of it into character offsets of the original. The
map holds only what changed, so plain text costs nothing (Unicode Standard Annex 15 for NFKC).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

_STABLE = "\x00-\x7eçğıöşüÇĞİÖŞÜâîûÂÎÛ‘’“”–—"
_ODD = re.compile(f"[^{_STABLE}]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_FOLDED = tuple(zip("çğıöşüâîû", "cgiosuaiu", strict=True))
STRANGE = (
    r"[\p{Cf}\p{Mn}\p{Me}\x{3164}\x{FFA0}\x{1160}]|[^\P{Nd}0-9]|[\x{2776}-\x{2793}\x{24F5}-\x{24FE}]"
    r"|[\x{85}\x{1680}\x{2028}\x{2029}\x{2800}\x{2212}\x{2027}\x{2043}]"
)
"""RE2: characters that NFKC leaves and detectors must not see: invisible ones, marks, digits of other scripts, unusual
blanks and hyphens."""
_BLANKS = frozenset("\x85\u1680\u2028\u2029\u2800")
_HYPHENS = frozenset("\u2212\u2027\u2043")


class _Part(NamedTuple):
    """From `at` on, the normal text came from the original at `start`: one by one, or all of it from [start, end)."""

    at: int
    start: int
    end: int  # 0 where the characters are the same


def quick(text: str) -> str:
    """NFKC alone, for a first look."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def without_surrogates(text: str) -> str:
    """Lone surrogates, which no file can hold, as `?`."""
    return _SURROGATE.sub("?", text)


def fold(text: str) -> str:
    """Lower case without Turkish letters, of the same length: `VERGİ`, `vergi` and `Vergı` are one."""
    if text.isascii():
        return text.lower()
    text = text.replace("İ", "i").lower()
    for letter, plain in _FOLDED:
        text = text.replace(letter, plain)
    return text


class Normal:
    """A text without disguises. `text` is what detectors read; offsets in it are turned back by `origin`.

    `plain` is for whoever knows already that nothing in it would change.
    """

    def __init__(self, original: str, *, plain: bool = False) -> None:
        self.original = original
        self._parts = [_Part(0, 0, 0)]
        self.text = original if plain or original.isascii() else self._plain(original)
        self._ats = [part.at for part in self._parts]

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original of the characters [start, end) of `text`, with what was hidden between them."""
        return self._back(start)[0], self._back(end - 1)[1]

    def _back(self, at: int) -> tuple[int, int]:
        """Where one character of `text` stood."""
        part = self._parts[bisect_right(self._ats, at) - 1]
        same = part.start + at - part.at
        return (part.start, part.end) if part.end else (same, same + 1)

    def _plain(self, original: str) -> str:
        """The normal text; notes where each part of it came from."""
        texts: list[str] = []
        self._parts = []
        size = done = 0
        for start, end in _pieces(original):
            plain = _bare(original[start:end])
            if plain == original[start:end]:
                continue
            if start > done:
                self._parts.append(_Part(size, done, 0))
                texts.append(original[done:start])
                size += start - done
            if plain:
                self._parts.append(_Part(size, start, end))
                texts.append(plain)
                size += len(plain)
            done = end
        self._parts.append(_Part(size, done, 0))
        return "".join([*texts, original[done:]])


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Where what may change stands: single characters with the marks that follow them."""
    for found in _ODD.finditer(text):
        start, end = found.span()
        if start and _mark(text[start]):
            start -= 1  # a mark joins what stands before it
        starts = [at for at in range(start, end) if at == start or not _mark(text[at])]
        yield from pairwise([*starts, end])


@lru_cache(maxsize=4096)
def _mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"


@lru_cache(maxsize=4096)
def _bare(piece: str) -> str:
    """One character with its marks, as plain characters; '' where nothing is left to see."""
    return "".join(_visible(character) for character in unicodedata.normalize("NFKC", piece))


def _visible(character: str) -> str:
    if character.isascii():
        return character
    if unicodedata.category(character) in {"Cf", "Mn", "Me", "Cs"} or character in "\u3164\uffa0\u1160":
        return "?" if "\ud800" <= character <= "\udfff" else ""
    if character in _BLANKS or character in _HYPHENS:
        return " " if character in _BLANKS else "-"
    digit = unicodedata.digit(character, None)
    return character if digit is None else str(digit)
