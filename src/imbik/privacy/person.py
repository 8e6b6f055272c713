"""A person in text: whether a name or an identifier stands in it, however it is written.

Enters: what a person asks to have erased (`Ayşe Yılmaz`, `12345678950`, `ayse@example.com`), and texts. Leaves: yes or
no. Compared without case (İ, I, ı and i meet), marks (Ayse, NFC and NFD alike), spaces, signs and zero-width letters,
in either order of first and last name. A name begins where a word begins and ends where one ends, but for Turkish
suffixes: `Mehmet Demirle` is Mehmet Demir, `Mehmet Demirel` is not. A short name must stand as words of its own; a
single word must also have its own marks, or `Şen` would be found in every `sen`. Digits of an identifier stand alone.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from imbik.core.errors import UsageError

LONG = 9  # letters from which a name may also be written without a gap, or with gaps between its letters
_SHORTEST_IDENTIFIER = 6
_PIECE, _MOST = 3, 0.6
_NATIONAL = 10  # digits of a Turkish telephone number without 0 or +90
_BEFORE_DIGITS = ("0090", "90", "0", "")
_GLUED = ("tc", "tckn", "no", "tr", "0", "90", "0090", "")
_ALIKE = str.maketrans("oil", "011")
_APART = re.compile(r"[\W_]+")
_DIGIT, _MARK = re.compile(r"(?![0-9])\d"), re.compile("[\u0300-\u036f]+")
_FORMAT = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
# Plural, possession and case as they stand behind a name, bare: Yılmazlar, Yılmazın, Yılmaza, Yılmazdan, Yılmazla.
_SUFFIX = re.compile(r"(l[ae]r)?([iu]n|[ns][iu]n|[iu]|y[iu]|n?[dt][ae]n?(ki)?|y?[ae]|n[ae]|y?l[ae]|c[ae]|s[iu])?")


class Needle(NamedTuple):
    """What is looked for. `shape`: `long:N` (N letters and digits without a gap), `code:N` (the same, where O is 0 and
    l is 1), `words:N` (N words, the last perhaps with a suffix) or `word` (one word as it is written, but for case)."""

    shape: str
    text: str

    @property
    def kind(self) -> str:
        """`long`, `code`, `words` or `word`."""
        return self.shape.partition(":")[0]


class Person:
    """Everything that one person is known by."""

    def __init__(self, given: Sequence[str]) -> None:
        """Raises: UsageError for what is too short to be told from other text."""
        self.given = tuple(given)
        self.needles = tuple(dict.fromkeys(needle for text in given for needle in _needles(text)))
        self._whole = [needle for needle in self.needles if needle.kind in ("long", "code")]
        self._short = {needle for needle in self.needles if needle.kind in ("words", "word")}
        self._pieces = {word for text in given for word in _APART.split(bare(text)) if len(word) >= _PIECE}

    def __bool__(self) -> bool:
        return bool(self.needles)

    def in_text(self, text: str, *, loose: bool = False) -> bool:
        """Whether the person stands in the text. `loose`: also where a name does not begin a word, as in the pages of
        a database, where one cell follows another without a gap."""
        if self._whole:
            joined = squeezed(text)
            alike = joined.translate(_ALIKE)
            for needle in self._whole:
                searched = alike if needle.kind == "code" else joined
                if needle.text in searched and _stands(needle, searched, joined, text, loose=loose):
                    return True
        return bool(self._short) and any(
            Needle(shape, found) in self._short for shape in self._shapes() for found in forms(text, shape)
        )

    def in_any(self, value: object) -> bool:
        """Whether the person stands in any string (or number) of a JSON-like value, keys of mappings included."""
        return any(self.in_text(text) for text in strings(value))

    def in_token(self, token: str) -> bool:
        """Whether a token of a vocabulary holds a piece of the person: a whole word of the name, or most of one."""
        letters = squeezed(token)
        if len(letters) < _PIECE:
            return False
        return any(word in letters or (letters in word and len(letters) >= _MOST * len(word)) for word in self._pieces)

    def _shapes(self) -> set[str]:
        return {needle.shape for needle in self._short}


def strings(value: object) -> Iterator[str]:
    """Every string and number of a JSON-like value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from strings(key)
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def marked(text: str) -> str:
    """NFKC, digits of any script as 0-9, no case (dotted and dotless i are one), nothing that cannot be seen."""
    if text.isascii():
        return text.lower()
    plain = _FORMAT.sub("", unicodedata.normalize("NFKC", text))
    plain = _DIGIT.sub(lambda found: str(unicodedata.decimal(found[0])), plain)
    folded = plain.replace("İ", "i").casefold().replace("i\u0307", "i").replace("ı", "i")
    return unicodedata.normalize("NFC", folded)


