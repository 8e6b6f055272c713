"""Several judges: each says whether an answer is good enough, and the majority of those with a verdict decides.

Enters: marks by judge, the mark that every criterion must reach. Leaves: whether the answer passes, the score, and a
sentence for a person. A tie does not pass, and where no more than half of the judges gave a verdict there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from textwrap import shorten
from typing import NamedTuple

from imbik.judge.scoring import Marks

LOW = "low (below "
"""How the reason of a low mark begins."""
_LONGEST_GROUNDS = 300


class Vote(NamedTuple):
    """What judges say together. `passed` is None for no verdict; `score` is the median of their lowest marks."""

    passed: bool | None
    score: float | None
    words: str


def vote(marks: Mapping[str, Marks], at_least: int) -> Vote:
    """Count the judges' verdicts."""
    given = {name: found for name, found in marks.items() if found.scores}
    told = "; ".join(_told(name, found, alone=len(marks) == 1) for name, found in marks.items())
    if 2 * len(given) <= len(marks):
        return Vote(None, None, told)
    good = sum(found.lowest >= at_least for found in given.values())
    return Vote(2 * good > len(given), float(median(found.lowest for found in given.values())), told)


def _told(name: str, marks: Marks, *, alone: bool) -> str:
    who = "" if alone else f"{name}: "
    if not marks.scores:
        return f"{who}no verdict ({marks.fault})"
    scores = ", ".join(f"{criterion} {mark}" for criterion, mark in marks.scores.items())
    grounds = shorten(marks.reasoning, _LONGEST_GROUNDS, placeholder=" …")
    return f"{who}{scores}" + (f" ({grounds})" if grounds else "")
