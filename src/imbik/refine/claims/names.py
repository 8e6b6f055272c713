"""Names by their capitals, and words by their roots.

Enters: a text. Leaves: rows of capitalised words (`Mustafa Kemal`, `TBMM`, `Ankara'nın`), as folded words with their
places; whether two inflected words share a root. A word that only begins its sentence is no name; months are dates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from imbik.privacy.detectors._given_names import GIVEN_NAMES
from imbik.tasks.dates import MONTHS
from imbik.tasks.normal import bare_words, fold

MAYBE = "?"  # before a word that begins its sentence, and may be no part of the name behind it
_CAPITAL = "A-ZÇĞİÖŞÜÂÎÛ"
_ROW = re.compile(rf"(?<![\w'’])[{_CAPITAL}][\w]*(?:['’][^\W\d_]+)?(?:[ \t-][{_CAPITAL}]\w*(?:['’][^\W\d_]+)?)*")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
_BEGINS = re.compile(r"(?:^|[.!?:…\n][\"'”’)\]]*\s*|^\s*[-*•>]+\s*|[\"“‘(]\s*)$")
_ENDINGS = re.compile(
    r"(?:l[ae]r)?(?:[iuü]m|[iuü]n|s?[iuü]|[iuü]z)*(?:n?[dt][ae]n?|n?[iuü]n|[yn]?[ae]|[yn]?[iuü]|y?l[ae]|[dt][iuü]r"
    r"|l[iuü]k?|s[iuü]z|c[ae]|ki)*"
)
_SOFT = str.maketrans("bcdğg", "pçtkk")
_NO_NAMES = frozenset(
    "bu şu o bunlar ancak ayrıca fakat ama ve ile çünkü eğer böylece dolayısıyla sonuç cevap yanıt evet hayır kanun "
    "madde maddesi kanunu anayasa sayın the a an this that these those it he she they in on at and but however "
    "therefore answer yes no if when while i tl m.ö m.s mö ms".split()
)
_FOLDED_NO_NAMES = frozenset(map(fold, _NO_NAMES))


def find_names(text: str) -> Iterator[tuple[int, int, str]]:
    """Characters [start, end) and folded words of each name."""
    for row in _ROW.finditer(text):
        words = list(_WORD.finditer(text, row.start(), row.end()))
        begins = bool(_BEGINS.search(text[max(0, row.start() - 8) : row.start()])) or row.start() == 0
        first_word = words[0] if words else None
        first = first_word.group() if first_word else ""
        if begins and words and (len(words) == 1 or fold(first) in _FOLDED_NO_NAMES) and not _sure(first):
            words = words[1:]
        for number, part in enumerate(_cut(words)):
            folded = [_bare(word.group()) for word in part]
            if not number and begins and len(part) > 1 and part[0] is first_word and not _sure(first):
                folded[0] = folded[0] if bare_words(folded[0]) in GIVEN_NAMES else MAYBE + folded[0]
            if any(word not in _FOLDED_NO_NAMES and word not in MONTHS and len(word) > 1 for word in folded):
                yield part[0].start(), part[-1].end(), " ".join(folded)


def words_of(text: str) -> Iterator[tuple[str, int, int]]:
    """Every word folded, endings behind an apostrophe taken off, with its characters."""
    for word in _WORD.finditer(text):
        yield _bare(word.group()), word.start(), word.end()


@lru_cache(maxsize=200_000)
def same_root(one: str, other: str) -> bool:
    """Whether two folded words are one word with other endings: `türkiye` and `türkiyenin`, `zonguldak` and
    `zonguldağa`. Words of fewer than three letters are compared whole."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if len(short) < 3:
        return False
    common = 0
    while common < len(short) and short[common] == long[common]:
        common += 1
    if common == len(short):
        return bool(_ENDINGS.fullmatch(long[common:]))
    if common < max(3, len(short) - 3):
        return False
    if common == len(short) - 1 and short[-1].translate(_SOFT) == long[common].translate(_SOFT):  # kitap, kitabı
        return bool(_ENDINGS.fullmatch(long[common + 1 :]))
    return bool(_ENDINGS.fullmatch(short[common:]) and _ENDINGS.fullmatch(long[common:])) and common >= 4


def _sure(word: str) -> bool:
    """A name even where it begins its sentence: it has an apostrophe, or is written in capitals."""
    return "'" in word or "’" in word or (len(word) > 1 and word.isupper())


def _cut(words: list[re.Match[str]]) -> Iterator[list[re.Match[str]]]:
    """A word with an ending behind an apostrophe ends its name."""
    part = list[re.Match[str]]()
    for word in words:
        part.append(word)
        if "'" in word.group() or "’" in word.group():
            yield part
            part = []
    if part:
        yield part


def _bare(word: str) -> str:
    return fold(word.partition("'")[0].partition("’")[0])
