"""How far a run's experts agree: on keep, edit or reject, and on each score of the rubric.

Enters: verdicts by content. Leaves: Krippendorff's alpha over all experts, Cohen's kappa of each two, an ordinal alpha
for each criterion, and the same in sentences. Only rows that two or more people judged say anything; where a recipe
asks one person of every row, there are none, and that is said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from imbik.core.results import Score
from imbik.core.types import Record
from imbik.review.agreement import alpha, kappa
from imbik.review.store import ExpertVerdict


class Pair(Record, frozen=True, kw_only=True):
    """Two experts on the rows that both judged. `kappa` is None where chance alone would agree always."""

    one: str
    other: str
    rows: int
    alike: int
    kappa: Score | None = None


class Agreed(Record, frozen=True, kw_only=True):
    """Rows that two or more people judged, those on which all said the same of keep, edit and reject, and how far that
    is beyond chance; `rubric` are the criteria that two or more people scored."""

    rows: int
    alike: int
    alpha: Score | None = None
    pairs: tuple[Pair, ...] = ()
    rubric: dict[str, Score | None] = {}


def agreed(verdicts: Mapping[str, Sequence[ExpertVerdict]]) -> Agreed:
    """How far they agree, over all rows that two or more judged."""
    units = [[(item.verdict.by, item.word) for item in given] for given in verdicts.values() if len(given) > 1]
    pairs: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for unit in units:
        for (one, said), (other, replied) in combinations(sorted(unit), 2):
            pairs[one, other].append((said, replied))
    return Agreed(
        rows=len(units),
        alike=sum(len({said for _, said in unit}) == 1 for unit in units),
        alpha=alpha([said for _, said in unit] for unit in units),
        pairs=tuple(_pair(*names, said) for names, said in sorted(pairs.items())),
        rubric=_rubric(verdicts),
    )


def _pair(one: str, other: str, said: Sequence[tuple[str, str]]) -> Pair:
    return Pair(one=one, other=other, rows=len(said), alike=sum(a == b for a, b in said), kappa=kappa(said))


def _rubric(verdicts: Mapping[str, Sequence[ExpertVerdict]]) -> dict[str, Score | None]:
    scores: defaultdict[str, list[list[float]]] = defaultdict(list)
    for given in verdicts.values():
        for name in sorted({name for item in given for name in item.scores}):
            scores[name].append([item.scores[name] for item in given if name in item.scores])
    twice = {name: units for name, units in scores.items() if any(len(unit) > 1 for unit in units)}
    return {name: alpha(units, "ordinal") for name, units in sorted(twice.items())}


def told_agreed(found: Agreed) -> Iterator[str]:
    """The same in sentences, the coefficient over all experts first."""
    if not found.rows:
        yield "no row was judged by two experts, so nothing says how far they agree (review: {double: 20%})"
        return
    alike = f"the same verdict on {found.alike:,} of {found.rows:,} rows that two or more experts judged"
    yield f"{alike}; Krippendorff's alpha {told(found.alpha)}"
    for pair in found.pairs:
        yield f"{pair.one} and {pair.other}: Cohen's kappa {told(pair.kappa)} on {pair.rows:,} rows"
    for name, score in found.rubric.items():
        yield f"scores of {name}: Krippendorff's alpha (ordinal) {told(score)}"


def told(score: Score | None) -> str:
    """`0.71 (95%: 0.58 to 0.84)`."""
    if score is None:
        return "cannot be told: all said the same of everything"
    return f"{score.value:.2f} (95%: {score.low:.2f} to {score.high:.2f})"
