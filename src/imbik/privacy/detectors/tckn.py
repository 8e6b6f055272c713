"""Turkish identity numbers (TCKN): eleven digits, the last two of them checks.

Law 5490 (nüfus hizmetleri), art. 46. One number of eleven digits in a hundred passes the checks by chance, so digits
that the words beside them call an order number or a price are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum.tr import tckimlik

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Reading, Span
from imbik.privacy.numbers import Window, before, counted, glued_after, glued_before, other_number, trigger, windows

_WORDS = re.compile(r"\bt\.? ?c\b|tckn|\btc|kimlik|nufus|vatandas|identity|national id")
_GLUED = re.compile(r"(t\.?c)?(kn|kimlik)?(no|nu|numara\w*|id)?")
_ENDING = re.compile(r"[a-zçğıöşü]{1,10}|NOLU|NUMARALI|TC")


class Tckn:
    """Eleven digits with both checks, in any usual writing."""

    class Settings(PluginSettings):
        """tckn has no settings."""

    version = 1
    level = Sensitivity.CONFIDENTIAL
    optional = False
    priority = 0
    triggers = (trigger(11),)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Windows of eleven digits that hold."""
        for window in windows(reading.text, reading.runs, (11,)):
            if checks(window.digits) and _stands_alone(reading.text, window) and _fits(reading.text, window):
                yield window.start, window.end


def checks(digits: str) -> bool:
    """Whether eleven digits are an identity number."""
    return bool(tckimlik.is_valid(digits))


def _stands_alone(text: str, window: Window) -> bool:
    """Nothing is glued to it but `TC` before and a suffix after: other letters make it part of a code."""
    ending = glued_after(text, window.end)
    return bool(_GLUED.fullmatch(glued_before(text, window.start)) and (not ending or _ENDING.fullmatch(ending)))


def _fits(text: str, window: Window) -> bool:
    """Its words call it one, or it looks like one and its words call it nothing else."""
    if _WORDS.search(before(text, window.start)):
        return True
    if counted(text, window) or other_number(text, window.start, window.end):
        return False
    return window.plausible
