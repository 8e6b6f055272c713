"""The ledger: what a run has spent and what it may still have to pay, in the answer store, exact to a trillionth.

Enters: the store's writing connection, amounts in trillionths of a dollar (`core.money.units`). Leaves: rows in
`reserved` (the most that a request under way can cost, written before it is sent) and `spending` (what was paid, by
run, purpose and teacher). Both change in the same commits as claims and answers.

Money counts from the moment it is reserved, and a reservation whose owner died counts as spent: its request may have
been paid. Only what was gathered for a batch and never handed over is given back. So no kill, restart or second process
brings a run above its cap. Rows are kept under the run's name; deleting the run's folder gives nothing back, for the
money is gone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from imbik.ask.batch.records import is_batch, is_gathered
from imbik.core.databases import read_only
from imbik.core.money import SpendLine, dollars, stage_of

EVALUATION = "evaluation"
TABLES = (
    """CREATE TABLE IF NOT EXISTS spending (
        run TEXT NOT NULL,
        purpose TEXT NOT NULL,        -- generation, growth, judge, pilot, audition, chat, evaluation
        teacher TEXT NOT NULL,        -- its name in the recipe
        paid INTEGER NOT NULL,        -- trillionths of a dollar, for replies whose tokens the teacher counted
        possible INTEGER NOT NULL,    -- the same for requests that may have been paid: the most they can have cost
        answers INTEGER NOT NULL,     -- replies read
        lost INTEGER NOT NULL,        -- requests behind `possible`
        input_tokens INTEGER NOT NULL,
        output_tokens INTEGER NOT NULL,
        PRIMARY KEY (run, purpose, teacher)
    )""",
    """CREATE TABLE IF NOT EXISTS reserved (
        id INTEGER PRIMARY KEY,
        run TEXT NOT NULL,
        purpose TEXT NOT NULL,
        teacher TEXT NOT NULL,
        amount INTEGER NOT NULL,      -- trillionths of a dollar
        owner TEXT NOT NULL           -- as in `owners`; one that is gone can settle nothing any more
    )""",
    "CREATE INDEX IF NOT EXISTS reserved_by_run ON reserved (run)",
    # A batch reserves for thousands of rows: what is reserved in all is kept, never added up again for each of them.
    """CREATE TABLE IF NOT EXISTS held (
        run TEXT NOT NULL,
        purpose TEXT NOT NULL,
        amount INTEGER NOT NULL,      -- the sum of `reserved`
        PRIMARY KEY (run, purpose)
    )""",
    """CREATE TRIGGER IF NOT EXISTS held_more AFTER INSERT ON reserved BEGIN
        INSERT INTO held VALUES (new.run, new.purpose, new.amount)
        ON CONFLICT (run, purpose) DO UPDATE SET amount = amount + excluded.amount;
    END""",
    """CREATE TRIGGER IF NOT EXISTS held_less AFTER DELETE ON reserved BEGIN
        UPDATE held SET amount = amount - old.amount WHERE run = old.run AND purpose = old.purpose;
    END""",
)
_ADD = """INSERT INTO spending VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, purpose, teacher) DO UPDATE SET
    paid = paid + excluded.paid, possible = possible + excluded.possible, answers = answers + excluded.answers,
    lost = lost + excluded.lost, input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens"""
Entry = tuple["Line | None", int]
"""What became of a request (None: nothing was paid), and the number of its reservation (0: it had none)."""
Alive = Callable[[sqlite3.Connection, str], bool]


@dataclass(frozen=True)
class Cap:
    """What a run may spend, in trillionths of a dollar; `kept` is the part of it that only evaluation may spend."""

    total: int
    kept: int

    def left(self, purpose: str, evaluation: int, others: int) -> int:
        """What is left for a purpose where so much is spent or reserved; negative where it is overdrawn."""
        if purpose == EVALUATION:
            return self.total - evaluation - others
        return self.total - others - max(evaluation, self.kept)


class Short(NamedTuple):
    """Why nothing could be reserved: what is left, whether requests under way may yet give some back, and what the run
    has spent, with what dead processes had reserved."""

    left: int
    waiting: bool
    spent: int


class Line(NamedTuple):
    """What one teacher cost for one purpose; see the table `spending`."""

    purpose: str
    teacher: str
    paid: int
    possible: int
    answers: int
    lost: int
    input_tokens: int
    output_tokens: int

    def plus(self, other: Line) -> Line:
        """Both together, of one purpose and teacher."""
        return Line(self.purpose, self.teacher, *(a + b for a, b in zip(self[2:], other[2:], strict=True)))


def reserve(
    connection: sqlite3.Connection,
    run: str,
    purpose: str,
    teacher: str,
    amount: int,
    cap: Cap,
    owner: str,
    alive: Alive,
    tended: Collection[str] = (),
) -> int | Short:
    """Hold `amount` for one request: the number of the reservation, or Short where the cap does not allow it.

    Of batches, which outlive every process, only `tended` ones are waited for.
    """
    left = cap.left(purpose, *_used(connection, run))
    if amount > left:
        waiting = _sweep(connection, run, alive, tended)
        return Short(left, waiting, spent(connection, run))
    values = (run, purpose, teacher, amount, owner)
    found = connection.execute("INSERT INTO reserved VALUES (NULL, ?, ?, ?, ?, ?)", values)
    return int(found.lastrowid or 0)


def book(connection: sqlite3.Connection, run: str, entries: Sequence[Entry]) -> int:
    """What became of requests takes the place of their reservations. Gives what the run has spent by now."""
    numbers = [(number,) for _, number in entries if number]
    connection.executemany("DELETE FROM reserved WHERE id = ?", numbers)
    together: dict[tuple[str, str], Line] = {}
    for line, _ in entries:
        if line is not None:
            spot = (line.purpose, line.teacher)
            together[spot] = line.plus(together[spot]) if spot in together else line
    connection.executemany(_ADD, [(run, *line) for line in together.values()])
    return spent(connection, run)


def free(connection: sqlite3.Connection, number: int) -> None:
    """A request that was certainly not paid."""
    connection.execute("DELETE FROM reserved WHERE id = ?", (number,))


def spent(connection: sqlite3.Connection, run: str) -> int:
    """What the run has paid, and may have paid."""
    found = connection.execute("SELECT coalesce(sum(paid + possible), 0) FROM spending WHERE run = ?", (run,))
    return int(found.fetchone()[0])


def left(connection: sqlite3.Connection, run: str, purpose: str, cap: Cap) -> int:
    """What a purpose may still spend; what is reserved counts as spent."""
    return max(0, cap.left(purpose, *_used(connection, run)))


def lines(connection: sqlite3.Connection, run: str) -> list[Line]:
    """The run's spending by purpose and teacher; what is still reserved counts as possibly paid, where it may have
    left."""
    found = {(row[0], row[1]): Line(*row) for row in connection.execute(
        "SELECT purpose, teacher, paid, possible, answers, lost, input_tokens, output_tokens FROM spending "
        "WHERE run = ? ORDER BY purpose, teacher", (run,)
    )}  # fmt: skip
    reserved = connection.execute(
        "SELECT purpose, teacher, owner, sum(amount), count(*) FROM reserved WHERE run = ? "
        "GROUP BY purpose, teacher, owner",
        (run,),
    )
    for purpose, teacher, owner, amount, count in reserved:
        if is_gathered(owner):
            continue
        line = found.get((purpose, teacher), Line(purpose, teacher, 0, 0, 0, 0, 0, 0))
        found[purpose, teacher] = line._replace(possible=line.possible + amount, lost=line.lost + count)
    return [found[key] for key in sorted(found)]


def spending(connection: sqlite3.Connection, run: str) -> list[SpendLine]:
    """The same in USD."""
    return [_in_usd(line) for line in lines(connection, run)]


def _in_usd(line: Line) -> SpendLine:
    money = {"paid": dollars(line.paid), "possible": dollars(line.possible)}
    return SpendLine(stage=stage_of(line.purpose), **{**line._asdict(), **money})


def read(store: Path, run: str) -> list[SpendLine]:
    """A run's spending from a store that nobody here has open; nothing where there is no store."""
    if not store.exists():
        return []
    with closing(read_only(store)) as connection:
        found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'spending'").fetchone()
        return spending(connection, run) if found else []


