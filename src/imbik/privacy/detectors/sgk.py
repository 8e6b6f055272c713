"""Social security numbers (SGK, SSK, Bağ-Kur, Emekli Sandığı): digits beside the word for them.

They carry no check and differ in length (7 to 26 digits), so the word makes the number. Law 5510.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Reading, Span
from imbik.privacy.numbers import Window, before, trigger, windows

_WORDS = re.compile(
    r"(\b(sgk|ssk|s\.g\.k\.?|s\.s\.k\.?|bag-?kur|emekli(lik)? sandigi|sigortali)\b[^.!?\n]{0,24}?"
    r"\b(no\b|nu\b|nr\b|numara|sicil|tahsis|#)|\b(sigorta|emekli(lik)?|tahsis|isyeri)\s(sicil|no\b|numara|tahsis)"
    r"|\bsicil (no\b|numara))[^.!?\n0-9]{0,20}[.:]?[^.!?\n0-9]{0,8}$"
)
_SIZES = tuple(range(7, 27))


class Sgk:
    """Seven to 26 digits called a social security or register number."""

    class Settings(PluginSettings):
        """sgk has no settings."""

    version = 1
    level = Sensitivity.CONFIDENTIAL
    optional = False
    priority = 2
    triggers = (trigger(7), r"(?i:sgk|ssk|s\.g\.k|s\.s\.k|ba[gğ]-?kur|s[iİ]c[iİ]l|emekl[iİ]|s[iİ]gorta|tahs[iİ]s)")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def spans(self, reading: Reading) -> Iterator[Span]:
        """The longest number after each word."""
        best: dict[int, Window] = {}
        for window in windows(reading.text, reading.runs, _SIZES):
            if _WORDS.search(before(reading.text, window.start, 72)):
                best[window.start] = window  # windows come shortest first
        for window in best.values():
            yield window.start, window.end
