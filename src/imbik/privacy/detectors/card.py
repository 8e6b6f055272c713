"""Payment card numbers: 14 to 19 digits of a known network with Luhn's check.

ISO/IEC 7812. One number in ten passes the check by chance, so the network's first digits and length must fit, and
digits that the words beside them call an order or tracking number are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import luhn

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sensitivity
from imbik.privacy.detectors import Reading, Span
from imbik.privacy.numbers import Window, before, counted, glued_after, glued_before, other_number, trigger, windows

_NETWORKS = (  # first digits from, to; lengths
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("300", "305", (14, 16)),  # Diners Club
    ("36", "36", (14, 16)),
    ("38", "39", (14, 16)),
    ("3528", "3589", (16,)),  # JCB
    ("4", "4", (16, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),
    ("50", "50", (16,)),  # Maestro
    ("56", "58", (16,)),
    ("6011", "6011", (16, 19)),  # Discover
    ("644", "659", (16, 19)),
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("6304", "6304", (16,)),
    ("6759", "6763", (16,)),
    ("9792", "9792", (16,)),  # Troy
)
_BY_DIGIT = {digit: [row for row in _NETWORKS if row[0][0] <= digit <= row[1][0]] for digit in "0123456789"}
_LENGTHS = (14, 15, 16, 17, 18, 19)
_WORDS = re.compile(r"\bkart|\bcard|visa|master|troy|amex|\bpan\b|maestro")
_ENDING = re.compile(r"[a-zçğıöşü]{1,10}|NOLU|NUMARALI")
_GLUED = re.compile(r"(kart|card|visa|mastercard|troy|amex)?(no|nu|numara\w*|number)?|pan")


class Card:
    """Digits of a card network with the right check digit."""

    class Settings(PluginSettings):
        """card has no settings."""

    version = 1
    level = Sensitivity.CONFIDENTIAL
    optional = False
    priority = 0
    triggers = (trigger(14),)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def spans(self, reading: Reading) -> Iterator[Span]:
        """Windows that hold and are no part of an account's number."""
        for window in windows(reading.text, reading.runs, _LENGTHS):
            right = checks(window.digits) and _fits(reading.text, window)
            if right and not reading.in_account(window.start, window.end):
                yield window.start, window.end


def checks(digits: str) -> bool:
    """Whether the digits are of a network, long enough for it, and pass Luhn's check."""
    for first, last, sizes in _BY_DIGIT[digits[0]]:
        if first <= digits[: len(first)] <= last and len(digits) in sizes:
            return len(set(digits)) > 1 and bool(luhn.is_valid(digits))
    return False


def _fits(text: str, window: Window) -> bool:
    ending = glued_after(text, window.end)
    if not _GLUED.fullmatch(glued_before(text, window.start)) or (ending and not _ENDING.fullmatch(ending)):
        return False
    if counted(text, window) or other_number(text, window.start, window.end):
        return False
    return window.plausible or bool(_WORDS.search(before(text, window.start)))
