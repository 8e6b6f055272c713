"""The purse: holds the most that a request can cost before it is sent, and learns afterwards what it did cost.

Enters: questions about to be sent, then replies or the lack of them. Leaves: `Held`, or BudgetSpentError where the next
question does not fit even after all requests under way have settled. Without a budget nothing is held, and what was
paid is written down all the same. What a request did cost is `held`'s to say.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from sqlite3 import Connection

from imbik.ask import ledger
from imbik.ask.answers import AnswerStore
from imbik.ask.batch.records import gatherer_of
from imbik.ask.held import Held
from imbik.core.errors import BudgetSpentError, RecipeError
from imbik.core.money import ANSWERS, SpendLine, dollars, plain_usd, rounded_up, totals, units, units_within, usd
from imbik.core.questions import Question
from imbik.privacy.addresses import endpoint, may_be_behind
from imbik.privacy.operator import Operator
from imbik.recipe import Recipe
from imbik.recipe.asking import Budget
from imbik.teachers import ServedTeacher

_POLL_SECONDS = 0.5  # between looks at what another process of the run has reserved
_ROOM = Decimal("1.1")  # what is to come may cost a little more than what was
_LINES = (50, 80)  # percent of the budget at which a person is told


@dataclass
class Purse:
    """One run's money in one process. `share_kept` is the part of the budget that only evaluation may spend; `unpaid`
    says whether a teacher without a price is one of the operator's own servers. Used on the asking loop."""

    store: AnswerStore
    run: str
    budget: Budget | None
    share_kept: Decimal
    unpaid: Callable[[ServedTeacher], bool]
    spent: int = 0
    largest: int = 0  # the most that any question so far could cost
    cap: ledger.Cap | None = None
    ended: dict[tuple[bool, str], BudgetSpentError] = field(default_factory=dict)  # by evaluation or not, and teacher
    tended: set[str] = field(default_factory=set)  # batches, as owners, that this process looks after
    _said: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _unbooked: deque[ledger.Entry] = field(default_factory=deque)
    _booking: bool = False

    def __post_init__(self) -> None:
        if self.budget is not None:
            total = self.budget.total
            self.cap = ledger.Cap(units_within(total), units(total * self.share_kept))
        self.spent = self.store.submit(lambda connection: ledger.spent(connection, self.run)).result()
        self._said = self._reached()

    async def hold(
        self,
        name: str,
        teacher: ServedTeacher,
        question: Question,
        purpose: str,
        share: Decimal = Decimal(1),
        *,
        gathered: bool = False,
    ) -> Held:
        """Hold the most that this question can cost, at a share of the price; waits while requests under way may give
        money back. `gathered`: it does not leave before a batch owns it, so a kill until then costs nothing.

        Raises: BudgetSpentError; RecipeError where a budget meets a teacher whose price nobody knows.
        """
        held = Held(self, purpose, name, teacher, question)
        if self.cap is None:
            return held
        most = teacher.cost_at_most(question)
        if most is None and not self.unpaid(teacher):
            raise price_unknown(name)
        if most:
            amount = units(most * share)
            self.largest = max(self.largest, amount)
            held.number = await self._reserve(held, amount, self.cap, gathered)
        return held

    def told(self, line: ledger.Line | None, number: int) -> None:
        """Write down what became of a request, some time soon and before whatever is asked of the store from now on.

        What is told while the store is busy is written together.
        """
        if line is None and not number:
            return
        self._unbooked.append((line, number))
        if not self._booking:
            self._booking = True
            self.store.post(self._book)
        self._wake()

    def booked(self, spent: int) -> None:
        """Work of others has booked, and the run has spent so much by now."""
        self.spent = spent
        self._wake()

    def _wake(self) -> None:
        """Whoever waits for money looks again."""
        if self.cap is not None:
            self._changed.set()
            self._changed = asyncio.Event()

    def _book(self, connection: Connection) -> None:
        """On the store's thread. The mark is taken down first: what is told from then on is either still taken here, or
        posts a booking of its own."""
        self._booking = False
        entries = []
        with contextlib.suppress(IndexError):
            while True:
                entries.append(self._unbooked.popleft())
        self.spent = ledger.book(connection, self.run, entries)

    def left(self, purpose: str) -> Decimal | None:
        """USD that a purpose may still spend; None without a budget. Not for the asking loop: it waits."""
        cap = self.cap
        if cap is None:
            return None
        return dollars(self.store.submit(lambda connection: ledger.left(connection, self.run, purpose, cap)).result())

    def standing(self) -> str:
        """`1.23 of 50.00 USD`, `1.23 USD`, or nothing where nothing was spent."""
        if not self.spent and self.budget is None:
            return ""
        of = f" of {plain_usd(self.budget.total)}" if self.budget else ""
        return f"{plain_usd(dollars(self.spent))}{of} USD"

    def news(self) -> list[str]:
        """A line when half, and when four fifths, of the budget are spent; each once."""
        before, self._said = self._said, self._reached()
        if self.budget is None:
            return []
        spent, total = usd(dollars(self.spent)), usd(self.budget.total)
        return [
            f"! {line}% of the budget is spent: {spent} of {total}" for line in _LINES if before < line <= self._said
        ]

    def short(self, purpose: str, *, name: str = "", most: int = 0, left: int = 0) -> BudgetSpentError:
        """The error for a question that does not fit."""
        assert self.budget is not None
        kept = self.budget.total * self.share_kept
        who = f" to teacher '{name}', which can cost {usd(dollars(most))}" if name else ""
        also = f", and {usd(kept)} are kept for evaluation" if kept and purpose != ledger.EVALUATION else ""
        return BudgetSpentError(
            f"the budget of {usd(self.budget.total)} does not cover the next question{who}: "
            f"{usd(dollars(max(left, 0)))} are left{also}. {usd(dollars(self.spent))} are spent, and every answer so "
            "far is stored",
            where="budget.total",
            next=self.advice(max(self.budget.total, dollars(self.spent + most)) * Decimal("1.5")),
        )

    def short_of(self, questions: int, lines: Sequence[SpendLine]) -> BudgetSpentError | None:
        """The error that ended the asking, with what so many questions to come will cost by what answers did cost."""
        if not self.ended or self.budget is None:
            return None
        (kind, _), error = next(iter(self.ended.items()))
        like = [line for line in lines if line.purpose in ANSWERS]
        answers, (paid, possible) = sum(line.answers for line in like), totals(like)
        if not answers or not questions:
            return error
        rest = questions * (paid + possible) / answers  # as much may be lost again, at its most
        left = self.left(ledger.EVALUATION if kind else "generation") or Decimal(0)
        share = Decimal(0) if kind else self.share_kept
        total = self.budget.total + (rest * _ROOM + dollars(self.largest) - left) / (1 - share)
        return BudgetSpentError(
            f"{error.what}. The {questions:,} questions to come will cost about {usd(questions * paid / answers)}",
            where=error.where,
            next=self.advice(max(total, self.budget.total * Decimal("1.01"))),
        )

    def advice(self, enough: Decimal) -> str:
        """The line to type for a budget that may be enough."""
        return (
            f'type the same command with --set budget.total="{rounded_up(enough)} USD" (or write that into the '
            "recipe): it goes on where it stopped and pays nothing twice"
        )

    async def _reserve(self, held: Held, most: int, cap: ledger.Cap, gathered: bool) -> int:
        kind = held.purpose == ledger.EVALUATION
        owner = gatherer_of(self.store.owner) if gathered else self.store.owner

        def work(connection: Connection) -> int | ledger.Short:
            alive = self.store.alive
            return ledger.reserve(connection, self.run, held.purpose, held.name, most, cap, owner, alive, self.tended)

        while True:
            if (kind, held.name) in self.ended:
                raise self.ended[kind, held.name]
            changed, task = self._changed, asyncio.ensure_future(self.store.run(work))
            try:
                found = await asyncio.shield(task)
            except asyncio.CancelledError:
                task.add_done_callback(self._unwanted)
                raise
            if isinstance(found, int):
                return found
            if not found.waiting:
                self.spent = found.spent
                error = self.short(held.purpose, name=held.name, most=most, left=found.left)
                raise self.ended.setdefault((kind, held.name), error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), _POLL_SECONDS)

    def _unwanted(self, task: asyncio.Task[int | ledger.Short]) -> None:
        """A reservation whose question was given up before it was sent."""
        if not task.cancelled() and task.exception() is None and isinstance(number := task.result(), int):
            self.store.submit(lambda connection: ledger.free(connection, number))

    def _reached(self) -> int:
        """The highest of the lines to tell that the spending has reached."""
        total = self.cap.total if self.cap else 0
        return max((line for line in _LINES if total and self.spent * 100 >= total * line), default=0)


def price_unknown(name: str) -> RecipeError:
    """The error for a budget that cannot be held."""
    return RecipeError(
        f"the price of teacher '{name}' is not known, so no budget can be held with it",
        where=f"teachers.{name}",
        next=(
            f"write what a million tokens cost in USD: --set teachers.{name}.price='{{input: 2.5, output: 10}}'; for a "
            "server of your own that costs nothing, list it under `local:` in the operator's file or write "
            "{input: 0, output: 0}; or take `budget:` out"
        ),
    )


def share_kept(recipe: Recipe) -> Decimal:
    """The share of the budget that only evaluation may spend: none where the report asks no teacher."""
    asks = recipe.generate.source == "teacher" and "teacher" in recipe.evaluate.against
    return recipe.budget.reserve_for_evaluation if recipe.budget and asks else Decimal(0)


def runs_here(operator: Operator, teacher: ServedTeacher) -> bool:
    """Whether the operator's file lists a teacher's endpoint as one of the operator's own."""
    served = endpoint(teacher.url)
    return any(may_be_behind(line.host, line.ports, served) for line in operator.local)
