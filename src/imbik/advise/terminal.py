"""Text of rows made safe for a terminal: what a row holds must never move the cursor or turn the reading direction.

Enters: any text. Leaves: text in which control characters (ANSI escapes among them) and characters that change the
direction or hide text are written out, such as `\\x1b` and `\\u202e`. Line breaks and tabs may stay.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset("Cc Cf Cs Co Cn Zl Zp".split())
_JOINERS = frozenset("\u200c\u200d\u00ad")  # joiners of Persian and of emoji, and the soft hyphen, harm nobody


def safe(text: str, *, keep_lines: bool = True) -> str:
    """The text with all that a terminal might obey written out; `keep_lines=False` writes line breaks out too."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(character if _harmless(character, keep_lines) else _written(character) for character in text)


def short(text: str, width: int) -> str:
    """One safe line of at most `width` characters."""
    line = safe(" ".join(text.split()), keep_lines=False)
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"


def _harmless(character: str, keep_lines: bool) -> bool:
    if character in "\n\t":
        return keep_lines
    return character in _JOINERS or unicodedata.category(character) not in _HIDDEN


def _written(character: str) -> str:
    """The character as Python would write it."""
    return character.encode("unicode_escape", errors="backslashreplace").decode("ascii")
