"""Asking in batches: questions are gathered into files, handed over, and their answers collected, at a lower price.

Enters: flights, on the asking loop, as for `ask.sending`. Leaves: how each was settled. Everything around it is the
same as in live asking: the gate has said yes to the row, the question is claimed, its worst case is held, and the reply
is stored as it came before it is read. What is handed over stands in the store first (`ask.batches`), so the same
command after a kill goes on waiting for it:

- a batch whose name at the provider is known is collected;
- one that may or may not have arrived is looked for among the account's batches, by the token that it carries; only
  when it is not there are its questions asked again.

A row without an answer (failed, expired, cancelled, missing) is put into the next batch, twice at most.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal
from sqlite3 import Connection
from typing import Any, TypeVar

import msgspec

from imbik.ask import batches, ledger
from imbik.ask.answers import AnswerStore, Stored
from imbik.ask.batches import BatchLine, RowLine
from imbik.ask.budget import Purse
from imbik.ask.flight import Flight, Settled
from imbik.ask.retry import RetryPolicy, refused, trouble_in, unreachable
from imbik.ask.sending import read_stored
from imbik.core.errors import BudgetSpentError, ImbikError, TeacherUnreachableError, WaitingError, raised_at
from imbik.core.money import units
from imbik.core.types import Completion, Outcome, Question, Sensitivity
from imbik.privacy.gate import asked_of
from imbik.privacy.transport import (
    BlockedAtDoorError,
    BrokenReplyError,
    Reply,
    Transport,
    TransportError,
    UnreachableError,
)
from imbik.privacy.wire import Enclosed
from imbik.teachers import ServedTeacher, WireRequest, WireResponse
from imbik.teachers._batch import BatchRow, BatchState, BatchWire, custom_id, number_in, state_in, states_in

T = TypeVar("T")
_WINDOW = 20_000  # questions gathered, in batches or waiting in order at a time: some 15 KB of memory each
_HOLDS = 64  # questions that wait for money at a time
_TRIES = 3  # batches that one question goes into
_GATHER_SECONDS = 1.0  # without a new question before a file that is not full is handed over
_FIRST_LOOK = 5.0
_BYTES_A_SECOND = 50_000  # the slowest upload that is waited for
_DOWNLOAD_SECONDS = 3600.0
_MOST_BYTES = 16 << 20
_BLOCK = 500  # results stored at a time
_PAGES = 50  # of a listing that are looked through for a batch
_SKEW = 300.0  # seconds by which the provider's clock may be behind
_AROUND = 128  # bytes that a row has around its request, at most
_ALLOWED = {Outcome.FILTERED, Outcome.REFUSED}


@dataclass(frozen=True)
class _Ended:
    """What became of a row: a stored reply, or why there is none. `tried`: this counts as one of its batches."""

    raw: Stored | None = None
    reason: str = ""
    again: bool = True
    tried: bool = True
    blocked: bool = False
    error: ImbikError | None = None


@dataclass(eq=False)
class _Row:
    """A question in a batch, or on its way into one. One that an earlier process handed over has no flight yet."""

    flight: Flight | None
    done: asyncio.Future[_Ended]
    body: bytes = b""
    most: int = 0
    reservation: int = 0


@dataclass
class _Batch:
    """A batch under way, and those of its rows that are not settled, by number."""

    line: BatchLine
    rows: dict[int, RowLine]
    name: str = ""
    count: int = field(init=False)

    def __post_init__(self) -> None:
        self.name, self.count = self.line.name, len(self.rows)


class BatchSender:
    """Everything about the batches of one served teacher; all methods run on the asking loop.

    `requests` counts questions handed over; `ended` is why nothing is handed over any more, `waits` that the run does
    not wait for what is under way; `ours` are the owners of this run's batches.
    """

    def __init__(
        self,
        name: str,
        run: str,
        teacher: ServedTeacher,
        wire: BatchWire,
        transport: Transport,
        store: AnswerStore,
        policy: RetryPolicy,
        purse: Purse,
        say: Callable[[str], None],
        wait: bool,
    ) -> None:
        self.name, self.teacher = name, teacher
        self.requests = 0
        self.ended: ImbikError | None = None
        self.ours: set[str] = set()
        self.window = _WINDOW
        self._run, self._wire, self._transport, self._store = run, wire, transport, store
        self._policy, self._purse, self._say, self._wait = policy, purse, say, wait
        self._gather_seconds = min(_GATHER_SECONDS, wire.poll)
        self._rows: dict[bytes, _Row] = {}
        self._gathering: dict[bytes, _Row] = {}
        self._last_joined = 0.0
        self._open: dict[str, _Batch] = {}
        self._left: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._gatherer: asyncio.Task[None] | None = None
        self._money_turn = asyncio.Semaphore(_HOLDS)
        self._failures = 0

    @property
    def waits(self) -> WaitingError | None:
        """What is under way and not waited for."""
        return self.under_way() if self._left else None

    def under_way(self) -> WaitingError | None:
        """What to tell who stops now: batches that are with the provider; None where there are none."""
        found = [batch for token, batch in self._open.items() if batch.name or token in self._left]
        if not found:
            return None
        many, rows = len(found), sum(batch.count for batch in found)
        what = "1 batch" if many == 1 else f"{many:,} batches"
        return WaitingError(
            f"{what} of {rows:,} question{'s' * (rows != 1)} {'is' if many == 1 else 'are'} under way at "
            f"{self.teacher.url.partition('://')[2].partition('/')[0]} (teacher '{self.name}')",
            where=self._run,
            next="type the same command again, now or tomorrow: it collects the answers and hands nothing over twice",
        )

    async def resume(self) -> None:
        """Take up what an earlier process of this run handed over, or was about to."""
        found = await self._store.run(
            lambda connection: batches.under_way(connection, self._run, self.teacher.identity, self.teacher.url)
        )
        loop = asyncio.get_running_loop()
        for line, rows in found:
            batch = _Batch(line, {row.number: row for row in rows})
            for row in rows:
                self._rows[row.key] = _Row(None, loop.create_future())
            self._tend(batch)
            self._start(self._resumed(batch))

    async def settle(self, flight: Flight) -> Settled:
        """Have it answered in a batch. Raises: what ended the teacher, or WaitingError."""
        tries, ended = 0, _Ended()
        completion: Completion | None = None
        while tries < _TRIES:
            ended = await self._answered(flight)
            if ended.error is not None:
                raise ended.error
            if ended.blocked:
                return _settled(Completion(outcome=Outcome.BLOCKED, reason=ended.reason), flight)
            if ended.raw is not None:
                completion = self.read(ended.raw, flight.question)
                flight.paid = completion.cost
                if completion.outcome is not Outcome.MALFORMED:
                    return _settled(completion, flight, ended.raw.max_tokens)
            elif not ended.again:
                break
            tries += ended.tried
        if completion is not None:
            return _settled(completion, flight)
        where = f"failed in {tries} batches: " if ended.again else ""
        return _settled(Completion(outcome=Outcome.FAILED, reason=where + ended.reason), flight)

    def read(self, raw: Stored, question: Question) -> Completion:
        """The completion in a raw answer; see `read_stored`."""
        return read_stored(self.teacher, raw, question)

    async def close(self, grace: float) -> None:
        """Let a file that is on its way arrive for `grace` seconds; what is with the provider stays there."""
        handing = [task for task in self._tasks if task.get_name() == "handing over"]
        if handing:
            await asyncio.wait(handing, timeout=grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answered(self, flight: Flight) -> _Ended:
        """What became of the question in the batch that it is in, or is put into now."""
        if self.ended is not None:
            raise self.ended
        row = self._rows.get(flight.key) or await self._joined(flight)
        row.flight = flight
        try:
            return await asyncio.shield(row.done)
        except asyncio.CancelledError:
            if self._gathering.pop(flight.key, None) is row:
                del self._rows[flight.key]
                self._free(row.reservation)
            raise

    async def _joined(self, flight: Flight) -> _Row:
        """Put a question into the next file, once there is money for it."""
        question, done = flight.question, asyncio.get_running_loop().create_future()
        body = self.teacher.request(question).body
        if len(body) + _AROUND > self._wire.most_bytes:
            reason = f"the question is longer than the {self._wire.most_bytes:,} bytes that a batch may hold"
            done.set_result(_Ended(reason=reason, again=False))
            return _Row(flight, done)
        share = self._share()
        try:
            async with self._money_turn:
                held = await self._purse.hold(self.name, self.teacher, question, flight.purpose, share)
        except BudgetSpentError:
            raise self.waits or self._purse_error(flight.purpose) from None
        if self.ended is not None:  # while this question waited for money: nobody would hand it over any more
            self._free(held.number)
            raise self.ended
        most = units((self.teacher.cost_at_most(question) or Decimal(0)) * share)
        row = self._rows[flight.key] = _Row(flight, done, body, most, held.number)
        self._gathering[flight.key] = row
        self._last_joined = time.monotonic()
        if self._gatherer is None:
            self._gatherer = self._start(self._gather())
        return row

    def _share(self) -> Decimal:
        """The share of the price that a batch costs."""
        price = self.teacher.price
        return Decimal(1) if price is None or price.batch is None else price.batch

    def _purse_error(self, purpose: str) -> BudgetSpentError:
        return self._purse.ended[purpose == ledger.EVALUATION]

    async def _gather(self) -> None:
        """Hand files over: a full one at once, another when no question has joined for a while."""
        try:
            while self._gathering and self.ended is None:
                rows = self._file()
                quiet = time.monotonic() - self._last_joined
                if len(rows) == len(self._gathering) < self._wire.most_rows and quiet < self._gather_seconds:
                    await asyncio.sleep(self._gather_seconds / 4)
                    continue
                for row in rows:
                    del self._gathering[_key(row)]
                self._start(self._carry(rows), "handing over")
        finally:
            self._gatherer = None

    def _file(self) -> list[_Row]:
        """The rows that fit into one file, of one purpose, in the order in which they came."""
        rows: list[_Row] = []
        size, purpose = 1024, ""
        for row in self._gathering.values():
            assert row.flight is not None
            purpose = purpose or row.flight.purpose
            size += len(row.body) + _AROUND
            if rows and (len(rows) >= self._wire.most_rows or size > self._wire.most_bytes):
                break
            if row.flight.purpose == purpose:
                rows.append(row)
        return rows

    async def _carry(self, rows: Sequence[_Row]) -> None:
        """Write a file down, hand it over, and wait for it."""
        token = batches.new_token()
        lines = [_line(number, row) for number, row in enumerate(rows)]
        identity, url = self.teacher.identity, self.teacher.url
        batch = _Batch(BatchLine(token, self._run, self.name, identity, url, "", time.time()), dict(enumerate(lines)))
        await self._store.run(lambda connection: batches.write(connection, batch.line, lines, self._store.owner))
        self._tend(batch)
        try:
            state = await self._handed_over(batch, rows)
        except TransportError as error:
            await self._uncertain(batch, str(error), sent=not isinstance(error, UnreachableError))
            return
        except ImbikError as error:
            await self._dissolve(batch, _Ended(error=self._end(error)))
            return
        if state is not None:
            await self._named(batch, state.id)

    async def _handed_over(self, batch: _Batch, rows: Sequence[_Row]) -> BatchState | None:
        """Send it: how it stands then; None where no row of it is left to wait for.

        Raises: TransportError where it is not known; what ends the teacher.
        """
        token, wire = batch.line.token, self._wire
        requests = [(row, self.teacher.request(_question(row))) for row in rows]
        enclosed = [
            Enclosed(wire.row(custom_id(token, number), request), asked_of(_question(row)))
            for number, (row, request) in enumerate(requests)
        ]
        seconds = self.teacher.timeout + sum(len(item.body) for item in enclosed) / _BYTES_A_SECOND
        try:
            purpose = batch.rows[0].purpose
            reply, decisions = await self._transport.send_parcel(
                wire.parcel(token), enclosed, purpose=purpose, seconds=seconds
            )
        except BlockedAtDoorError as error:
            await self._dissolve(batch, _Ended(reason=error.decision.reason, blocked=True))
            return None
        held_back = {n: made.reason for n, made in enumerate(decisions) if not made.allowed}
        await self._settle(batch, [(batch.rows[n], _Ended(reason=held_back[n], blocked=True)) for n in held_back])
        if reply is None:
            await self._finish(batch)
            return None
        self.requests += len(batch.rows)
        self._refuse(batch, reply)
        try:
            if (begin := wire.begin(token, reply.body)) is not None:
                reply = await self._transport.manage(begin, seconds=self.teacher.timeout, get=False)
                self._refuse(batch, reply)
            return state_in(reply.body, wire)
        except ValueError as error:
            raise TransportError(f"the reply describes no batch ({error})") from None

    def _refuse(self, batch: _Batch, reply: Reply) -> None:
        """Raises where a reply is no good one: a TransportError where trying again makes sense."""
        if 200 <= reply.status < 300:
            return
        trouble = trouble_in(reply, self._said(reply))
        if trouble.hopeless:
            key = self._wire.look(batch.line.token).key_name
            raise refused(self.name, self.teacher.url, reply.status, trouble.reason, key)
        if not trouble.again and not trouble.throttled:
            raise self._not_taken(batch, trouble.reason)
        if trouble.throttled:
            raise UnreachableError(trouble.reason)  # it was not taken
        raise TransportError(trouble.reason)

    def _not_taken(self, batch: _Batch, reason: str) -> TeacherUnreachableError:
        return TeacherUnreachableError(
            f"teacher '{self.name}' does not take a batch of {batch.count:,} questions: {reason}",
            where=self.teacher.url,
            next=f"smaller batches: --set teachers.{self.name}.batch_requests=1000, or none at all: "
            f"--set teachers.{self.name}.batch=false",
        )

    async def _uncertain(self, batch: _Batch, reason: str, *, sent: bool) -> None:
        """It may not have arrived: look for it, and where it is not there, gather its questions again."""
        self._failures += 1
        name = await self._found(batch) if sent else ""
        if name is None:
            return
        if name:
            await self._named(batch, name)
            return
        if self._failures >= self._policy.first_attempts:
            error = self._end(unreachable(self.name, self.teacher.url, reason, ever=bool(self.requests)))
            await self._dissolve(batch, _Ended(error=error))
            return
        await asyncio.sleep(self._policy.wait(self._failures))
        await self._dissolve(batch, _Ended(tried=False))

    async def _resumed(self, batch: _Batch) -> None:
        """Go on with what an earlier process began."""
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(batch.line.begun))
        self._say(f"a batch of {batch.count:,} questions to '{self.name}' is under way since {since}")
        if not batches.is_kept(batch.line.begun):
            lost = _Ended(reason="its batch was not collected within 30 days", tried=False)
            await self._settle(batch, [(row, lost) for row in batch.rows.values()], lost=True)
            await self._finish(batch)
        elif batch.name:
            await self._collected(batch)
        elif name := await self._found(batch):
            await self._named(batch, name)
        elif name == "":
            await self._dissolve(batch, _Ended(tried=False))

    async def _named(self, batch: _Batch, name: str) -> None:
        """It is with the provider: write that down, and wait for it."""
        batch.name, self._failures = name, 0
        await self._store.run(lambda connection: batches.named(connection, batch.line.token, name))
        task = asyncio.current_task()
        if task is not None:
            task.set_name("waiting")
        self._say(f"a batch of {batch.count:,} questions is with '{self.name}'; answers take up to a day")
        await self._collected(batch)

    async def _found(self, batch: _Batch) -> str | None:
        """The provider's name of a batch that was handed over without our hearing so; '' where it has none of ours;
        None where that will be known later, and nobody waits.

        A batch without metadata is known by its rows' names once it has ended, so it is waited for. Raises: what ended
        the teacher.
        """
        late = batch.line.begun + self._wire.poll / 2 - time.time()
        await asyncio.sleep(max(0.0, min(late, self._wire.poll / 2)))  # what was being made may not be listed yet
        known = await self._store.run(lambda connection: batches.names(connection, self.teacher.url))
        while True:
            states = await self._listed(batch.line.begun - _SKEW)
            mine = [state for state in states if state.token == batch.line.token]
            if mine:
                return mine[0].id
            if self._wire.carries_token:
                return ""
            fit = [item for item in states if item.id not in known and item.rows <= batch.count]
            for state in fit:
                if state.ended and await self._is_ours(state, batch.line.token):
                    return state.id
            if all(state.ended for state in fit):
                return ""
            if not self._wait:
                await self._leave(batch)
                return None
            await asyncio.sleep(self._wire.poll)

    async def _listed(self, since: float) -> list[BatchState]:
        """The account's batches that were made since a moment, newest first."""
        found: list[BatchState] = []
        for _ in range(_PAGES):
            request = self._wire.listing(found[-1].id if found else "")
            page, more = await self._managed(request, lambda body: states_in(body, self._wire))
            found += page
            if not more or not page or 0 < page[-1].begun < since:
                break
        return [state for state in found if not state.begun or state.begun >= since]

    async def _is_ours(self, state: BatchState, token: str) -> bool:
        """Whether the rows of a batch that has ended carry our token."""
        for request in self._wire.results(state):
            async with aclosing(
                self._transport.lines(request, seconds=_DOWNLOAD_SECONDS, most=_most(self.teacher))
            ) as lines:
                async for line in lines:
                    row = _row(self._wire, line)
                    if row is not None:
                        return number_in(row.custom_id, token) is not None
        return False

    async def _managed(self, request: WireRequest, read: Callable[[bytes], T]) -> T:
        """What a reply about our batches says, tried a few times. Raises: what ended the teacher."""
        reason = ""
        for attempt in range(1, self._policy.attempts + 1):
            try:
                reply = await self._transport.manage(request, seconds=self.teacher.timeout)
                if 200 <= reply.status < 300:
                    return read(reply.body)
                reason = self._said(reply)
                if trouble_in(reply, reason).hopeless:
                    raise refused(self.name, self.teacher.url, reply.status, reason, request.key_name)
            except (TransportError, ValueError) as error:
                reason = str(error)
            await asyncio.sleep(self._policy.wait(attempt))
        raise unreachable(self.name, self.teacher.url, reason, ever=True)

    def _said(self, reply: Reply) -> str:
        """What an error's body says."""
        return self.teacher.read(WireResponse(reply.status, {}, reply.body)).reason or f"HTTP {reply.status}"

    async def _collected(self, batch: _Batch) -> None:
        """Wait until a batch has ended, and keep what it brought."""
        pause, request = min(_FIRST_LOOK, self._wire.poll), self._wire.look(batch.name)
        while True:
            state = await self._managed(request, lambda body: state_in(body, self._wire))
            if state.ended:
                break
            if not self._wait:
                await self._leave(batch)
                return
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, self._wire.poll)
        if state.problem:
            await self._dissolve(batch, _Ended(error=self._end(self._not_taken(batch, state.problem))))
            return
        await self._fetched(batch, state)
        missing = _Ended(reason="it stands in no result of its batch")
        await self._settle(batch, [(row, missing) for row in batch.rows.values()], lost=True)
        await self._finish(batch)
        self._say(f"a batch of {batch.count:,} questions has ended at '{self.name}'")

    async def _fetched(self, batch: _Batch, state: BatchState) -> None:
        """Store the results as they come; a download that breaks off begins again, with what is not stored yet."""
        reason = ""
        for attempt in range(1, self._policy.attempts + 1):
            try:
                for request in self._wire.results(state):
                    await self._read_results(batch, request)
                return
            except TransportError as error:
                reason = str(error)
            await asyncio.sleep(self._policy.wait(attempt))
        raise unreachable(self.name, self.teacher.url, reason, ever=True)

    async def _read_results(self, batch: _Batch, request: WireRequest) -> None:
        most = _most(self.teacher)
        block: dict[int, BatchRow] = {}
        async with aclosing(self._transport.lines(request, seconds=_DOWNLOAD_SECONDS, most=most)) as lines:
            async for line in lines:
                row = _row(self._wire, line)
                number = number_in(row.custom_id, batch.line.token) if row is not None else None
                if row is None or number is None or number not in batch.rows or number in block:
                    continue
                block[number] = row
                if len(block) >= _BLOCK:
                    await self._keep(batch, block)
                    block = {}
        await self._keep(batch, block)

    async def _keep(self, batch: _Batch, block: dict[int, BatchRow]) -> None:
        """Store what some rows brought."""
        await self._settle(batch, [(batch.rows[n], self._judged(batch.rows[n], row)) for n, row in block.items()])

    def _judged(self, line: RowLine, row: BatchRow) -> _Ended:
        """What a result is: a reply to keep, or trouble."""
        if row.problem:
            return _Ended(reason=row.problem)
        if 200 <= row.status < 300:
            return _Ended(Stored("batch", row.body, line.max_tokens, 0.0, row.status, earlier=line.earlier))
        raw = Stored("batch", row.body, line.max_tokens, 0.0, row.status, earlier=line.earlier)
        completion = self._read_bare(raw)
        if completion.outcome in _ALLOWED:
            return _Ended(raw)
        trouble = trouble_in(Reply(row.status, {}, row.body), completion.reason or f"HTTP {row.status}")
        return _Ended(reason=trouble.reason, again=trouble.again)

    def _read_bare(self, raw: Stored) -> Completion:
        """The completion of a row whose question need not be known."""
        nothing = Question(messages=(), row="", sensitivity=Sensitivity.SPECIAL)
        return read_stored(self.teacher, raw, nothing)

    async def _settle(self, batch: _Batch, ended: Sequence[tuple[RowLine, _Ended]], *, lost: bool = False) -> None:
        """Rows are settled, in one commit: the answer, the money, and that they are in no batch any more. `lost`: what
        they cost is not known."""
        if not ended:
            return
        token, levels = batch.line.token, tuple(Sensitivity)
        plans = [(row, found, *self._booked(row, found, lost), self._owner(row)) for row, found in ended]

        def work(connection: Connection) -> int:
            entries: list[ledger.Entry] = []
            for row, found, line, readable, owner in plans:
                if not batches.settle(connection, token, row, owner):
                    continue
                if found.raw is not None:
                    put = self._store.put(
                        row.key, self.teacher.identity, found.raw, levels[row.sensitivity], readable=readable
                    )
                    put(connection)
                entries.append((line, row.reservation))
            return ledger.book(connection, batch.line.run, entries)

        self._purse.booked(await self._store.run(work))
        for row, found in ended:
            batch.rows.pop(row.number, None)
            self._tell(row.key, found)

    def _booked(self, row: RowLine, found: _Ended, lost: bool) -> tuple[ledger.Line | None, bool]:
        """What a row cost, and whether its reply can be read."""
        possible = ledger.Line(row.purpose, self.name, 0, row.most, 0, 1, 0, 0) if row.most else None
        if found.raw is None:
            return (possible if lost else None), False
        completion = self._read_bare(found.raw._replace(earlier=""))
        usage, readable = completion.usage, completion.outcome is not Outcome.MALFORMED
        waiting = self._rows.get(row.key)
        if readable and waiting is not None and waiting.flight is not None:
            readable = self.read(found.raw, waiting.flight.question).outcome is not Outcome.MALFORMED
        if not (usage.input_tokens or usage.output_tokens):
            return (possible if 200 <= found.raw.status < 300 else None), readable
        paid = units(completion.cost)
        line = ledger.Line(row.purpose, self.name, paid, 0, 1, 0, usage.input_tokens, usage.output_tokens)
        return line, readable

    def _owner(self, row: RowLine) -> str:
        """Who holds a settled row's claim: this process, where somebody waits for it."""
        waiting = self._rows.get(row.key)
        return self._store.owner if waiting is not None and waiting.flight is not None else ""

    def _tell(self, key: bytes, found: _Ended) -> None:
        """Whoever waits for a question hears what became of it."""
        row = self._rows.pop(key, None)
        if row is not None and not row.done.done():
            row.done.set_result(found)

    async def _dissolve(self, batch: _Batch, ended: _Ended) -> None:
        """There is no such batch: its rows cost nothing, and are told so."""
        await self._settle(batch, [(row, ended) for row in batch.rows.values()])
        await self._finish(batch)

    async def _finish(self, batch: _Batch) -> None:
        """Nothing of it is left."""
        await self._store.run(lambda connection: batches.finish(connection, batch.line.token))
        self._untend(batch)
        self._open.pop(batch.line.token, None)

    async def _leave(self, batch: _Batch) -> None:
        """Do not wait for it, once everything else is handed over too."""
        self._left.add(batch.line.token)
        self._untend(batch)
        while time.monotonic() - self._last_joined < 2 * self._gather_seconds or self._handing():  # noqa: ASYNC110
            await asyncio.sleep(self._gather_seconds / 4)
        for line in batch.rows.values():  # they stay known: who asks for one later hears the same
            row = self._rows.get(line.key)
            if row is not None and not row.done.done():
                row.done.set_result(_Ended(error=self.waits))

    def _handing(self) -> bool:
        return bool(self._gathering) or any(task.get_name() == "handing over" for task in self._tasks)

    def _tend(self, batch: _Batch) -> None:
        """From here on this process looks after it."""
        owner = batches.owner_of(batch.line.token)
        self._open[batch.line.token] = batch
        self.ours.add(owner)
        self._purse.tended.add(owner)

    def _untend(self, batch: _Batch) -> None:
        self._purse.tended.discard(batches.owner_of(batch.line.token))

    def _free(self, reservation: int) -> None:
        if reservation:
            self._purse.told(None, reservation)

    def _start(self, work: Coroutine[Any, Any, None], name: str = "") -> asyncio.Task[None]:
        """Work of its own; when it breaks, the teacher has ended."""
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work, name=name or None)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._end(error if isinstance(error, ImbikError) else _broken(self.name, error))

    def _end(self, error: ImbikError) -> ImbikError:
        """Nothing is handed over any more, and everybody who waits hears why. What is with the provider stays there."""
        if self.ended is None:
            self.ended = error
            for key in list(self._rows):
                self._tell(key, _Ended(error=error))
            for row in self._gathering.values():
                self._free(row.reservation)
            self._gathering.clear()
        return self.ended


