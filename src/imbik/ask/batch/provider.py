"""What is said to a provider about batches, through the door: handing over, looking, listing, results.

Enters: questions, and the provider's names of batches. Leaves: how batches stand, the lines of their results, and what
went wrong: a TransportError where trying again makes sense, anything else ends the teacher. Nothing is stored here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec

from imbik.ask.batch.rows import Batch
from imbik.ask.retry import RetryPolicy, Trouble, overwhelmed, refused, trouble_in, unreachable
from imbik.core.errors import ImbikError, TeacherUnreachableError
from imbik.core.questions import Question
from imbik.privacy.decisions import Decision
from imbik.privacy.gate import asked_of
from imbik.privacy.quiet import words_of_the_trade
from imbik.privacy.transport import Method, Reply, Transport, TransportError
from imbik.privacy.wire import Enclosed
from imbik.teachers import ServedTeacher, WireRequest, WireResponse
from imbik.teachers._batch import BatchRow, BatchState, BatchWire, custom_id, state_in, states_in

T = TypeVar("T")
_FIRST_LOOK = 5.0
_BYTES_A_SECOND = 50_000  # the slowest upload that is waited for
_DOWNLOAD_SECONDS = 3600.0
_MOST_BYTES = 16 << 20
_PAGES = 50  # of a listing that are looked through for a batch


class Provider:
    """One teacher's provider."""

    def __init__(
        self, name: str, teacher: ServedTeacher, wire: BatchWire, transport: Transport, policy: RetryPolicy
    ) -> None:
        self._name, self._teacher, self._wire = name, teacher, wire
        self._transport, self._policy = transport, policy

    @property
    def poll(self) -> float:
        """Seconds between looks at a batch, at most."""
        return self._wire.poll

    async def hand_over(self, batch: Batch, questions: Sequence[Question]) -> tuple[Reply | None, list[Decision]]:
        """Send those questions of a batch that the gate allows: the reply (None: there were none), and what was decided
        of each.

        Raises: TransportError where it is not known whether it arrived, UnreachableError where it did not;
        BlockedAtDoorError; what ends the teacher.
        """
        token = batch.line.token
        enclosed = [
            Enclosed(self._wire.row(custom_id(token, number), self._teacher.request(question)), asked_of(question))
            for number, question in enumerate(questions)
        ]
        seconds = self._teacher.timeout + sum(len(item.body) for item in enclosed) / _BYTES_A_SECOND
        decisions: list[Decision] = []

        async def send() -> Reply | None:
            reply, found = await self._transport.send_parcel(
                self._wire.parcel(token), enclosed, purpose=batch.rows[0].purpose, seconds=seconds
            )
            decisions[:] = found
            return reply

        return await self._patiently(send), decisions

    async def made_of(self, batch: Batch, reply: Reply) -> BatchState:
        """The batch that the provider makes of what was sent. Raises: as `hand_over`."""
        self._refuse(batch, reply)
        token = batch.line.token
        try:
            if (begin := self._wire.begin(token, reply.body)) is not None:
                reply = await self._begun(begin)
                self._refuse(batch, reply)
            return state_in(reply.body, self._wire)
        except ValueError as error:
            raise TransportError(f"the reply describes no batch ({words_of_the_trade(str(error))})") from None

    async def _begun(self, begin: WireRequest) -> Reply:
        """The reply to what makes a batch of a file, which is sent once."""
        return await self._manage(begin, "POST")

    async def _manage(self, request: WireRequest, method: Method = "GET") -> Reply:
        """The reply to a request that carries no row."""
        reply = await self._patiently(
            lambda: self._transport.manage(request, seconds=self._teacher.timeout, method=method)
        )
        assert reply is not None  # only of rows may none be left to send
        return reply

    async def _patiently(self, send: Callable[[], Awaitable[Reply | None]]) -> Reply | None:
        """The reply to a request; one that says "not now" is waited out, as long as live asking is patient."""
        since, tries = time.monotonic(), 0
        while True:
            reply = await send()
            if reply is None or reply.status < 300 or not (trouble := self._trouble(reply)).throttled:
                return reply
            tries += 1
            wait = self._policy.wait(tries) if trouble.retry_after is None else trouble.retry_after
            if time.monotonic() - since + wait > self._policy.patience:
                return reply
            await asyncio.sleep(wait)

    def _refuse(self, batch: Batch, reply: Reply) -> None:
        """Raises where a reply is no good one."""
        if 200 <= reply.status < 300:
            return
        trouble = self._trouble(reply)
        if reply.status in {404, 405}:
            raise self.not_taken(batch, f"{trouble.reason} (is there a batch API at this address?)")
        if trouble.hopeless:
            key = self._wire.look(batch.line.token).key_name
            raise refused(self._name, self._teacher.url, reply.status, trouble.reason, key)
        if not trouble.again and not trouble.throttled:
            raise self.not_taken(batch, trouble.reason)
        if trouble.throttled:  # it was not taken, and was waited for already as long as it makes sense
            raise overwhelmed(self._name, self._teacher.url, trouble.reason)
        raise TransportError(trouble.reason)

    def not_taken(self, batch: Batch, reason: str) -> TeacherUnreachableError:
        """The error for a batch that the provider refuses as it is."""
        return TeacherUnreachableError(
            f"teacher '{self._name}' does not take a batch of {batch.count:,} questions: {reason}",
            where=self._teacher.url,
            next=f"smaller batches: --set teachers.{self._name}.batch_requests=1000, or none at all: "
            f"--set teachers.{self._name}.batch=false",
        )

    def gone(self, reason: str, *, ever: bool) -> ImbikError:
        """The error for a provider that does not answer; `ever` is whether it has answered before."""
        return unreachable(self._name, self._teacher.url, reason, ever=ever)

    def lost(self, batch: Batch, reason: str) -> TeacherUnreachableError:
        """The error for a batch that cannot be collected, or not to its end."""
        return TeacherUnreachableError(
            f"teacher '{self._name}': {len(batch.rows):,} of {batch.count:,} questions of batch {batch.name} cannot be "
            f"collected: {reason}. Answers so far are stored and will not be asked again",
            where=self._teacher.url,
            next="type the same command again, later too; where the batch is gone for good (deleted, another account) "
            f"give it up: imbik batches {batch.line.run} --give-up {batch.line.token} (its questions are asked anew)",
        )

    async def ended(self, batch: Batch, *, wait: bool) -> BatchState | None:
        """How a batch ended, looked at until it has; None where it is under way and there is no `wait`.

        Raises: what ended the teacher.
        """
        pause, request = min(_FIRST_LOOK, self._wire.poll), self._wire.look(batch.name)
        while True:
            state = await self._managed(request, lambda body: state_in(body, self._wire), batch)
            if state.ended:
                return state
            if not wait:
                return None
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, self._wire.poll)

    async def listed(self, since: float) -> list[BatchState]:
        """The account's batches that were made since a moment, newest first. Raises: what ended the teacher."""
        found: list[BatchState] = []
        for _ in range(_PAGES):
            request = self._wire.listing(found[-1].id if found else "")
            page, more = await self._managed(request, lambda body: states_in(body, self._wire))
            found += page
            if not more or not page or 0 < page[-1].begun < since:
                break
        return [state for state in found if not state.begun or state.begun >= since]

    async def discard(self, state: BatchState) -> str:
        """Have what is left of a batch deleted, its rows and its results: why that did not succeed, else ''."""
        failed = ""
        for request in self._wire.discards(state):
            try:
                reply = await self._transport.manage(request, seconds=self._teacher.timeout, method="DELETE")
            except (TransportError, ImbikError) as error:
                failed = failed or str(error)
                continue
            if reply.status >= 300 and reply.status not in {404, 410}:
                failed = failed or self._trouble(reply).reason
        return failed

    async def results(self, request: WireRequest) -> AsyncGenerator[BatchRow | None]:
        """How rows ended, from one document of results; None for a line that cannot be read.

        Raises: TransportError.
        """
        most = int(getattr(self._teacher, "reply_bytes", 0)) or _MOST_BYTES
        lines = self._transport.lines(request, seconds=_DOWNLOAD_SECONDS, most=most)
        try:
            async for line in lines:
                if line.strip():
                    yield self._read(line)
        finally:
            await lines.aclose()

    def _read(self, line: bytes) -> BatchRow | None:
        try:
            return self._wire.ended(line)
        except (ValueError, msgspec.MsgspecError, RecursionError):
            return None

    async def _managed(self, request: WireRequest, read: Callable[[bytes], T], batch: Batch | None = None) -> T:
        """What a reply about our batches says, tried a few times. Raises: what ended the teacher."""
        reason = ""
        for attempt in range(1, self._policy.attempts + 1):
            try:
                reply = await self._manage(request)
                if 200 <= reply.status < 300:
                    return read(reply.body)
                trouble = self._trouble(reply)
                reason = trouble.reason
                if batch is not None and reply.status in {404, 410}:
                    raise self.lost(batch, f"the provider knows no such batch ({reason})")
                if trouble.hopeless:
                    raise refused(self._name, self._teacher.url, reply.status, reason, request.key_name)
                if trouble.throttled:  # it was waited for already, as long as it makes sense
                    raise overwhelmed(self._name, self._teacher.url, reason)
            except TransportError as error:
                reason = str(error)
            except ValueError as error:
                reason = words_of_the_trade(str(error))
            await asyncio.sleep(self._policy.wait(attempt))
        raise self.gone(reason, ever=True)

    def _trouble(self, reply: Reply) -> Trouble:
        """What an error means. It speaks of a whole batch: no word stays that could be one of its rows'."""
        trouble = trouble_in(reply, self._said(reply))
        return replace(trouble, reason=words_of_the_trade(trouble.reason))

    def _said(self, reply: Reply) -> str:
        """What an error's body says."""
        return self._teacher.read(WireResponse(reply.status, {}, reply.body)).reason or f"HTTP {reply.status}"
