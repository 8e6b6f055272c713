"""Asking a teacher behind HTTP: one flight a question, however many rows wait for it.

Enters: questions, on the asking loop. Leaves: completions. The order is always the same: the gate says whether the
row may go there; the store is looked up and the question claimed; the request waits for a slot and leaves through the
transport; the reply is stored as it came, and only then read. A slot is held until the answer is durable, so a kill
costs at most the requests under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from imbik.ask.answers import AnswerStore, Claim, Stored
from imbik.ask.key import NO_TEXT, question_key
from imbik.ask.limits import Limiter
from imbik.ask.passage import Passage
from imbik.ask.retry import RetryPolicy, Trouble, refused, trouble_in, unreachable
from imbik.ask.shape import shaped
from imbik.core.errors import ImbikError
from imbik.core.types import Completion, Outcome, Question, Sensitivity
from imbik.privacy.cleaning import Cleaner
from imbik.privacy.gate import Decision
from imbik.privacy.transport import BlockedAtDoorError, Reply, Transport, TransportError
from imbik.teachers import ServedTeacher, WireResponse

_MALFORMED_TRIES = 3


@dataclass(frozen=True)
class _Settled:
    """How a flight ended: the completion, the limit it was asked under, the sensitivity it is stored with.

    `stored` is whether it was in the store already, so that nothing was sent.
    """

    completion: Completion
    max_tokens: int
    sensitivity: Sensitivity
    stored: bool = False

    def enough_for(self, question: Question) -> bool:
        """A truncated answer does not do for a question that allows a longer one."""
        longer = question.sampling.max_tokens > self.max_tokens
        return not (longer and self.completion.outcome is Outcome.TRUNCATED)


@dataclass
class _Flight:
    """One question being settled, and how many rows wait for it.

    `revision` is what the store holds for it (0: nothing), `bad` the same where that was found unreadable.
    """

    key: bytes
    question: Question
    purpose: str
    task: asyncio.Task[_Settled] = field(init=False)
    waiting: int = 0
    sending: bool = False
    attempts: int = 0
    unreadable: int = 0
    revision: int = 0
    bad: int = 0
    began: float = field(default_factory=time.monotonic)


class ServedAsker:
    """Everything about asking one served teacher; all methods run on the asking loop."""

    def __init__(
        self,
        name: str,
        teacher: ServedTeacher,
        transport: Transport,
        store: AnswerStore,
        policy: RetryPolicy,
        cleaner: Cleaner | None = None,
    ) -> None:
        self.name, self.teacher = name, teacher
        self.requests = 0
        self._transport, self._store, self._policy = transport, store, policy
        self._limiter = Limiter(teacher.concurrency, base_seconds=policy.base, longest_seconds=policy.longest)
        self._passage = Passage(transport, teacher.url, cleaner)
        self._flights: dict[bytes, _Flight] = {}
        self._fatal: ImbikError | None = None
        self._last_success = 0.0
        self._failed_in_row = 0
        self._closed = False

    async def answer(self, question: Question, purpose: str) -> Completion:
        """The completion for one question.

        Raises: TeacherUnreachableError, UsageError (a missing key), DiskFullError: whatever ends the whole asking.
        """
        prepared = await self._passage.prepare(question)
        return prepared.read(await self._answer(prepared.question, purpose))

    async def _answer(self, question: Question, purpose: str) -> Completion:
        """The completion for one question, worded as it may leave."""
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
            if decision is None and flight is not None and not settled.stored:
                # The host had no address when this row joined, and has one now: the gate has yet to be asked of it.
                decision = await self._admit(question, purpose, lambda: True)
                if decision is not None and not decision.allowed:
                    return Completion(outcome=Outcome.BLOCKED, reason=decision.reason)
            if question.sensitivity.rank > settled.sensitivity.rank:
                await self._store.run(self._store.raise_sensitivity(key, question.sensitivity))
            if settled.enough_for(question):
                if settled.stored:
                    await self._transport.note_stored(
                        self.teacher.url,
                        sensitivity=question.sensitivity,
                        row=question.row,
                        purpose=purpose,
                        inspected=question.inspected,
                    )
                return settled.completion

    async def _admit(self, question: Question, purpose: str, write: Callable[[], bool]) -> Decision | None:
        return await self._transport.admit(
            self.teacher.url,
            sensitivity=question.sensitivity,
            row=question.row,
            purpose=purpose,
            write=write,
            inspected=question.inspected,
        )

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

    def _start(self, key: bytes, question: Question, purpose: str) -> _Flight:
        flight = _Flight(key, question, purpose)
        flight.task = asyncio.get_running_loop().create_task(self._settle(flight))
        self._flights[key] = flight
        flight.task.add_done_callback(lambda task: self._landed(key, task))
        return flight

    def _landed(self, key: bytes, task: asyncio.Task[_Settled]) -> None:
        self._flights.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen here, so that a flight nobody waits for any more ends silently

    async def _join(self, flight: _Flight) -> _Settled | None:
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

    async def _settle(self, flight: _Flight) -> _Settled:
        """From the store, from whoever else is asking, or by asking."""
        question = flight.question
        try:
            while True:
                claim = self._store.claim(flight.key, question.sensitivity, beyond=flight.revision)
                found = await self._store.run(claim)
                if found is Claim.MINE:
                    return await self._ask(flight)
                if found is Claim.BUSY:
                    await asyncio.sleep(self._policy.poll)
                    continue
                settled = _Settled(self._read(found, question), found.max_tokens, question.sensitivity, stored=True)
                unreadable = settled.completion.outcome is Outcome.MALFORMED
                if not unreadable and settled.enough_for(question):
                    return settled
                flight.revision, flight.bad = found.revision, found.revision if unreadable else 0
        finally:
            self._store.release(flight.key)

    async def _ask(self, flight: _Flight) -> _Settled:
        """Send until there is an answer, a refusal, or no more sense in it."""
        while True:
            async with self._limiter.slot() as round_number:
                if self._fatal is not None:
                    raise self._fatal
                flight.sending = True
                result = await self._send(flight)
                flight.sending = False
                if isinstance(result, Completion):
                    return _Settled(result, flight.question.sampling.max_tokens, flight.question.sensitivity)
                wait = self._pace(flight, result, round_number)
            if wait is None:
                return self._give_up(flight, result)
            await asyncio.sleep(wait)

    async def _send(self, flight: _Flight) -> Completion | Trouble:
        """One request; its reply is stored before it is read."""
        question, started = flight.question, time.monotonic()
        self.requests += 1
        try:
            reply = await self._transport.send(
                self.teacher.request(question),
                sensitivity=question.sensitivity,
                rows=(question.row,),
                purpose=flight.purpose,
                seconds=self.teacher.timeout,
                inspected=question.inspected,
            )
        except BlockedAtDoorError as error:
            return Completion(outcome=Outcome.BLOCKED, reason=error.decision.reason)
        except TransportError as error:
            return Trouble(str(error))
        except ImbikError as error:
            self._fatal = error
            raise
        raw = Stored("http", reply.body, question.sampling.max_tokens, time.monotonic() - started, reply.status)
        if 200 <= reply.status < 300:
            return await self._keep(flight, raw)
        return await self._refusal(flight, raw, reply)

    async def _keep(self, flight: _Flight, raw: Stored) -> Completion | Trouble:
        """Store, then read. An unreadable answer is evidence where nothing better is, and asked for a few times more.

        Where a readable one is stored already, cut off under a lower limit, it stays until the new one has been read.
        """
        taken = await self._put(flight, raw, readable=False)
        completion = self._read(raw, flight.question)
        if completion.outcome is not Outcome.MALFORMED:
            if not taken:
                await self._put(flight, raw, readable=True)
        else:
            flight.unreadable += 1
            flight.bad = flight.revision if taken else flight.bad
            if flight.unreadable < _MALFORMED_TRIES:
                return Trouble(completion.reason)
        self._limiter.succeeded()
        self._last_success, self._failed_in_row = time.monotonic(), 0
        return completion

    async def _put(self, flight: _Flight, raw: Stored, *, readable: bool) -> bool:
        """Store; whether it took its place."""
        level, before = flight.question.sensitivity, flight.revision
        put = self._store.put(flight.key, self.teacher.identity, raw, level, readable=readable, bad=flight.bad)
        flight.revision = await self._store.run(put)
        return flight.revision > before

    async def _refusal(self, flight: _Flight, raw: Stored, reply: Reply) -> Completion | Trouble:
        """An error status: the provider's own filter is an answer, everything else is trouble."""
        completion = self._read(raw, flight.question)
        if completion.outcome in {Outcome.FILTERED, Outcome.REFUSED}:
            return await self._keep(flight, raw)
        trouble = trouble_in(reply, completion.reason or f"HTTP {reply.status}")
        never = not self._last_success
        if trouble.hopeless and (never or reply.status in {401, 402, 429}):
            key_name = self.teacher.request(flight.question).key_name
            self._fatal = refused(self.name, self.teacher.url, reply.status, trouble.reason, key_name)
            raise self._fatal
        return trouble

    def _pace(self, flight: _Flight, trouble: Trouble, round_number: int) -> float | None:
        """Seconds to wait before the next attempt (the limiter adds its own), or None to give up."""
        if trouble.throttled:
            return self._throttled(flight, trouble, round_number)
        flight.attempts += 1
        spent = time.monotonic() - flight.began
        most = self._policy.attempts if self._last_success else self._policy.first_attempts
        if not trouble.again or flight.attempts >= most or spent > self._policy.deadline:
            return None
        return self._policy.wait(flight.attempts)

    def _throttled(self, flight: _Flight, trouble: Trouble, round_number: int) -> float:
        """Everybody waits; the run ends only when nobody was answered for a long time."""
        wait = self._limiter.refused(round_number, trouble.retry_after)
        since = time.monotonic() - max(self._last_success, flight.began)
        if since + wait > self._policy.patience:
            reason = f"it has refused everything for {since:.0f} s and wants {wait:.0f} s more ({trouble.reason})"
            self._fatal = unreachable(self.name, self.teacher.url, reason, ever=bool(self._last_success))
            raise self._fatal
        return 0.0

    def _give_up(self, flight: _Flight, trouble: Trouble) -> _Settled:
        """This question failed; when nothing ever succeeded, or nothing does any more, so did the teacher."""
        self._failed_in_row += 1
        gone = self._failed_in_row >= self._policy.give_up
        if trouble.again and (gone or not self._last_success):
            reason = f"after {flight.attempts} attempts: {trouble.reason}"
            self._fatal = unreachable(self.name, self.teacher.url, reason, ever=bool(self._last_success))
            raise self._fatal
        reason = f"failed after {flight.attempts} attempts: {trouble.reason}" if trouble.again else trouble.reason
        failed = Completion(outcome=Outcome.FAILED, reason=reason)
        return _Settled(failed, flight.question.sampling.max_tokens, flight.question.sensitivity)

    def _read(self, raw: Stored, question: Question) -> Completion:
        """The completion in a raw answer; a reader that raises has met something it does not understand."""
        try:
            completion = self.teacher.read(WireResponse(raw.status, {}, raw.body))
        except Exception as error:
            return Completion(outcome=Outcome.MALFORMED, reason=f"cannot be read ({type(error).__name__})")
        return shaped(msgspec.structs.replace(completion, seconds=round(raw.seconds, 3)), question.schema)
