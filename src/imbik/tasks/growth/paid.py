"""What growing costs, said after its first round: the rest is forecast before it is bought.

Enters: the completions of the first round, the mixer. Leaves: a line for the person, an event, and an error where even
the lower end of the interval is more than what is left: the answers of that round are stored and count.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from imbik.core.errors import BudgetSpentError
from imbik.core.money import rounded_up, usd
from imbik.core.types import Completion
from imbik.stage import Paying, StageContext
from imbik.tasks.costs import Interval, summary, total_of
from imbik.tasks.growth.coverage import Mixer
from imbik.tasks.growth.named import Named

_ROOM = Decimal("1.1")


def look_ahead(
    context: StageContext, named: Mapping[str, Named], mixer: Mixer, answers: Mapping[str, Sequence[Completion]]
) -> None:
    """Say what the questions to come will cost; `answers` are those of the first round, by strategy.

    Raises: BudgetSpentError where they will certainly not fit into what is left.
    """
    budget, asker = context.recipe.budget, context.asker
    if budget is None or not budget.pilot or not isinstance(asker, Paying) or not mixer.room:
        return
    live = [line for line in mixer.lines.values() if line.open]
    shares, parts, questions = sum(line.share for line in live), list[Interval](), 0
    for line in live:
        pilot = summary(list(answers.get(line.name, ()))) if named[line.name].teacher else None
        if pilot is None or not pilot.mean:
            continue
        count = math.ceil(mixer.room * line.share / shares / line.yields)
        questions += count
        parts.append(total_of(pilot, count))
    left = asker.left("growth")
    if parts and left is not None:
        _compare(context, _together(parts), questions, left, budget.total)


def _together(parts: Sequence[Interval]) -> Interval:
    """The sum; spreads of independent strategies add up as squares do."""
    value = sum((part.value for part in parts), Decimal(0))
    below = Decimal(math.sqrt(sum(float(part.value - part.low) ** 2 for part in parts)))
    above = Decimal(math.sqrt(sum(float(part.high - part.value) ** 2 for part in parts)))
    return Interval(value, max(Decimal(0), value - below), value + above)


def _compare(context: StageContext, whole: Interval, questions: int, left: Decimal, total: Decimal) -> None:
    progress = context.progress
    progress.event("pilot", value=str(whole.value), low=str(whole.low), high=str(whole.high), left=str(left))
    progress.say(f"growing: about {questions:,} more questions will cost about {whole}, and {usd(left)} are left")
    if whole.low <= left:
        return
    enough = total + (whole.high - left) * _ROOM
    raise BudgetSpentError(
        f"the rest of growing will cost {whole}, and {usd(left)} are left for it, so it was not begun; what the first "
        "round brought is kept",
        where="budget.total",
        next=f'type the same command with --set budget.total="{rounded_up(enough)} USD" (answers to grown tasks cost '
        "beside that), or grow fewer: tasks.grow.to",
    )
