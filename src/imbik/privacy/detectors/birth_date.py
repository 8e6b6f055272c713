"""Dates of birth: a date beside a word for birth (`doğum tarihi`, `doğumlu`, `D.T.`, `born`).

A date alone is no one's. Day, month and year in figures or words, in any order that is written here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Reading, Span
from imbik.privacy.normalise import fold
from imbik.privacy.numbers import after, before

_SEPARATOR = r"\s?[./\-\s]\s?"
_MONTH = (
    r"(?:ocak|subat|mart|nisan|mayis|haziran|temmuz|agustos|eylul|ekim|kasim|aralik|oca|sub|mar|nis|may|haz|tem|agu|eyl"
    r"|eki|kas|ara|january|february|march|april|june|july|august|september|october|november|december|jan|feb|apr|jun"
    r"|jul|aug|sep|oct|nov|dec)"
)
_DAY, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:18|19|20)\d\d"
_DATE = re.compile(
    rf"(?<!\d)(?:{_DAY}{_SEPARATOR}(?:0?[1-9]|1[0-2]){_SEPARATOR}(?:{_YEAR}|\d\d)|{_YEAR}{_SEPARATOR}(?:0?[1-9]|1[0-2])"
    rf"{_SEPARATOR}{_DAY}|{_DAY}\.?[\s.\-/]{{1,2}}{_MONTH}\.?,?[\s.\-/]{{1,2}}{_YEAR}|{_MONTH}\s{_DAY},?\s{_YEAR})(?!\d)"
)
_BEFORE = re.compile(
    r"(\bdog(um|\.)? ?(tarih|tar\b|tar\.|gun)\w*|\bdogum\b|\bd\. ?t(ar(ihi)?)?\b\.?|\bdob\b|(date of )?birth\w*"
    r"|\bborn\b( on| in)?|\bdogdugu\b)[^.!?\n]{0,24}?[.:]?[^.!?\n]{0,12}$"
)
_AFTER = re.compile(r"\W{0,3}\w{0,6}\s?(\w+ ){0,3}?(dogumlu|dogdu|dogmus|dunyaya ge|tarihinde dog|d\.)")


class BirthDate:
    """A date that the words beside it call a date of birth."""

    class Settings(PluginSettings):
        """birth_date has no settings."""

    version = 1
    level = Sensitivity.CONFIDENTIAL
    optional = False
    priority = 1
    triggers = (
        r"(?i:do[gğ](?:um|du|mu|\.)|dünyaya|\bd\. ?t|birth|\bborn\b|\bdob\b)",
        r"[0-9]\s?[./\-\s]\s?[0-9]{1,2}\s?[./\-\s]\s?[0-9]|[0-9]\.?[\s.\-/]{1,2}\pL+\.?,?[\s.\-/]{1,2}[0-9]{4}"
        r"|\pL\s[0-9]{1,2},?\s[0-9]{4}",
    )

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Every such date."""
        for found in _DATE.finditer(fold(reading.text)):
            start, end = found.span()
            if _BEFORE.search(before(reading.text, start)) or _AFTER.match(after(reading.text, end, 48)):
                yield start, end
