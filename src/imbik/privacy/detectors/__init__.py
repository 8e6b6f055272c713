"""Detectors of personal data. A file here is one kind of it; all of them look at every row, unless `optional`.

Enters: normal text (`imbik.privacy.normalise`) that all of the detector's `triggers` are in. Leaves: spans of it. A
detector that fails raises: what cannot be looked at does not leave.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Protocol

from imbik.core.types import Sensitivity
from imbik.privacy.normalise import Normal
from imbik.privacy.numbers import Run, runs

Span = tuple[int, int]
GAP = r"[\s.\-_/\\:|*,·•‐-―]{0,3}"
ALONE = r"(?:(?<![A-Za-z0-9].)|(?<=(?<![A-Za-z0-9])[Ii][Bb][Aa][Nn].))"
"""After the first letter of an account: nothing is glued in front but `IBAN`."""
TURKISH_IBAN = re.compile(rf"[Tt]{ALONE}{GAP}[Rr](?:{GAP}[0-9OoIl]){{24}}(?![0-9])", re.DOTALL)


class Reading:
    """One text as detectors see it; what several of them need is worked out once."""

    def __init__(self, normal: Normal) -> None:
        self.normal = normal
        self.text = normal.text

    @cached_property
    def runs(self) -> list[Run]:
        """The long numbers in it."""
        return runs(self.text)

    @cached_property
    def accounts(self) -> list[Span]:
        """What is written like a Turkish IBAN, right or wrong: no other number is looked for inside."""
        return [found.span() for found in TURKISH_IBAN.finditer(self.text)]

    def in_account(self, start: int, end: int) -> bool:
        """Whether any of these characters belong to one."""
        return any(first < end and start < last for first, last in self.accounts)


class Detector(Protocol):
    """The contract of a detector; built as `Detector(settings)`.

    `triggers` are RE2 patterns: a text without any one of them holds nothing of this kind; () looks at every text.
    A pattern of `re` best begins with a character, any look-behind after it: `re` then skips to where it may begin.
    `level` is what a finding raises a row to. `optional` ones look only where the operator adds them. `priority`
    settles who names a span that two found: the lower number.
    """

    version: int
    level: Sensitivity
    optional: bool
    priority: int
    triggers: tuple[str, ...]

    def spans(self, reading: Reading) -> Iterable[Span]:
        """Characters [start, end) of `reading.text` that are personal data of this kind."""
        ...
