"""Passport numbers: a letter and eight digits for Turkish ones, and others beside the word.

ICAO Doc 9303, part 4: at most nine letters and digits. `U12345678` is one without a word; every other needs `pasaport`
or `passport` near it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Reading, Span
from imbik.privacy.numbers import after, before, other_number

_GAP = r"[ .\-_/]{0,2}"
_TURKISH = re.compile(rf"(?<![^\W_])U{_GAP}(?:\d{_GAP}){{7}}\d(?![^\W_])(?![.,]\d)")
_NAMED = re.compile(
    rf"(?<![^\W_])(?:[A-Za-z]{{1,2}}{_GAP}(?:\d{_GAP}){{5,7}}\d|\d{{8,9}}|[A-Z]\d{{2}}[A-Z]{{2}}\d{{4}})(?![^\W_])"
)
_WORDS = re.compile(r"pasaport|passport|\bpass? ?(no|nu|num)|seyahat belge|travel document")


class Passport:
    """A letter and eight digits, or whatever the word stands beside."""

    class Settings(PluginSettings):
        """passport has no settings."""

    version = 1
    level = Sensitivity.CONFIDENTIAL
    optional = False
    priority = 1
    triggers = (rf"(?i:pas(?:s|a)port|pass? ?n|seyahat belge|travel doc)|U{_GAP}(?:[0-9]{_GAP}){{8}}", "[0-9]{2}")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Every number."""
        text = reading.text
        for found in _NAMED.finditer(text):
            if _WORDS.search(before(text, found.start())) or _WORDS.search(after(text, found.end())):
                yield found.span()
        for found in _TURKISH.finditer(text):
            if not other_number(text, *found.span()):
                yield found.span()
