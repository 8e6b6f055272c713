"""Choosing among candidates: the rule of an audition.

Enters: what each candidate scored on the same rows, what it costs, how long it takes. Leaves: the one to take and why,
in words; and who cannot be told apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from imbik.core.money import usd
from imbik.core.results import Score
from imbik.core.types import Outcome
from imbik.evaluate.bootstrap import Bootstrap
from imbik.evaluate.scores import Latency

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MATTERS = 0.02  # a smaller difference is not worth more rows
_NORMAL, _TAIL = 1.96, 0.025  # of a 95% interval


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One teacher: score with its 95% interval (None: it answered nothing), USD a thousand answers (None: the price is
    not known), latency, outcomes counted, what kept rows from it, and how far it is behind the best one, paired."""

    name: str
    score: Score | None = None
    cost_per_1000: Decimal | None = None
    latency_ms: Latency | None = None
    outcomes: dict[str, int] = {}
    note: str = ""
    behind: Score | None = None


class Choice(NamedTuple):
    """Candidates in their order, the one to take, and why."""

    candidates: list[Candidate]
    name: str
    why: str


def recommend(
    candidates: Sequence[Candidate], scores: Mapping[str, NDArray[np.float64]], metric: str, rows: int
) -> Choice:
    """The rule: of all candidates that the rows cannot tell from the best one (the 95% interval of the paired
    difference holds 0), the cheapest; at an equal price, or where no price is known, the better one. A candidate whose
    price is not known is taken only where none of the others' is. Whoever was asked fewer rows is not compared, and is
    named."""
    whole = [item for item in candidates if item.score and Outcome.PENDING.value not in item.outcomes]
    answered = sorted(whole or [item for item in candidates if item.score], key=_value, reverse=True)
    silent = [item for item in candidates if item not in answered]
    if not answered:
        return Choice(list(candidates), "", "no candidate answered any row")
    best = answered[0]
    ranked = [best]
    for item in answered[1:]:
        behind = Bootstrap().difference(scores[best.name], scores[item.name])
        ranked.append(msgspec.structs.replace(item, behind=behind))
    if _value(best) <= 0:
        why = "no candidate gave a single right answer; ask one of them a few rows by eye before anything else"
        return Choice([*ranked, *silent], "", why)
    alike = [item for item in ranked if item.behind is None or item.behind.low <= 0]
    chosen = min(alike, key=_cheapest)
    why = _why(best, chosen, alike, len(ranked), metric, rows)
    if len(alike) > 1:
        why += f"; {_more_rows(best, chosen if chosen is not best else alike[1], scores, rows)}"
    unheard = ", ".join(item.name for item in silent)
    return Choice([*ranked, *silent], chosen.name, f"{why}; too little is known of {unheard}" if unheard else why)


def _why(best: Candidate, chosen: Candidate, alike: Sequence[Candidate], count: int, metric: str, rows: int) -> str:
    others = [item.name for item in alike if item is not chosen]
    if count == 1:
        return "nobody else could be asked as many rows, so nothing was compared"
    if not others:
        against = "every other candidate" if count > 2 else "the other one"
        return f"its {metric.replace('_', ' ')} is higher than that of {against}, and {rows} rows show it"
    named = f"{', '.join([chosen.name, *others[:-1]])} and {others[-1]}"
    told = f"{rows} rows cannot tell {named} apart (the 95% interval of their difference holds 0)"
    known = [item for item in alike if item.cost_per_1000 is not None]
    if chosen.cost_per_1000 is not None and len(known) > 1 and len({item.cost_per_1000 for item in known}) > 1:
        return f"{told}; it is the cheapest of them ({usd(chosen.cost_per_1000)} a thousand answers)"
    if chosen.cost_per_1000 is not None and len(known) == 1:
        return f"{told}; it is the only one of them whose price is known"
    higher = "it has the higher figure" if chosen.name == best.name else "it comes first"
    return f"{told}, and they cost the same as far as is known; {higher}"


def _more_rows(best: Candidate, other: Candidate, scores: Mapping[str, NDArray[np.float64]], rows: int) -> str:
    """How many rows would show the difference that was seen, or the smallest that matters where it was smaller."""
    import numpy as np

    apart = (scores[best.name] - scores[other.name])[~np.isnan(scores[best.name] - scores[other.name])]
    seen = max(abs(float(apart.mean())), MATTERS) if apart.size else MATTERS
    wanted = max(rows_to_show(seen, float(apart.std(ddof=1)) if apart.size > 1 else 0.0), rows + 1)
    told = rounded(wanted)
    return f"more rows would help: about {told:,} (--rows {told}) show a difference of {100 * seen:.0f} points"


def rows_to_show(difference: float, deviation: float) -> int:
    """Rows from which the 95% interval of a paired difference of this size leaves 0 out, at the spread that was seen.

    Where no row differed there is no spread to go by: then the rows of which none would differ so rarely (exact bound,
    Clopper and Pearson 1934).
    """
    if deviation > 0:
        return math.ceil((_NORMAL * deviation / difference) ** 2)
    return math.ceil(math.log(_TAIL) / math.log1p(-min(difference, 1 - 1e-9)))


def rounded(count: int) -> int:
    """A number of rows rounded up to two digits that count: 1 384 to 1 400."""
    step: int = 10 ** max(len(str(count)) - 2, 0)
    return -(-count // step) * step


def _value(item: Candidate) -> float:
    return item.score.value if item.score else -1.0


def _cheapest(item: Candidate) -> tuple[bool, Decimal, float]:
    """Known prices first, cheap before dear, good before bad."""
    known = item.cost_per_1000
    return known is None, known or Decimal(0), -_value(item)
