"""A text with composed letters (NFC), and the way back to where they stand in the text as it was written.

Enters: a text, composed or not. Leaves: the composed text; places in it become places in the original.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

_CLUSTER = re.compile(r"[^\u0300-\u036f][\u0300-\u036f]*|[\u0300-\u036f]+", re.DOTALL)


class Composed(NamedTuple):
    """The composed text; `at` is None where nothing was changed, else the original place of each character and of the
    end."""

    text: str
    at: tuple[int, ...] | None

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Characters [start, end) of the original."""
        return (start, end) if self.at is None else (self.at[start], self.at[end])


@lru_cache(maxsize=64)
def compose(text: str) -> Composed:
    """Nearly always the text itself."""
    if unicodedata.is_normalized("NFC", text):
        return Composed(text, None)
    pieces, at = list[str](), list[int]()
    for found in _CLUSTER.finditer(text):
        piece = unicodedata.normalize("NFC", found.group())
        pieces.append(piece)
        at += [found.start()] * len(piece)
    return Composed("".join(pieces), (*at, len(text)))
