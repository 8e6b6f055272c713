"""Telephone numbers of people: Turkish ones in every usual writing, and others with their country's code.

ITU-T E.164; whether a number can exist is asked of `phonenumbers` (Google's metadata of all countries). Numbers that
belong to nobody (444, 0800, 0850, short codes) are none. Digits without a gap, a `0` or a `+90` in front are a number
only where a mobile one could be meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Reading, Span
from imbik.privacy.detectors.vkn import tax_number
from imbik.privacy.numbers import Window, before, counted, glued_after, glued_before, other_number, trigger, windows

_WORDS = re.compile(
    r"\btel|telefon|\bcep\b|\bcep |gsm|whats ?app|\bfaks|\bfax|\bphone|mobile|iletisim|\bara(yin|yabil|r)|irtibat"
)
_NATIONAL = re.compile(r"(?:0090|090|90|0)?([2-5]\d{9})")
_SHAPES = {(3, 3, 2, 2), (3, 3, 4), (3, 7), (3, 4, 3), (3, 2, 2, 3), (3, 3, 1, 3), (6, 2, 2), (3, 3, 3, 1), (1,) * 10}
_UNUSUAL = {(2, 2, 2, 2, 2), (5, 5), (3, 5, 2), (6, 4), (4, 3, 3), (4, 6), (4, 2, 2, 2), (4, 4, 2)}  # with 0 or 90 only
_FOREIGN = re.compile(r"(?:\+(?<![\w+].)|00(?<![\w+]..))[1-9](?:[ .\-/()]{0,2}\d){7,14}(?!\d)", re.DOTALL)
_ENDING = re.compile(r"[a-zçğıöşü]{1,10}|NOLU|NUMARALI")
_GLUED = re.compile(r"(cep|gsm|whatsapp|phone)?(tel\w*)?(no|nu|numara\w*|number)?:?|t|m|tr")


class Phone:
    """A number that a person could be called at."""

    class Settings(PluginSettings):
        """phone has no settings."""

    version = 1
    level = Sensitivity.CONFIDENTIAL
    optional = False
    priority = 1
    triggers = (trigger(9),)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Turkish numbers, then those with another country's code."""
        text = reading.text
        for window in windows(text, reading.runs, (10, 11, 12, 13, 14)):
            national = _NATIONAL.fullmatch(window.digits)
            if national is None or not _turkish(text, window, national[1]):
                continue
            if not reading.in_account(window.start, window.end):
                opened = bool(window.gaps) and ")" in window.gaps[0]
                yield _with_plus(text, window.start, opened=opened), window.end
        for found in _FOREIGN.finditer(text):
            if _exists("+" + re.sub(r"\D", "", found.group()).removeprefix("00"), ""):
                yield found.span()


def _turkish(text: str, window: Window, national: str) -> bool:
    ending = glued_after(text, window.end)
    if not _GLUED.fullmatch(glued_before(text, window.start)) or (ending and not _ENDING.fullmatch(ending)):
        return False
    start, end = window.start, window.end
    if counted(text, window) or other_number(text, start, end) or tax_number(text, start, end):
        return False
    named = _WORDS.search(before(text, window.start))
    prefix = len(window.digits) - len(national)
    if not prefix and national[0] != "5" and not named:
        return False
    return bool(named or _shaped(window, prefix)) and _exists(national, "TR")


def _shaped(window: Window, prefix: int) -> bool:
    """Whether the groups are those of a telephone number, or there is one group only."""
    sizes, prefixed = list(window.sizes), prefix > 0
    while prefix and sizes:  # the country's code and the 0 may be groups of their own or begin one
        taken = min(prefix, sizes[0])
        sizes[0] -= taken
        prefix -= taken
        if not sizes[0]:
            sizes.pop(0)
    if any("," in gap or ":" in gap for gap in window.gaps):
        return False
    if tuple(sizes) in _UNUSUAL:
        return prefixed
    return len(sizes) == 1 or tuple(sizes) in _SHAPES


def _exists(number: str, region: str) -> bool:
    """Whether it can be the number of a person or an office.

    `phonenumbers` knows which beginnings are given out; services of everybody's are no one's number.
    """
    import phonenumbers
    from phonenumbers import PhoneNumberType as Type

    try:
        parsed = phonenumbers.parse(number, region or None)
    except phonenumbers.NumberParseException:
        return False
    kinds = {Type.MOBILE, Type.FIXED_LINE, Type.FIXED_LINE_OR_MOBILE, Type.VOIP, Type.PERSONAL_NUMBER, Type.PAGER}
    return phonenumbers.number_type(parsed) in kinds


def _with_plus(text: str, start: int, *, opened: bool) -> int:
    """The start, with a `+` or `(` just before it."""
    if opened and start and text[start - 1] == "(":
        start -= 1
    return start - 1 if start and text[start - 1] == "+" else start
