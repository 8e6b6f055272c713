"""Asking a teacher behind HTTP: one flight a question, however many rows wait for it.

Enters: questions, on the asking loop. Leaves: completions. The order is always the same: the gate says whether the
row may go there; the store is looked up and the question claimed; the request waits for a slot and leaves through the
transport; the reply is stored as it came, and only then read (`ask.sending`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from imbik.ask.answers import AnswerStore, Claim
from imbik.ask.batch import records
from imbik.ask.batch.sender import BatchSender
from imbik.ask.flight import Flight, Settled
from imbik.ask.key import NO_TEXT, question_key
from imbik.ask.local import KEPT, with_limit
from imbik.ask.passage import Passage
from imbik.ask.retry import RetryPolicy
from imbik.ask.sending import Sender
from imbik.core.errors import BudgetSpentError, TeacherUnreachableError, WaitingError
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Sensitivity
from imbik.privacy.cleaning import Cleaner
from imbik.privacy.decisions import Decision
from imbik.privacy.doorkeeper import Doorkeeper
from imbik.privacy.gate import asked_about, asked_of

UnderWay = dict[bytes, "asyncio.Task[Settled]"]


class ServedAsker:
    """Everything about asking one served teacher; all methods run on the asking loop."""

    def __init__(
        self,
        sender: Sender | BatchSender,
        keeper: Doorkeeper,
        store: AnswerStore,
        policy: RetryPolicy,
        under_way: UnderWay,
        cleaner: Cleaner | None,
    ) -> None:
        """`under_way` is shared by all askers of a process: two teachers of one identity never ask one question at
        once. `waits` is set where a question turned out to be in a batch that this asker does not collect."""
        self.sender, self.name, self.teacher = sender, sender.name, sender.teacher
        self.waits: WaitingError | None = None
        self._keeper, self._store, self._policy = keeper, store, policy
        self._passage = Passage(keeper, self.teacher.url, cleaner)
        self._under_way = under_way
        self._flights: dict[bytes, Flight] = {}
        self._closed = False

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return self.sender.requests

    async def answer(self, question: Question, purpose: str, *, leave_pending: bool = False) -> Completion:
        """The completion for one question; one that was cut off is asked for again with the question's larger limits.

        Raises: TeacherUnreachableError, BudgetSpentError, WaitingError (but where they leave rows `pending`),
        UsageError (a missing key), DiskFullError: whatever ends the whole asking.
        """
        try:
            prepared = await self._passage.prepare(question)
            return prepared.read(await self._lengthened(prepared.question, purpose))
        except (TeacherUnreachableError, BudgetSpentError, WaitingError) as error:
            if not leave_pending:
                raise
            return Completion(outcome=Outcome.PENDING, reason=error.what.partition(". ")[0])

    async def takes(self, level: Sensitivity) -> bool:
        """Whether a row of this level may go to the teacher at all."""
        return await self._passage.open_to(level)

    async def _lengthened(self, question: Question, purpose: str) -> Completion:
        """The completion for one question, worded as it may leave, under the first limit that does."""
        completion = await self._answer(question, purpose)
        for limit in question.longer:
            if completion.outcome is not Outcome.TRUNCATED:
                break
            longer = await self._answer(with_limit(question, limit), purpose)
            if longer.outcome in KEPT:
                reason = f"{completion.reason}; asked again under {limit:,}: {longer.reason}"
                return msgspec.structs.replace(completion, reason=reason)
            completion = longer
        return completion

    async def _answer(self, question: Question, purpose: str) -> Completion:
        """The completion for one question under its own limit."""
        try:
            key = question_key(self.teacher.identity, question, local=False)
        except UnicodeEncodeError:
            return Completion(outcome=Outcome.FAILED, reason=NO_TEXT)
        while True:
            decision = await self._admit(question, purpose, lambda: key in self._flights)
            if decision is not None and not decision.allowed:
                return Completion(outcome=Outcome.BLOCKED, reason=decision.reason)
            flight = self._flights.get(key)
            settled = await self._join(flight or self._start(key, question, purpose))
            if settled is None:
                continue
            if decision is None and flight is not None and not (settled.stored or settled.left):
                # The host had no address when this row joined, and has one now: the gate has yet to be asked of it.
                decision = await self._admit(question, purpose, lambda: True)
                if decision is not None and not decision.allowed:
                    return Completion(outcome=Outcome.BLOCKED, reason=decision.reason)
            if question.sensitivity.rank > settled.sensitivity.rank:
                await self._store.run(self._store.raise_sensitivity(key, question.sensitivity))
            if settled.enough_for(question):
                if settled.stored or settled.left:
                    asked = asked_about(question.sensitivity, (), question.inspected)
                    await self._keeper.note_stored(self.teacher.url, asked, question.row, purpose, settled.left)
                return settled.completion

    async def _admit(self, question: Question, purpose: str, write: Callable[[], bool]) -> Decision | None:
        return await self._keeper.admit(self.teacher.url, asked_of(question), purpose, write)

    async def close(self, grace: float) -> None:
        """Let requests under way end for `grace` seconds, so that what is paid for is stored; give up the rest."""
        self._closed = True
        sending = [flight.task for flight in self._flights.values() if flight.sending]
        if sending:
            await asyncio.wait(sending, timeout=grace)
        rest = [flight.task for flight in self._flights.values()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self.sender.close(grace)

    def _start(self, key: bytes, question: Question, purpose: str) -> Flight:
        flight = Flight(key, question, purpose)
        flight.task = asyncio.get_running_loop().create_task(self._settle(flight))
        self._flights[key] = flight
        flight.task.add_done_callback(lambda task: self._landed(key, task))
        return flight

    def _landed(self, key: bytes, task: asyncio.Task[Settled]) -> None:
        self._flights.pop(key, None)
        if self._under_way.get(key) is task:
            del self._under_way[key]
        if not task.cancelled():
            task.exception()  # seen here, so that a flight nobody waits for any more ends silently

    async def _join(self, flight: Flight) -> Settled | None:
        """Wait for a flight (None: it was cancelled); the last to leave cancels it unless its request is under way."""
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self._closed or (current is not None and current.cancelling()):
                raise
            return None
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.sending:
                flight.task.cancel()

    async def _settle(self, flight: Flight) -> Settled:
        """From the store, from whoever else is asking, or by asking."""
        question = flight.question
        while (other := self._under_way.get(flight.key)) is not None:
            await asyncio.wait([other])
        self._under_way[flight.key] = flight.task
        try:
            while True:
                claim = self._store.claim(
                    flight.key, question.sensitivity, beyond=flight.revision, ours=self.sender.ours
                )
                found = await self._store.run(claim)
                if found is Claim.MINE:
                    return await self.sender.settle(flight)
                if found is Claim.BATCHED:
                    self.waits = await self._elsewhere(flight.key)
                    raise self.waits
                if found is Claim.BUSY:
                    await asyncio.sleep(self._policy.poll)
                    continue
                completion = self.sender.read(found, question)
                left = self.sender.brought.get(flight.key)
                settled = Settled(completion, found.max_tokens, question.sensitivity, stored=True, left=left)
                unreadable = completion.outcome is Outcome.MALFORMED
                if not unreadable and settled.enough_for(question):
                    return settled
                flight.revision, flight.bad = found.revision, found.revision if unreadable else 0
                flight.paid = completion.cost
        finally:
            self._store.release(flight.key)

    async def _elsewhere(self, key: bytes) -> WaitingError:
        """The error for a question that is in a batch which somebody else collects."""
        run = await self._store.run(lambda connection: records.holder(connection, key))
        return WaitingError(
            f"questions to teacher '{self.name}' are in a batch of run '{run}' that is under way",
            where=f"teachers.{self.name}",
            next=f"type the command of run '{run}' again, with `batch: true`: it collects the answers, and then this "
            f"one finds them; imbik batches {run} shows the batch, and gives it up where it cannot be collected",
        )
