"""How many verdicts a row wants, and what becomes of it: the rules of double review and of disagreement.

Enters: the recipe's `review` section, and how many people keep and reject a row. Leaves: how many people are to judge
it, and its fate. People are split where as many reject a row as keep it. Then, as the recipe says, one more person is
asked (`third`), or the row waits until one of them changes his mind (`pending`); until then it is neither learned nor
thrown away. With `reject` it is rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from imbik.recipe.sections import Review
from imbik.review.shown import Shown
from imbik.review.store import ExpertVerdict


class Fate(StrEnum):
    """What becomes of a row that people judged."""

    KEPT = "kept"
    REJECTED = "rejected"
    SPLIT = "experts are split"


class Rules(NamedTuple):
    """What a recipe says: verdicts wanted of each row, and what follows where people are split."""

    experts: int = 1
    split: str = "third"

    @classmethod
    def of(cls, review: Review) -> Rules:
        """The rules of a recipe."""
        return cls(review.experts, review.disagreement)

    def asked(self, row: Shown) -> int:
        """How many people judge the row at first: more than one where it was chosen for double review."""
        return max(self.experts, 2) if row.double else self.experts

    def wanted(self, row: Shown, keeping: int, rejecting: int) -> int:
        """How many people are to judge the row by now: one more each time that they are split."""
        asked = self.asked(row)
        if self.split == "third" and keeping == rejecting and keeping + rejecting >= max(asked, 2):
            return keeping + rejecting + 1
        return asked

    def missing(self, row: Shown, given: Sequence[ExpertVerdict]) -> int:
        """How many verdicts on the row are still to come."""
        keeping, rejecting = sides(given)
        return max(0, self.wanted(row, keeping, rejecting) - len(given))

    def fate(self, given: Sequence[ExpertVerdict]) -> Fate:
        """What becomes of a row with these verdicts; nobody's verdict keeps it."""
        keeping, rejecting = sides(given)
        if keeping > rejecting or not given:
            return Fate.KEPT
        return Fate.SPLIT if keeping == rejecting and self.split != "reject" else Fate.REJECTED


def sides(given: Sequence[ExpertVerdict]) -> tuple[int, int]:
    """How many keep and how many reject."""
    keeping = sum(item.verdict.keep for item in given)
    return keeping, len(given) - keeping
