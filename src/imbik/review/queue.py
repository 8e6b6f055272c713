"""The queue: which rows a person is to see, in which order.

Enters: the rows shown, in order of their value; who has judged what; who has which row before him just now. Leaves: the
next row for somebody, and how far he and all are. A row is for a person who may see its sensitivity, has not judged it
and has not put it aside, as long as fewer people have judged it or hold it than verdicts are wanted of it: so no row is
seen twice unless more than one verdict is wanted, and then by different people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import NamedTuple

from imbik.core.types import Sensitivity
from imbik.review.rules import Rules, sides
from imbik.review.shown import Shown
from imbik.review.store import ExpertVerdict


class Filters(NamedTuple):
    """Only rows of this check, category and teacher; empty for any."""

    check: str = ""
    category: str = ""
    teacher: str = ""

    def take(self, row: Shown) -> bool:
        """Whether a row is among them."""
        return (
            (not self.check or self.check in row.checks or self.check in row.doubted_by)
            and (not self.category or self.category == row.category)
            and (not self.teacher or self.teacher == row.teacher)
        )


class Given(NamedTuple):
    """A verdict with its number in the store."""

    number: int
    verdict: ExpertVerdict


@dataclass(frozen=True)
class Progress:
    """How far it is: rows that the person may see, judged by him and still open to him; verdicts there and wanted."""

    visible: int
    judged: int
    open: int
    aside: int
    there: int
    wanted: int


@dataclass
class Queue:
    """Rows in order, how many verdicts each wants, and those there are. `gone` are rows that cannot be read."""

    rows: Sequence[Shown] = ()
    rules: Rules = Rules()  # noqa: RUF009 - a tuple: it cannot change
    given: dict[str, dict[str, Given]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    _by_content: dict[str, Shown] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_content = {row.content: row for row in self.rows}

    def row(self, content: str) -> Shown | None:
        """The row of a content, where it is shown."""
        return self._by_content.get(content)

    def learn(self, number: int, verdict: ExpertVerdict) -> None:
        """Take in a verdict from the store; a withdrawn one takes back what its expert said."""
        said = self.given.setdefault(verdict.content, {})
        said[verdict.verdict.by] = Given(number, verdict)

    def judges(self, content: str) -> Collection[str]:
        """Who has judged a content, and stands by it."""
        return [item.verdict.by for item in self._standing(self.given.get(content, {}))]

    def wanted(self, row: Shown) -> int:
        """How many people are to judge a row by now."""
        said = self.given.get(row.content)
        return self.rules.wanted(row, *sides(self._standing(said))) if said else self.rules.asked(row)

    def last(self, content: str, person: str) -> int:
        """The number of a person's last word on a content, withdrawn or not; 0 for none."""
        found = self.given.get(content, {}).get(person)
        return found.number if found else 0

    def said(self, content: str, person: str) -> ExpertVerdict | None:
        """What a person says of a content."""
        found = self.given.get(content, {}).get(person)
        return None if found is None or found.verdict.withdrawn else found.verdict

    def open(self, row: Shown, person: str, level: Sensitivity, holders: Set[str] | None) -> bool:
        """Whether a row is for this person now; `holders` are the other browsers that hold it."""
        if row.sensitivity.rank > level.rank or row.content in self.gone:
            return False
        said = self.given.get(row.content)
        if not said:
            return not holders or len(holders) < self.rules.asked(row)
        judges = self.judges(row.content)
        return person not in judges and len(judges) + len(holders or ()) < self.wanted(row)

    def waiting(
        self,
        person: str,
        level: Sensitivity,
        filters: Filters,
        *,
        aside: Set[str],
        held: Mapping[str, Set[str]],
        own: Set[str] = frozenset(),
    ) -> Iterator[Shown]:
        """Rows for a person, in order. `held` are browsers by content without the one that asks; `own` are contents
        that another browser of the same person holds: he is not shown them twice."""
        for row in self.rows:
            if row.content in aside or row.content in own or not filters.take(row):
                continue
            if self.open(row, person, level, held.get(row.content)):
                yield row

    def progress(self, person: str, level: Sensitivity, *, aside: Set[str], held: Mapping[str, Set[str]]) -> Progress:
        """How far the person and all are."""
        visible = judged = left = there = put = wanted = 0
        for row in self.rows:
            said = self.given.get(row.content)
            judges = self.judges(row.content) if said else ()
            asked = self.wanted(row)
            wanted += asked
            there += min(len(judges), asked)
            if row.sensitivity.rank > level.rank:
                continue
            visible += 1
            judged += person in judges
            if self.open(row, person, level, held.get(row.content)):
                left += 1
                put += row.content in aside
        return Progress(visible, judged, left - put, put, there, wanted)

    def _standing(self, said: Mapping[str, Given]) -> Sequence[ExpertVerdict]:
        """What was said and not taken back."""
        return [given.verdict for given in said.values() if not given.verdict.withdrawn]
