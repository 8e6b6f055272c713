"""Which answer most samples of a task give: what generation asks further by, and what the agreement check keeps.

Enters: normal forms of the answers to one task ("" where there is none). Leaves: the one answer given most often and
its share of all samples; a tie has no winner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence


def majority(answers: Sequence[str]) -> tuple[str, float]:
    """The winner and its share in [0, 1]; ("", 0.0) on a tie or when there is no answer at all."""
    counted = Counter(answer for answer in answers if answer).most_common(2)
    if not counted or (len(counted) == 2 and counted[0][1] == counted[1][1]):
        return "", 0.0
    return counted[0][0], counted[0][1] / len(answers)
