"""What comes of people's comparisons: how often each system is preferred, with an interval, and whether that is chance.

Enters: duels and the preferences given on them. Leaves: for each pair counts of verdicts, and the rate at which the
first is preferred, a tie counting half, over rows (several people's words on one row count as their mean), with a 95%
Wilson interval (1927), which ties make wider than it need be; and an exact two-sided sign test over rows, ties apart
(Dixon and Mood 1946). Answers that are the same word for word were put to nobody; they are counted beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import comb

from imbik.core.results import Score
from imbik.core.types import Record
from imbik.judge.calibration import wilson
from imbik.review.agreement import alpha
from imbik.review.duels import Duels
from imbik.review.preferences import Preference

RARE = 0.05
"""A result that chance alone would bring less often than this shows a difference."""


class Contest(Record, frozen=True, kw_only=True):
    """One pair. `rows` were judged of `shown`; `wins` and `losses` are verdicts for the first and the second system;
    `same` rows have the same answer, `unasked` ones lack one. `chance` is how likely a result as lopsided is where
    people prefer neither (None: nobody chose). `on_left` is how often the left one was chosen, ties apart: far from a
    half, people chose places, not answers. `agreement` is Krippendorff's alpha where rows were judged twice."""

    one: str
    other: str
    shown: int
    rows: int = 0
    people: int = 0
    wins: int = 0
    losses: int = 0
    ties: int = 0
    same: int = 0
    unasked: int = 0
    rate: Score | None = None
    chance: float | None = None
    on_left: Score | None = None
    agreement: Score | None = None

    @property
    def preferred(self) -> str:
        """The system that people prefer; '' where no difference is shown."""
        if self.rate is None or self.chance is None or self.chance >= RARE or self.rate.low <= 0.5 <= self.rate.high:
            return ""
        return self.one if self.rate.value > 0.5 else self.other


def contests(found: Duels, given: Mapping[str, Sequence[Preference]]) -> list[Contest]:
    """The result of each pair."""
    pairs = dict.fromkeys([*found.same, *found.unasked, *(duel.pair for duel in found.duels)])
    return [_contest(pair, found, given) for pair in sorted(pairs)]


def _contest(pair: tuple[str, str], found: Duels, given: Mapping[str, Sequence[Preference]]) -> Contest:
    own = [duel for duel in found.duels if duel.pair == pair]
    judged = [said for duel in own if (said := given.get(duel.content))]
    said = [item for row in judged for item in row]
    chosen = [item for item in said if item.prefers]
    wins = sum(item.prefers == pair[0] for item in said)
    points = [sum(_points(item, pair[0]) for item in row) / len(row) for row in judged]
    return Contest(
        one=pair[0], other=pair[1], shown=len(own), rows=len(judged), people=len({item.verdict.by for item in said}),
        wins=wins, losses=len(chosen) - wins, ties=len(said) - len(chosen),
        same=found.same.get(pair, 0), unasked=found.unasked.get(pair, 0),
        rate=wilson(sum(points), len(points)),
        chance=sign_test(sum(value > 0.5 for value in points), sum(value < 0.5 for value in points)),
        on_left=wilson(sum(item.prefers == item.left for item in chosen), len(chosen)),
        agreement=alpha([item.prefers for item in row] for row in judged),
    )  # fmt: skip


def _points(given: Preference, system: str) -> float:
    return 0.5 if not given.prefers else float(given.prefers == system)


def sign_test(wins: int, losses: int) -> float | None:
    """Probability of a result at least as lopsided where each is as likely as the other; None without any."""
    rows, fewer = wins + losses, min(wins, losses)
    return min(1.0, 2 * sum(comb(rows, n) for n in range(fewer + 1)) / 2**rows) if rows else None


def told_contests(found: Sequence[Contest]) -> Iterator[str]:
    """The same in sentences, with what speaks for and against the figures."""
    for item in found:
        yield f"{item.one} and {item.other}: {_result(item)}"
        if item.agreement is not None:
            yield f"{item.one} and {item.other}: Krippendorff's alpha of the people {item.agreement.value:.2f}"
        if item.on_left is not None and not item.on_left.low <= 0.5 <= item.on_left.high:
            yield f"! {item.on_left.value:.0%} of {item.on_left.n:,} choices fell on the left: people chose places too"


def _result(item: Contest) -> str:
    beside = f"; the same words on {item.same:,} further rows" if item.same else ""
    beside += f"; {item.unasked:,} rows that one of them was not asked" if item.unasked else ""
    if item.rate is None:
        return f"nobody has compared any of {item.shown:,} rows yet{beside}"
    verdicts = item.wins + item.losses + item.ties
    by_chance = "" if item.chance is None else f"; sign test p = {item.chance:.2g}"
    reading = f"people prefer {item.preferred}" if item.preferred else "no difference is shown"
    return (
        f"{item.one} is preferred {item.rate.value:.0%} of the time (95%: {item.rate.low:.0%} to {item.rate.high:.0%}, "
        f"a tie counting half{by_chance}): {reading}; {verdicts:,} verdicts of {item.people:,} people on {item.rows:,} "
        f"of {item.shown:,} rows: {item.wins:,} for {item.one}, {item.losses:,} for {item.other}, "
        f"{item.ties:,} ties{beside}"
    )
