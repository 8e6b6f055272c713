"""The desk at which experts sit: hands out rows one by one and takes verdicts in, for any number of browsers.

Enters: a run whose recipe asks experts; seats (a person at a browser). Leaves: rows handed out, each in one transaction
with its reservation, so that nobody else is handed it; verdicts, on the disk before anybody is told that they are
saved. The rows shown are read again when the run has chosen others, and the database is opened again when somebody put
another in its place: experts work while the run goes on.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import msgspec

from imbik.core.databases import transaction
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity
from imbik.recipe.sections import Review
from imbik.review import reservations
from imbik.review.queue import Filters, Progress, Queue
from imbik.review.reservations import Seat
from imbik.review.rules import Rules
from imbik.review.shown import REFINED, Shown, chosen, read_shown, shown_path
from imbik.review.store import VERDICTS, ExpertVerdict, Table, connect, insert, reviews_path, since, unreadable


class Saved(NamedTuple):
    """What became of a verdict: its number, or 0 where it was not taken because the row is judged otherwise by now."""

    number: int
    why: str = ""


class Source(Protocol):
    """Where a desk's rows come from."""

    def stamp(self) -> tuple[int, ...]:
        """Another one means other rows."""
        ...

    def rows(self) -> Sequence[Shown]:
        """The rows, in order."""
        ...


class ShownRows:
    """The rows that a run's recipe shows."""

    def __init__(self, run: RunFolder, review: Review) -> None:
        self.run, self.review = run, review

    def stamp(self) -> tuple[int, ...]:
        """Changes when the run has chosen others."""
        found: list[int] = []
        for path in (shown_path(self.run), self.run.stage(REFINED) / "manifest.json"):
            try:
                about = path.stat()
                found += [about.st_ino, about.st_mtime_ns, about.st_size]
            except FileNotFoundError:
                found += [0]
        return tuple(found)

    def rows(self) -> Sequence[Shown]:
        """As the review stage wrote them; before it ran, as it will."""
        shown = read_shown(self.run)
        if not shown and self.run.manifest(REFINED) is not None:
            shown = chosen(self.run, self.review)
        return shown


