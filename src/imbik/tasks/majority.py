"""Which answer most samples of a task give: what generation asks further by, and what the agreement check keeps.

Enters: normal forms of the answers to one task ("" where there is none). Leaves: the one answer given most often and
its share of all samples, where a tie has no winner; whether more answers are worth asking for.
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


def settled(answers: Sequence[str], *, share: float, lead: int, most: int) -> bool:
    """Whether asking may stop: an answer has its share and is `lead` answers ahead of the next, or none of them can
    reach the share any more within `most` answers, or could win only by one where three are wanted.

    The lead is what makes an early majority trustworthy: answers are asked for one after another, so a share alone is
    reached by chance sooner or later (Wald 1945; Aggarwal et al. 2023 for answers of language models). Three ahead
    within eight is where the one behind still wins or ties in less than 5% of cases (beta-binomial from a flat prior).
    """
    counted = Counter(answer for answer in answers if answer).most_common(2)
    first = counted[0][1] if counted else 0
    second = counted[1][1] if len(counted) == 2 else 0
    left = max(most - len(answers), 0)
    enough = min(lead, left + 1)  # a lead that the answers still to come cannot take back
    if first and first >= share * len(answers) and first - second >= enough:
        return True
    close = first + left - second < min(lead, most // 2) - 1  # few answers in all leave no room for a lead
    return close or first + left < share * max(most, len(answers))
