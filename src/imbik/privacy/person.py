"""A person in text: whether a name or an identifier stands in it, however it is written.

Enters: what a person asks to have erased (`Ayşe Yılmaz`, `12345678950`, `ayse@example.com`), and texts. Leaves: yes or
no. Compared without case (İ, I, ı and i meet), marks (Ayse, NFC and NFD alike), spaces, signs and zero-width letters,
in either order of first and last name, with Turkish suffixes behind them. A short name must stand as words of its own;
a single word must also have its own marks, or `Şen` would be found in every `sen`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from imbik.core.errors import UsageError

LONG = 9  # letters from which a name is looked for anywhere, also inside of what has no spaces
_SHORTEST_IDENTIFIER = 6
_PIECE, _MOST = 3, 0.6
_NATIONAL = 10  # digits of a Turkish telephone number without 0 or +90
_APART = re.compile(r"[\W_]+")
_FORMAT = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)


class Needle(NamedTuple):
    """What is looked for. `shape`: `long:N` (N letters and digits without a gap), `words:N` (N words, the last perhaps
    with a suffix) or `word` (one word as it is written, but for case)."""

    shape: str
    text: str


class Person:
    """Everything that one person is known by."""

    def __init__(self, given: Sequence[str]) -> None:
        """Raises: UsageError for what is too short to be told from other text."""
        self.given = tuple(given)
        self.needles = tuple(dict.fromkeys(needle for text in given for needle in _needles(text)))
        self._long = tuple(needle.text for needle in self.needles if needle.shape.startswith("long"))
        self._short = {needle for needle in self.needles if not needle.shape.startswith("long")}
        self._pieces = {word for text in given for word in _APART.split(bare(text)) if len(word) >= _PIECE}

    def __bool__(self) -> bool:
        return bool(self.needles)

    def in_text(self, text: str) -> bool:
        """Whether the person stands in the text."""
        if self._long:
            joined = squeezed(text)
            if any(needle in joined for needle in self._long):
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
    plain = "".join(_digit(letter) for letter in plain) if not plain.isascii() else plain
    folded = plain.replace("İ", "i").casefold().replace("i\u0307", "i").replace("ı", "i")
    return unicodedata.normalize("NFC", folded)


def bare(text: str) -> str:
    """`marked` without marks on letters: `Yılmaz` is `yilmaz`."""
    folded = marked(text)
    if folded.isascii():
        return folded
    return "".join(letter for letter in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(letter))


def squeezed(text: str) -> str:
    """Letters and digits alone, bare."""
    return _APART.sub("", bare(text))


def forms(text: str, shape: str) -> Iterator[str]:
    """All that a needle of this shape is compared with: what stands in the text at the beginning of each word."""
    kind, _, size = shape.partition(":")
    if kind == "word":
        yield from _APART.split(marked(text))
        return
    words = [word for word in _APART.split(bare(text)) if word]
    if kind == "long":
        yield from _windows(words, int(size))
        return
    count = int(size)
    for start in range(len(words) - count + 1):
        *first, last = words[start : start + count]
        yield from (" ".join([*first, last[:end]]) for end in range(2, len(last) + 1))


def _windows(words: Sequence[str], size: int) -> Iterator[str]:
    joined, start = "".join(words), 0
    for word in words:
        if start + size > len(joined):
            return
        yield joined[start : start + size]
        start += len(word)


def _needles(given: str) -> Iterator[Needle]:
    words = [word for word in _APART.split(bare(given)) if word]
    joined = "".join(words)
    digits = sum(letter.isdigit() for letter in joined)
    if "@" in given or digits >= _SHORTEST_IDENTIFIER - 1:
        if len(joined) < _SHORTEST_IDENTIFIER:
            raise _too_short(given)
        yield _long(_without_prefix(joined) if digits == len(joined) else joined)
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
    for prefix in ("0090", "90", "0"):
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


def _digit(letter: str) -> str:
    value = unicodedata.decimal(letter, -1) if not letter.isascii() else -1
    return letter if value < 0 else str(value)