def _settled(completion: Completion, flight: Flight, max_tokens: int = 0) -> Settled:
    question = flight.question
    return Settled(completion, max_tokens or question.sampling.max_tokens, question.sensitivity)


def _line(number: int, row: _Row) -> RowLine:
    assert row.flight is not None
    flight = row.flight
    question, earlier = flight.question, str(flight.paid) if flight.paid else ""
    return RowLine(
        number,
        flight.key,
        question.sampling.max_tokens,
        question.sensitivity.rank,
        flight.purpose,
        row.most,
        row.reservation,
        earlier,
    )


def _key(row: _Row) -> bytes:
    assert row.flight is not None
    return row.flight.key


def _question(row: _Row) -> Question:
    assert row.flight is not None
    return row.flight.question


def _row(wire: BatchWire, line: bytes) -> BatchRow | None:
    """A line of the results; None for an empty one.

    Raises: BrokenReplyError for what cannot be read: its row is not taken for missing, and bought again.
    """
    try:
        return wire.ended(line) if line.strip() else None
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise BrokenReplyError("a line of the results cannot be read") from None


def _most(teacher: ServedTeacher) -> int:
    """The longest line of results that is read, in bytes."""
    return int(getattr(teacher, "reply_bytes", 0)) or _MOST_BYTES


def _broken(name: str, error: BaseException) -> ImbikError:
    """An error of ours: the batches stay written down, and the same command goes on with them."""
    return ImbikError(f"collecting the batches of teacher '{name}' broke off ({raised_at(error)})")
