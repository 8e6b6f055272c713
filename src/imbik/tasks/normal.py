"""Normal forms for comparing text; the text itself is always kept as it was written.

Enters: text, composed or decomposed (NFC/NFD), in any casing. Leaves: forms in which equal means "a person would say
it is the same". Casing is folded so that İ, I, ı and i meet: within one data set no two texts differ by that alone.
"""

from __future__ import annotations

import re
import unicodedata

_NOT_WORDS = re.compile(r"[\W_]+")


def squeeze(text: str) -> str:
    """NFC, white space collapsed and stripped."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def fold(text: str) -> str:
    """NFKC, without case: `İADE`, `iade` and `IADE` are one."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).replace("İ", "i").casefold().replace("i\u0307", "i").replace("ı", "i")
    return unicodedata.normalize("NFC", folded)


def words(text: str) -> str:
    """Folded, with everything that is no letter or digit (punctuation, underscores, line breaks) as one space."""
    return _NOT_WORDS.sub(" ", fold(text)).strip()


def bare_words(text: str) -> str:
    """`words` without marks on letters: `yurtdışı` is `yurtdisi`, as identifiers and old phones write it."""
    decomposed = unicodedata.normalize("NFKD", words(text))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def same_text_key(text: str) -> str:
    """What two texts share when they may not stand in different sets; texts without words keep their signs."""
    return words(text) or squeeze(text)
