"""Turkish tax numbers (VKN): ten digits with a check, beside a word that says so.

One number of ten digits in ten passes the check by chance, so a tax number is one only with its word (`VKN`, `vergi
no`, `mükellef`) near it. Law 213 (Vergi Usul Kanunu), art. 8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum.tr import vkn

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Reading, Span
from imbik.privacy.numbers import after, before, glued_after, glued_before, trigger, windows

_WORDS = re.compile(r"vergi|vkn|v\. ?k\. ?n|\bv\.? ?[dn]\b|mukellef|\btax|\btin\b|\bvat\b")
_GLUED = re.compile(r"(vkn|vn|vergi)?(kimlik)?(no|nu|numara\w*)?|tr")
_ENDING = re.compile(r"[a-zçğıöşü]{1,10}|NOLU|NUMARALI")


class Vkn:
    """Ten digits with the check and a word for tax near them."""

    class Settings(PluginSettings):
        """vkn has no settings."""

    version = 1
    level = Sensitivity.CONFIDENTIAL
    optional = False
    priority = 0
    triggers = (trigger(10), r"(?i:verg[iİıI]|vkn|v\. ?k\. ?n|\bv\.? ?[dn]\b|m[uü]kellef|\btax|\btin\b|\bvat\b)")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Windows of ten digits that hold and are called a tax number."""
        for window in windows(reading.text, reading.runs, (10,)):
            if checks(window.digits) and tax_number(reading.text, window.start, window.end):
                ending = glued_after(reading.text, window.end)
                alone = not ending or _ENDING.fullmatch(ending)
                if alone and _GLUED.fullmatch(glued_before(reading.text, window.start)):
                    yield window.start, window.end


def checks(digits: str) -> bool:
    """Whether ten digits are a tax number."""
    return bool(vkn.is_valid(digits))


def tax_number(text: str, start: int, end: int) -> bool:
    """Whether the words near it speak of tax."""
    return bool(_WORDS.search(before(text, start)) or _WORDS.search(after(text, end)))
