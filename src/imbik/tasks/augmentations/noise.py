"""Noise: typing errors, missing Turkish diacritics and casing as people really write.

Enters: a text. Leaves: the same with some letters swapped, dropped, doubled or hit beside, sometimes all of it without
diacritics (`odeme yapamiyorum`) or in one case, where İ/ı go right or, as often, wrong. Words with digits and words of
the reference stay as they are.
"""

from __future__ import annotations

import re
from random import Random

from pydantic import Field

from imbik.core.types import Task
from imbik.tasks.augmentations import AugmentationSettings
from imbik.tasks.normal import fold

_WORD = re.compile(r"\w+")
_BARE = str.maketrans("çğıöşüâîûÇĞİÖŞÜÂÎÛ", "cgiosuaiuCGIOSUAIU")
_UPPER, _LOWER = str.maketrans("iı", "İI"), str.maketrans("Iİ", "ıi")
_ROWS = ("qwertyuıopğü", "asdfghjklşi", "zxcvbnmöç")  # the Turkish Q keyboard
_BESIDE = {
    letter: [row[near] for near in (place - 1, place + 1) if 0 <= near < len(row)]
    for row in _ROWS
    for place, letter in enumerate(row)
}


class Noise:
    """Errors of typing."""

    class Settings(AugmentationSettings):
        """How often each error is made."""

        typos: float = Field(0.08, ge=0, le=1, description="share of words with one typing error")
        diacritics: float = Field(0.4, ge=0, le=1, description="share of texts that lose all their diacritics")
        casing: float = Field(0.2, ge=0, le=1, description="share of texts all in lower or upper case")
        casing_wrong: float = Field(0.5, ge=0, le=1, description="share of those in which i and ı change wrongly")

    version = 1
    asks = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def change(self, text: str, task: Task, random: Random) -> str:
        """The text with errors; at least one, where it has a word that may have one."""
        known = {fold(word) for word in _WORD.findall(task.reference.text)} if task.reference is not None else set()
        settings = self.settings
        bare = random.random() < settings.diacritics
        case = random.choice((_lower, _upper)) if random.random() < settings.casing else None
        wrong = random.random() < settings.casing_wrong
        free = [found for found in _WORD.finditer(text) if _may_change(found[0], known)]
        hit = {found.start() for found in free if random.random() < settings.typos}
        if free and not hit and not bare and case is None and settings.typos:
            hit = {random.choice(free).start()}

        def changed(found: re.Match[str]) -> str:
            word = found[0]
            if not _may_change(word, known):
                return word
            word = _typo(word, random) if found.start() in hit else word
            word = case(word, wrong) if case else word
            return word.translate(_BARE) if bare else word

        return _WORD.sub(changed, text)


def _may_change(word: str, known: set[str]) -> bool:
    return len(word) > 1 and not any(letter.isdigit() for letter in word) and fold(word) not in known


def _typo(word: str, random: Random) -> str:
    """One letter swapped with the next, dropped, doubled, or hit beside."""
    place = random.randrange(len(word) - 1)
    beside = _BESIDE.get(word[place].lower(), [])
    match random.randrange(4 if beside else 3):
        case 0:
            return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
        case 1:
            return word[:place] + word[place + 1 :]
        case 2:
            return word[:place] + word[place] + word[place:]
    return word[:place] + random.choice(beside) + word[place + 1 :]


def _upper(word: str, wrong: bool) -> str:
    """`için` as `İÇİN`, or as `IÇIN`, which programs without Turkish rules write."""
    return word.upper() if wrong else word.translate(_UPPER).upper()


def _lower(word: str, wrong: bool) -> str:
    """`Isparta` as `ısparta`, or as `isparta`."""
    return word.replace("İ", "i").lower() if wrong else word.translate(_LOWER).lower()
