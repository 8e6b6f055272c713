"""Detectors of personal data. A file here is one kind of it; all of them look at every row, unless `optional`.

Enters: normal text (`imbik.privacy.normalise`) that the detector's `trigger` fired on. Leaves: spans of that text. A
detector that fails raises: what cannot be looked at does not leave.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Protocol

from imbik.core.types import Sensitivity
from imbik.privacy.normalise import Normal
from imbik.privacy.numbers import Group, runs

Span = tuple[int, int]


class Reading:
    """One text as detectors see it; what several of them need is worked out once."""

    def __init__(self, normal: Normal) -> None:
        self.normal = normal
        self.text = normal.text

    @cached_property
    def runs(self) -> list[list[Group]]:
        """The long numbers in it."""
        return runs(self.text)


class Detector(Protocol):
    """The contract of a detector; built as `Detector(settings)`.

    `trigger` is an RE2 pattern without which a text holds nothing of this kind; '' looks at every text. `level` is
    what a finding raises a row to. `optional` ones look only where the operator adds them. `priority` settles who
    names a span that two found: the lower number.
    """

    version: int
    level: Sensitivity
    optional: bool
    priority: int
    trigger: str

    def spans(self, reading: Reading) -> Iterable[Span]:
        """Characters [start, end) of `reading.text` that are personal data of this kind."""
        ...