class Desk:
    """One run's desk. `level` says what a person may see, and is asked each time; `source` gives the rows (those that
    the recipe shows, by default), and what is said of them is kept in `table`."""

    def __init__(
        self,
        run: RunFolder,
        review: Review,
        level: Callable[[str], Sensitivity],
        clock: Callable[[], float] = time.time,
        *,
        source: Source | None = None,
        table: Table = VERDICTS,
    ) -> None:
        self.source, self.table = source or ShownRows(run, review), table
        self.run, self.review, self.level, self.clock = run, review, level, clock
        self.queue = Queue(rules=Rules.of(review))
        self._turn = threading.RLock()
        self._stamp: tuple[int, ...] | None = None
        self._bases: tuple[sqlite3.Connection, sqlite3.Connection] | None = None
        self._inode, self._learned = 0, 0

    def rows(self) -> Sequence[Shown]:
        """All rows shown, in order."""
        with self._turn:
            self._look()
            return self.queue.rows

    def next(self, seat: Seat, filters: Filters = Filters(), *, another: bool = False) -> Shown | None:  # noqa: B008
        """The row that this browser has before it, else the next one, which is reserved for it. None: nothing is left.

        `another` gives back the row that it has.
        """
        level = self.level(seat.person)
        with self._open() as (_, quick), transaction(quick):
            self._learn(quick)
            now = self.clock()
            found = None if another else self._before(quick, seat, level, now)
            if found is None:
                taken, aside = reservations.held(quick, seat, now), reservations.aside(quick, seat.person)
                found = next(
                    self.queue.waiting(
                        seat.person, level, filters, aside=aside, held=taken.browsers, own=taken.own
                    ),
                    None,
                )  # fmt: skip
            reservations.lapse(quick, now)
            if found is None:
                reservations.release(quick, seat.browser)
            else:
                reservations.hold(quick, seat, found.content, now)
            return found

    def take(self, seat: Seat, content: str) -> Shown | None:
        """A row that the person judged or put aside, to look at it again. None where it is not his to see."""
        level = self.level(seat.person)
        with self._open() as (_, quick), transaction(quick):
            self._learn(quick)
            row = self.queue.row(content)
            if row is None or row.sensitivity.rank > level.rank:
                return None
            aside = content in reservations.aside(quick, seat.person)
            if not (aside or self.queue.said(content, seat.person)):
                return None
            if not self.queue.said(content, seat.person):
                taken = reservations.held(quick, seat, self.clock()).browsers.get(content)
                if not self.queue.open(row, seat.person, level, taken):
                    return None
            reservations.take_back(quick, seat.person, content)
            reservations.hold(quick, seat, content, self.clock())
            return row

    def decide(self, seat: Seat, verdict: ExpertVerdict, previous: int) -> Saved:
        """Save a verdict; when this returns, it is on the disk.

        `previous` is the person's last word on the content that the page knows of (0: none): a page that is not up to
        date changes nothing, and one that asks twice saves once.
        """
        level = self.level(seat.person)
        with self._open() as (base, _), transaction(base):
            self._learn(base)
            row = self.queue.row(verdict.content)
            if row is None or row.sensitivity.rank > level.rank:
                return Saved(0, "gone")
            if (last := self.queue.last(verdict.content, seat.person)) != previous:
                return Saved(last) if self._repeated(verdict, seat.person) else Saved(0, "judged")
            if not self._may_judge(base, seat, row):
                return Saved(0, "taken")
            number = insert(base, [verdict], self.table)
            reservations.take_back(base, seat.person, verdict.content)
            if verdict.withdrawn:
                reservations.hold(base, seat, verdict.content, self.clock())
            else:
                reservations.release(base, seat.browser)
            return Saved(number)

    def put_aside(self, seat: Seat, content: str) -> None:
        """Not now: the row goes to somebody else, or comes again when it is asked for."""
        with self._open() as (_, quick), transaction(quick):
            if self.queue.row(content) is not None:
                reservations.put_aside(quick, seat.person, content)
            reservations.release(quick, seat.browser)

    def take_back_aside(self, seat: Seat) -> None:
        """All that was put aside waits again."""
        with self._open() as (_, quick), transaction(quick):
            reservations.take_back(quick, seat.person)

    def still_here(self, seat: Seat, content: str) -> bool:
        """The page is open; False where its row is no longer kept for it."""
        with self._open() as (_, quick), transaction(quick):
            return reservations.renew(quick, seat, content, self.clock())

    def leave(self, seat: Seat) -> None:
        """The page is gone: its row is for others, where no other page of the browser shows it."""
        with self._open() as (_, quick), transaction(quick):
            reservations.leave(quick, seat, self.clock())

    def progress(self, seat: Seat) -> Progress:
        """How far the person and all are."""
        with self._open() as (_, quick), transaction(quick, "DEFERRED"):
            self._learn(quick)
            taken = reservations.held(quick, seat, self.clock())
            aside = reservations.aside(quick, seat.person)
            return self.queue.progress(seat.person, self.level(seat.person), aside=aside, held=taken.browsers)

    def given(self) -> dict[str, list[ExpertVerdict]]:
        """All verdicts that stand, by content."""
        with self._open() as (_, quick), transaction(quick, "DEFERRED"):
            self._learn(quick)
            return {
                content: [item.verdict for item in said.values() if not item.verdict.withdrawn]
                for content, said in self.queue.given.items()
            }

    def close(self) -> None:
        """Let go of the database."""
        with self._turn:
            for base in self._bases or ():
                base.close()
            self._bases = None

    def _before(self, base: sqlite3.Connection, seat: Seat, level: Sensitivity, now: float) -> Shown | None:
        """The row that the browser holds, if it is still for it."""
        content = reservations.held_by(base, seat.browser, now)
        row = self.queue.row(content) if content else None
        return row if row is not None and row.sensitivity.rank <= level.rank else None

    def _may_judge(self, base: sqlite3.Connection, seat: Seat, row: Shown) -> bool:
        """Who holds the row may; so may who has judged it, and who comes back to one that still wants a verdict."""
        if self.queue.last(row.content, seat.person):
            return True
        now = self.clock()
        if reservations.held_by(base, seat.browser, now) == row.content:
            return True
        taken = reservations.held(base, seat, now)
        return self.queue.open(row, seat.person, self.level(seat.person), taken.browsers.get(row.content))

    def _repeated(self, verdict: ExpertVerdict, person: str) -> bool:
        """Whether the person's last word on it is the same: a page that heard no answer asks again."""
        found = self.queue.given.get(verdict.content, {}).get(person)
        return found is not None and _said(found.verdict) == _said(verdict)

    @contextmanager
    def _open(self) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
        """Both connections, one thread at a time: to the second, what is committed may be lost in a power cut."""
        with self._turn, unreadable(reviews_path(self.run)):
            path = reviews_path(self.run)
            if self._bases is not None and (not path.exists() or path.stat().st_ino != self._inode):
                self.close()
            if self._bases is None:
                self._bases = (connect(self.run), connect(self.run))
                self._bases[1].execute("PRAGMA synchronous = NORMAL")
                with transaction(self._bases[0]):
                    reservations.prepare(self._bases[0])
                self._inode, self._learned = path.stat().st_ino, 0
                self.queue.given.clear()
            self._look()
            yield self._bases

    def _look(self) -> None:
        """Read the rows shown again where they have changed."""
        stamp = self.source.stamp()
        if stamp != self._stamp:
            self.queue = Queue(self.source.rows(), self.queue.rules, self.queue.given)
            self._stamp = stamp

    def _learn(self, base: sqlite3.Connection) -> None:
        """Take in what was said since, here or by another server."""
        for number, verdict in since(base, self._learned, self.table):
            self.queue.learn(number, verdict)
            self._learned = number


def _said(verdict: ExpertVerdict) -> ExpertVerdict:
    return msgspec.structs.replace(verdict, at="", seconds=0.0)
