"""Sending one question until there is an answer, a refusal, or no more sense in it.

Enters: flights, on the asking loop. Leaves: how each was settled. A request waits for a slot and leaves through the
transport; its reply is stored as it came, and only then read. A slot is held until the answer is durable, but for a
few replies on their way to the disk (`limits.lend`), so a kill costs at most the requests under way and those. What
ends the whole teacher (a revoked key, no credit, no answer to anybody) is kept in `ended`, and everybody who waits for
this teacher hears it at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Set
from dataclasses import replace

from imbik.ask.answers import AnswerStore, Stored
from imbik.ask.budget import Purse
from imbik.ask.flight import Flight, Settled
from imbik.ask.held import Held
from imbik.ask.limits import Limiter, Turn
from imbik.ask.quota import quota_in
from imbik.ask.reading import read_stored, told
from imbik.ask.retry import RetryPolicy, Trouble, is_throttled, trouble_in
from imbik.ask.standing import FORBIDDEN_ROWS, Standing
from imbik.core.errors import ImbikError, WaitingError
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome
from imbik.privacy.gate import HandedOver
from imbik.privacy.transport import (
    BlockedAtDoorError,
    Reply,
    TooLongReplyError,
    Transport,
    TransportError,
    UnreachableError,
)
from imbik.teachers import ServedTeacher

_WINDOW = 4  # questions under way or waiting in order, per request at a time
_WINDOW_LEAST = 256
_MALFORMED_TRIES = 3
_TOKENS_LEARNED = 0.1  # share by which the latest answer moves what an answer is thought to take


class Sender:
    """Everything about sending to one served teacher; all methods run on the asking loop.

    `requests` counts what was sent; `ended` is why nothing is sent any more. It holds no batches, so nothing is `ours`,
    nothing was `brought` by one, and nothing `waits`. `window` is how many questions may be under way or waiting in
    order.
    """

    def __init__(
        self,
        name: str,
        teacher: ServedTeacher,
        transport: Transport,
        store: AnswerStore,
        policy: RetryPolicy,
        limiter: Limiter,
        purse: Purse,
    ) -> None:
        self.name, self.teacher = name, teacher
        self.requests = 0
        self.ended: ImbikError | None = None
        self.waits: WaitingError | None = None
        self.window = max(_WINDOW * teacher.concurrency, _WINDOW_LEAST)
        self.ours: Set[str] = frozenset()
        self.brought: Mapping[bytes, HandedOver] = {}
        self._transport, self._store, self._policy, self._limiter = transport, store, policy, limiter
        self._purse = purse
        self._deadline = float(getattr(teacher, "deadline", policy.deadline))
        self._most_bytes = int(getattr(teacher, "reply_bytes", 0))
        self._standing = Standing(name, teacher, policy)
        self._tokens_each = 0.0

    async def settle(self, flight: Flight) -> Settled:
        """Ask. Raises: what ended the teacher."""
        while True:
            try:
                turn = await self._turn(flight)
            except TimeoutError:
                return self._give_up(flight, self._late("refused for now"))
            try:
                self._check()
                flight.sending = True
                result = await self._send(flight, turn)
                flight.sending = False
                if isinstance(result, Completion):
                    return Settled(result, flight.question.sampling.max_tokens, flight.question.sensitivity)
                wait = self._pace(flight, result, turn)
            finally:
                self._give_back(flight)
            left = flight.left(self._deadline)
            if wait is None or wait > left:
                return self._give_up(flight, self._late(result.reason) if left <= (wait or 0.0) else result)
            await asyncio.sleep(wait)

    def _late(self, reason: str) -> Trouble:
        return Trouble(f"no answer within its deadline of {self._deadline:g} s ({reason})")

    def _give_back(self, flight: Flight) -> None:
        if flight.lent:
            self._limiter.stored()
        else:
            self._limiter.release()
        flight.lent = False

    async def _turn(self, flight: Flight) -> Turn:
        """Wait for a slot. Who was sent before waits at the front, and no longer than its deadline.

        Raises: TimeoutError; what ended the teacher.
        """
        self._check()
        if not flight.first_sent:
            turn = await self._limiter.acquire(self)
            flight.left(self._deadline)
            return turn
        async with asyncio.timeout(flight.left(self._deadline)):
            return await self._limiter.acquire(self, first=True)

    async def _send(self, flight: Flight, turn: Turn) -> Completion | Trouble:
        """One request, once there is money for it; its reply is stored before it is read."""
        with await self._purse.hold(self.name, self.teacher, flight.question, flight.purpose) as held:
            return await self._send_paid(flight, turn, held)

    async def _send_paid(self, flight: Flight, turn: Turn, held: Held) -> Completion | Trouble:
        question, started = flight.question, time.monotonic()
        self.requests += 1
        try:
            reply = await self._transport.send(
                self.teacher.request(question),
                sensitivity=question.sensitivity,
                rows=(question.row, *question.shown),
                purpose=flight.purpose,
                seconds=min(self.teacher.timeout, max(flight.left(self._deadline), 0.001)),
                most=self._most_bytes,
                inspected=question.inspected,
            )
        except BlockedAtDoorError as error:
            held.free()
            return Completion(outcome=Outcome.BLOCKED, reason=error.decision.reason)
        except UnreachableError as error:
            held.free()
            return Trouble(str(error))
        except TransportError as error:
            return Trouble(str(error), again=not isinstance(error, TooLongReplyError))
        except ImbikError as error:
            held.free()
            raise self._end(error) from None
        if not is_throttled(reply.status):
            self._limiter.heard(turn, quota_in(reply.headers, self._tokens_each))
        raw = Stored("http", reply.body, question.sampling.max_tokens, time.monotonic() - started, reply.status)
        if 200 <= reply.status < 300:
            return await self._keep(flight, raw, held)
        return await self._refusal(flight, raw, reply, held)

    async def _keep(self, flight: Flight, raw: Stored, held: Held) -> Completion | Trouble:
        """Store, then read. An unreadable answer is evidence where nothing better is, and asked for a few times more.

        Where a readable one is stored already, cut off under a lower limit, it stays until the new one has been read.
        """
        raw = raw._replace(earlier=str(flight.paid) if flight.paid else "")
        flight.lent = self._limiter.lend()
        taken = await self._put(flight, raw, readable=False)
        completion = self.read(raw, flight.question)
        held.answered(completion.usage, raw.status)
        flight.paid = completion.cost
        if completion.outcome is not Outcome.MALFORMED:
            if not taken:
                await self._put(flight, raw, readable=True)
        else:
            flight.unreadable += 1
            flight.bad = flight.revision if taken else flight.bad
            if flight.unreadable < _MALFORMED_TRIES:
                return Trouble(completion.reason)
        self._limiter.succeeded()
        self._standing.answered()
        used = completion.usage.input_tokens + completion.usage.output_tokens
        self._tokens_each += (used - self._tokens_each) * (_TOKENS_LEARNED if self._tokens_each else 1.0)
        return completion

    async def _put(self, flight: Flight, raw: Stored, *, readable: bool) -> bool:
        """Store; whether it took its place."""
        level, before = flight.question.sensitivity, flight.revision
        put = self._store.put(flight.key, self.teacher.identity, raw, level, readable=readable, bad=flight.bad)
        flight.revision = await self._store.run(put)
        return flight.revision > before

    async def _refusal(self, flight: Flight, raw: Stored, reply: Reply, held: Held) -> Completion | Trouble:
        """An error status: the provider's own filter is an answer, everything else is trouble."""
        completion = self.read(raw, flight.question)
        if completion.outcome in {Outcome.FILTERED, Outcome.REFUSED}:
            return await self._keep(flight, raw, held)
        held.refused(reply.status)
        trouble = trouble_in(reply, completion.reason or f"HTTP {reply.status}")
        trouble = replace(trouble, reason=told(trouble.reason, flight.question))
        if error := self._standing.refused(flight, reply.status, trouble, alone=self._limiter.active <= 1):
            raise self._end(error)
        if reply.status == 403:
            return Trouble(trouble.reason, again=flight.attempts + 1 < FORBIDDEN_ROWS, hopeless=True)
        return trouble

    def _pace(self, flight: Flight, trouble: Trouble, turn: Turn) -> float | None:
        """Seconds to wait before the next attempt (the limiter adds its own), or None to give up."""
        if trouble.throttled:
            return self._throttled(flight, trouble, turn)
        flight.attempts += 1
        most = self._policy.attempts if self._standing.ever else self._policy.first_attempts
        if not trouble.again or flight.attempts >= most:
            return None
        return self._policy.wait(flight.attempts)

    def _throttled(self, flight: Flight, trouble: Trouble, turn: Turn) -> float | None:
        """Everybody waits; the teacher ends only when nobody was answered for a long time."""
        flight.throttled += 1
        wait = self._limiter.refused(turn.round, trouble.retry_after)
        if error := self._standing.throttled(flight, wait, trouble):
            raise self._end(error)
        return 0.0 if wait < flight.left(self._deadline) else None

    def _give_up(self, flight: Flight, trouble: Trouble) -> Settled:
        """This question failed; when nothing ever succeeded, or nothing does any more, so did the teacher."""
        tried = f"after {flight.attempts} attempts" if flight.attempts else "refused for now every time"
        if error := self._standing.failed(flight, trouble, tried):
            raise self._end(error)
        reason = f"failed {tried}: {trouble.reason}" if trouble.again else trouble.reason
        failed = Completion(outcome=Outcome.FAILED, reason=reason)
        return Settled(failed, flight.question.sampling.max_tokens, flight.question.sensitivity)

    def read(self, raw: Stored, question: Question) -> Completion:
        """The completion in a raw answer; see `read_stored`."""
        return read_stored(self.teacher, raw, question)

    def under_way(self) -> WaitingError | None:
        """Nothing is under way that outlives this process."""
        return None

    async def close(self, grace: float) -> None:
        """Nothing is under way but flights."""

    def _check(self) -> None:
        if self.ended is not None:
            raise self.ended

    def _end(self, error: ImbikError) -> ImbikError:
        """Nothing is sent to this teacher any more: the first reason stays, and everybody who waits hears it."""
        if self.ended is None:
            self.ended = error
            self._limiter.dismiss(self, error)
        return self.ended
