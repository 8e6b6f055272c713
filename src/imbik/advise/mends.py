"""What a diagnosis is made of: a trouble in words, and what to try.

Enters: nothing. Leaves: the two records that each diagnosis gives and `imbik diagnose` prints.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mend:
    """One thing to try: why, and the line to add to the run's command."""

    why: str
    line: str


@dataclass(frozen=True)
class Problem:
    """One trouble in words, with what mends it, first things first."""

    trouble: str
    words: str
    mends: tuple[Mend, ...]