def _used(connection: sqlite3.Connection, run: str) -> tuple[int, int]:
    """What evaluation and what everything else has spent or reserved."""
    evaluation = others = 0
    for purpose, amount in connection.execute(
        "SELECT purpose, paid + possible FROM spending WHERE run = ?1 UNION ALL "
        "SELECT purpose, amount FROM held WHERE run = ?1",
        (run,),
    ):
        if purpose == EVALUATION:
            evaluation += amount
        else:
            others += amount
    return evaluation, others


def _sweep(connection: sqlite3.Connection, run: str, alive: Alive, tended: Collection[str]) -> bool:
    """Book what dead owners had reserved as possibly paid; whether living owners may yet give reservations back."""
    owners: Sequence[tuple[str]] = connection.execute(
        "SELECT DISTINCT owner FROM reserved WHERE run = ?", (run,)
    ).fetchall()
    dead = [owner for (owner,) in owners if not alive(connection, owner)]
    for owner in dead:
        if is_gathered(owner):
            connection.execute("DELETE FROM reserved WHERE run = ? AND owner = ?", (run, owner))
            continue
        for number, purpose, teacher, amount in connection.execute(
            "SELECT id, purpose, teacher, amount FROM reserved WHERE run = ? AND owner = ?", (run, owner)
        ).fetchall():
            book(connection, run, [(Line(purpose, teacher, 0, amount, 0, 1, 0, 0), number)])
    return any(owner in tended or not is_batch(owner) for (owner,) in owners if owner not in dead)
