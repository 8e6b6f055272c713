"""Spend is never above the cap, whatever happens in whatever order: a state machine drives the ledger.

The teacher of this machine bills the most it can: a request that was lost, or under way at a kill, is billed in full.
Two processes share the run; one may be killed and come back at any time, and the file is opened anew.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from imbik.ask import ledger
from imbik.ask.ledger import Cap, Line, Short
from imbik.ask.schema import connect

AMOUNTS = st.integers(1, 400)
PURPOSES = st.sampled_from(["generation", "judge", "growth", "pilot", "audition", "chat", "evaluation", "evaluation"])
RUN = "deneme"


class Spending(RuleBasedStateMachine):
    """Reserve, settle, lose, free, kill and reopen, in any order."""

    held = Bundle("held")

    @initialize(total=st.integers(0, 2_000), kept=st.integers(0, 800))
    def begin(self, total: int, kept: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "answers.sqlite"
        self.connection = connect(self.path)
        self.cap = Cap(total, min(kept, total))
        self.living = {"ilk 0", "ikinci 0"}
        self.billed = {True: 0, False: 0}  # what the teacher will bill at most: for evaluation, for the rest
        self.open: dict[int, tuple[str, int, str]] = {}

    def alive(self, _: sqlite3.Connection, owner: str) -> bool:
        return owner in self.living

    @rule(target=held, purpose=PURPOSES, amount=AMOUNTS, process=st.sampled_from(["ilk", "ikinci"]))
    def reserve(self, purpose: str, amount: int, process: str) -> int:
        owner = next(name for name in self.living if name.startswith(process))
        found = ledger.reserve(self.connection, RUN, purpose, "buyuk", amount, self.cap, owner, self.alive)
        if isinstance(found, Short):
            assert amount > found.left
            assert found.waiting == bool(self.open), "waits exactly while something may come back"
            return 0
        self.open[found] = (purpose, amount, owner)
        return found

    @rule(number=consumes(held), share=st.integers(0, 100))
    def settle(self, number: int, share: int) -> None:
        if number in self.open:
            purpose, amount, _ = self.open.pop(number)
            paid = amount * share // 100
            ledger.book(self.connection, RUN, [(Line(purpose, "buyuk", paid, 0, 1, 0, 1, 0), number)])
            self.billed[purpose == "evaluation"] += paid

    @rule(number=consumes(held))
    def lose(self, number: int) -> None:
        if number in self.open:
            purpose, amount, _ = self.open.pop(number)
            ledger.book(self.connection, RUN, [(Line(purpose, "buyuk", 0, amount, 0, 1, 0, 0), number)])
            self.billed[purpose == "evaluation"] += amount

    @rule(number=consumes(held))
    def free(self, number: int) -> None:
        if number in self.open:
            del self.open[number]
            ledger.book(self.connection, RUN, [(None, number)])

    @rule(process=st.sampled_from(["ilk", "ikinci"]))
    def kill(self, process: str) -> None:
        """A process dies with requests under way, which are billed; it comes back as another owner."""
        owner = next(name for name in self.living if name.startswith(process))
        self.living = self.living - {owner} | {f"{process} {int(owner.split()[1]) + 1}"}
        for number, (purpose, amount, _) in [item for item in self.open.items() if item[1][2] == owner]:
            self.billed[purpose == "evaluation"] += amount
            del self.open[number]

    @rule()
    def reopen(self) -> None:
        self.connection.close()
        self.connection = connect(self.path)

    @rule()
    def sweep(self) -> None:
        """Somebody asks for more than there is, so what dead owners held is booked."""
        self.reserve("generation", self.cap.total + 1, "ilk")

    @invariant()
    def never_above_the_cap(self) -> None:
        if not hasattr(self, "cap"):
            return
        at_stake = {True: 0, False: 0}
        for purpose, amount, _ in self.open.values():
            at_stake[purpose == "evaluation"] += amount
        evaluation, others = (self.billed[kind] + at_stake[kind] for kind in (True, False))
        assert evaluation + others <= self.cap.total
        assert others <= self.cap.total - self.cap.kept, "evaluation's share is its own"
        lines = ledger.lines(self.connection, RUN)
        assert sum(line.paid + line.possible for line in lines) == evaluation + others, "the ledger knows it all"

    def teardown(self) -> None:
        if hasattr(self, "cap"):
            self.connection.close()
            self.folder.cleanup()


Spending.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSpending = Spending.TestCase


def test_runs_of_one_store_have_budgets_of_their_own(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "answers.sqlite")) as connection:
        cap = Cap(100, 0)
        for run in ("bir", "iki"):
            found = ledger.reserve(connection, run, "generation", "buyuk", 100, cap, "ben", lambda *_: True)
            assert isinstance(found, int)
        again = ledger.reserve(connection, "bir", "generation", "buyuk", 1, cap, "ben", lambda *_: True)
        assert again == Short(0, waiting=True, spent=0)


def test_lines_tell_purposes_and_teachers_apart(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "answers.sqlite")) as connection:
        paid = [Line("generation", "buyuk", 7, 0, 1, 0, 10, 3), Line("generation", "buyuk", 5, 0, 1, 0, 8, 2)]
        lost = Line("judge", "yargıç", 0, 40, 0, 1, 0, 0)
        ledger.book(connection, RUN, [(line, 0) for line in (*paid, lost)])
        ledger.reserve(connection, RUN, "judge", "yargıç", 2, Cap(1000, 0), "ben", lambda *_: True)
        generation, judge = ledger.lines(connection, RUN)
        assert generation == ("generation", "buyuk", 12, 0, 2, 0, 18, 5)
        assert judge == ("judge", "yargıç", 0, 42, 0, 2, 0, 0)
        assert ledger.spent(connection, RUN) == 52
