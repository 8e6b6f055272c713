"""What a few answers cost, and what many more will cost by that: the arithmetic of pilots.

Enters: completions of the first questions. Leaves: their mean and spread, and USD with a 95% interval for further ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean, stdev

from imbik.core.money import usd
from imbik.core.types import Completion, Outcome, Record

ASKED = {Outcome.ANSWERED, Outcome.TRUNCATED, Outcome.REFUSED, Outcome.MALFORMED, Outcome.FILTERED}
"""Outcomes of questions that a teacher was paid for."""


class Pilot(Record, frozen=True, kw_only=True):
    """What the pilot of one teacher found: rows asked, USD a row (mean and standard deviation), tokens a row, and how
    many answers were cut off, or were no good one for another reason."""

    rows: int
    mean: float
    deviation: float
    input_tokens: float
    output_tokens: float
    truncated: int = 0
    bad: int = 0


@dataclass(frozen=True)
class Interval:
    """USD with a 95% interval."""

    value: Decimal
    low: Decimal
    high: Decimal

    def __str__(self) -> str:
        return f"{usd(self.value)} (95%: {usd(self.low)} to {usd(self.high)})"


def total_of(pilot: Pilot, least: int, most: int | None = None) -> Interval:
    """What so many further questions will cost: at least `least` of them, at most `most`.

    Student's t on the cost of a row. The variance is that of a sum of n new rows whose mean is known from m:
    n² s² (1/m + 1/n), which is the one of sampling without replacement from m + n rows (Cochran 1977, 2.23).
    """
    from scipy.special import stdtrit

    t = float(stdtrit(pilot.rows - 1, 0.975)) if pilot.rows > 1 else math.inf

    def around(count: int, sign: int) -> float:
        spread = t * pilot.deviation * count * math.sqrt(1 / pilot.rows + 1 / count) if count else 0.0
        return max(0.0, count * pilot.mean + sign * spread)

    top = least if most is None else most
    return Interval(*(Decimal(repr(value)) for value in (least * pilot.mean, around(least, -1), around(top, 1))))


def summary(completions: Sequence[Completion], share: Decimal = Decimal(1)) -> Pilot | None:
    """Mean and spread of what was asked; None where too little was answered to say anything.

    The pilot is asked at once; `share` is that of its price which the rest costs, in batches.
    """
    asked = [completion for completion in completions if completion.outcome in ASKED]
    if len(asked) < 2:
        return None
    costs = [float(completion.cost * share) for completion in asked]
    outcomes = [completion.outcome for completion in asked]
    return Pilot(
        rows=len(asked),
        mean=fmean(costs),
        deviation=stdev(costs),
        input_tokens=fmean(completion.usage.input_tokens for completion in asked),
        output_tokens=fmean(completion.usage.output_tokens for completion in asked),
        truncated=outcomes.count(Outcome.TRUNCATED),
        bad=sum(outcome not in {Outcome.ANSWERED, Outcome.TRUNCATED} for outcome in outcomes),
    )