def bare(text: str) -> str:
    """`marked` without marks on letters: `Yılmaz` is `yilmaz`."""
    folded = marked(text)
    if folded.isascii():
        return folded
    plain = _MARK.sub("", unicodedata.normalize("NFKD", folded))
    if plain.isascii():
        return plain
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def squeezed(text: str) -> str:
    """Letters and digits alone, bare."""
    return _APART.sub("", bare(text))


def forms(text: str, shape: str) -> Iterator[str]:
    """All that a needle of this shape is compared with: what stands in the text from the beginning of each word."""
    kind, _, size = shape.partition(":")
    if kind == "word":
        yield from _APART.split(marked(text))
        return
    words = [word for word in _APART.split(bare(text)) if word]
    if kind in ("long", "code"):
        yield from _windows(words, int(size), code=kind == "code")
        return
    count = int(size)
    for start in range(len(words) - count + 1):
        *first, last = words[start : start + count]
        for end in range(2, len(last) + 1):
            if _SUFFIX.fullmatch(last[end:]):
                yield " ".join([*first, last[:end]])


def _stands(needle: Needle, searched: str, joined: str, text: str, *, loose: bool) -> bool:
    """Whether one of the places where a needle is found is a person's: see the top of this file for the borders."""
    ends = list(accumulate(len(word) for word in _APART.split(bare(text)) if word))
    at = searched.find(needle.text)
    while at >= 0:
        word = bisect_right(ends, at)
        before = joined[(ends[word - 1] if word else 0) : at]
        end = at + len(needle.text)
        behind = joined[end : ends[bisect_right(ends, end - 1)]]
        if needle.kind == "code":
            if _alone(before, behind) or not needle.text.isdigit():
                return True
        elif (loose or not before) and _SUFFIX.fullmatch(behind):
            return True
        at = searched.find(needle.text, at + 1)
    return False


def _alone(before: str, behind: str) -> bool:
    """Whether digits between these parts of their word are a number of their own (or one after 0 or 90)."""
    digits = before[len(before.rstrip("0123456789")) :]
    return digits in _BEFORE_DIGITS and not behind[:1].isdigit()


def _windows(words: Sequence[str], size: int, *, code: bool) -> Iterator[str]:
    """Pieces of `size` from the beginning of each word; of codes also from behind what is often glued before them."""
    joined, start = "".join(words), 0
    ends = list(accumulate(map(len, words)))
    for word in words:
        for prefix in _GLUED if code else ("",):
            first = start + len(prefix)
            end = first + size
            if end > len(joined) or not word.startswith(prefix):
                continue
            behind = joined[end : ends[bisect_right(ends, end - 1)]]
            if code:
                yield joined[first:end].translate(_ALIKE)
            elif _SUFFIX.fullmatch(behind):
                yield joined[first:end]
        start += len(word)


def _needles(given: str) -> Iterator[Needle]:
    words = [word for word in _APART.split(bare(given)) if word]
    joined = "".join(words)
    digits = sum(letter.isdigit() for letter in joined)
    if "@" in given or digits >= _SHORTEST_IDENTIFIER - 1:
        if len(joined) < _SHORTEST_IDENTIFIER:
            raise _too_short(given)
        code = (_without_prefix(joined) if digits == len(joined) else joined).translate(_ALIKE)
        yield Needle(f"code:{len(code)}", code) if "@" not in given else _long(joined)
    elif len(words) > 1:
        for order in (words, [words[-1], *words[:-1]]):
            text = "".join(order)
            yield _long(text) if len(text) >= LONG else Needle(f"words:{len(order)}", " ".join(order))
    elif len(joined) > 1:
        yield Needle("word", _APART.sub("", marked(given)))
    else:
        raise _too_short(given)


def _long(text: str) -> Needle:
    return Needle(f"long:{len(text)}", text)


def _without_prefix(digits: str) -> str:
    """A telephone number without 0, 90 or 0090; any other number as it is."""
    for prefix in _BEFORE_DIGITS[:-1]:
        rest = digits.removeprefix(prefix)
        if rest != digits and len(rest) == _NATIONAL and rest[0] in "2345":
            return rest
    return digits


def _too_short(given: str) -> UsageError:
    return UsageError(
        f"'{given}' is too short to find a person by",
        where="--person",
        next='give the full name (--person "Ayşe Yılmaz"), a whole identifier, or the rows: --rows ID',
    )
