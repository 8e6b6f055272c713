"""Where a review stands: verdicts wanted and missing, who gave how many, and who still has what.

Enters: a run folder and the rules of its recipe. Leaves: numbers, and lines for a person who wonders what a run waits
for: each expert with what he gave, what is open to him and what lies before him now, and rows that nobody who is
invited may see or is left to judge.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from imbik.core.runfolder import RunFolder
from imbik.core.types import Record, Sensitivity
from imbik.review import reservations
from imbik.review.rules import Fate, Rules, sides
from imbik.review.shown import Shown, read_shown
from imbik.review.store import ExpertVerdict, newer_than_snapshot, reading, snapshot_number, verdicts_of
from imbik.web.members import MEMBERS, Members

Verdicts = Mapping[str, Sequence[ExpertVerdict]]


class Standing(Record, frozen=True, kw_only=True):
    """Where a review of a run stands: rows shown, verdicts wanted and missing on them, rows on which experts are split,
    the last snapshot, verdicts after it."""

    shown: int
    wanted: int
    missing: int
    split: int
    snapshot: int
    newer: int


class Person(Record, frozen=True, kw_only=True):
    """One expert: verdicts given on the rows shown, rows open to him, and rows on his page just now."""

    name: str
    given: int
    open: int
    before: int


class Waiting(Record, frozen=True, kw_only=True):
    """Who still has what. `hidden` rows want a verdict of somebody who may see them, `nobody` of somebody new."""

    people: tuple[Person, ...]
    hidden: int
    nobody: int
    level: Sensitivity = Sensitivity.PUBLIC


def missing_verdicts(rows: Sequence[Shown], verdicts: Verdicts, rules: Rules) -> int:
    """Verdicts still wanted on the rows shown."""
    return sum(rules.missing(row, verdicts.get(row.content, ())) for row in rows)


def wanted_verdicts(rows: Sequence[Shown], verdicts: Verdicts, rules: Rules) -> int:
    """Verdicts wanted on the rows shown, those of further people where experts are split among them."""
    return sum(rules.wanted(row, *sides(verdicts.get(row.content, ()))) for row in rows)


def standing(run: RunFolder, rules: Rules) -> Standing:
    """Where the review of a run stands now."""
    rows, verdicts = read_shown(run), verdicts_of(run)
    return Standing(
        shown=len(rows),
        wanted=wanted_verdicts(rows, verdicts, rules),
        missing=missing_verdicts(rows, verdicts, rules),
        split=sum(rules.fate(verdicts.get(row.content, ())) is Fate.SPLIT for row in rows),
        snapshot=snapshot_number(run),
        newer=newer_than_snapshot(run),
    )


def waiting(run: RunFolder, rules: Rules) -> Waiting:
    """Who still has what of the verdicts that are missing.

    Raises: OperatorFileError where the operator's file, which says who may see what, cannot be used.
    """
    from imbik.review.levels import Levels

    rows, verdicts, levels = read_shown(run), verdicts_of(run), Levels(run.path)
    open_rows = [row for row in rows if rules.missing(row, verdicts.get(row.content, ()))]
    judged = {row.content: {item.verdict.by for item in verdicts.get(row.content, ())} for row in rows}
    invited, before = Members(run.path / MEMBERS).names(), _before(run, judged)
    elsewhere = sorted({name for said in judged.values() for name in said} - set(invited))
    people = tuple(
        Person(
            name=name,
            given=sum(name in said for said in judged.values()),
            open=sum(_for(row, levels(name), judged[row.content], name) for row in open_rows if name in invited),
            before=before[name],
        )
        for name in (*invited, *elsewhere)
    )
    hidden = [row for row in open_rows if not any(row.sensitivity.rank <= levels(name).rank for name in invited)]
    reached = [row for row in open_rows if row not in hidden]
    nobody = sum(not any(_for(row, levels(n), judged[row.content], n) for n in invited) for row in reached)
    level = max((row.sensitivity for row in hidden), key=lambda found: found.rank, default=Sensitivity.PUBLIC)
    return Waiting(people=people, hidden=len(hidden) if invited else 0, nobody=nobody, level=level)


def told_waiting(found: Waiting) -> Iterator[str]:
    """A line for each person and for each thing that keeps rows from being judged."""
    for person in found.people:
        page = ", one of them on the page now" if person.before and person.open else ""
        yield f"{person.name}: {person.given:,} given, {person.open:,} open{page}"
    if not any(person.open for person in found.people) and not found.hidden and not found.nobody:
        yield "nobody is invited yet"
    if found.nobody:
        yield f"{_rows(found.nobody, 'want')} one more person, who has not judged before"
    if found.hidden:
        yield (
            f"{_rows(found.hidden, 'are')} {found.level.value} or above what anybody who is invited may see "
            "(reviewers: in the operator's file)"
        )


def _rows(number: int, verb: str) -> str:
    """`1 row is`, `2 rows are`, `1 row wants`."""
    if number != 1:
        return f"{number:,} rows {verb}"
    return f"1 row {'is' if verb == 'are' else verb + 's'}"


def _for(row: Shown, level: Sensitivity, judged: set[str], name: str) -> bool:
    return name not in judged and row.sensitivity.rank <= level.rank


def _before(run: RunFolder, shown: Collection[str]) -> Counter[str]:
    """How many of the rows shown each person has on a page just now; pages that compare systems have others."""
    with reading(run) as base:
        found = [] if base is None else reservations.on_pages(base, time.time())
    return Counter(expert for expert, content in found if content in shown)
