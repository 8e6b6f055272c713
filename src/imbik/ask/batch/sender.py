"""Asking one teacher in batches, as whoever asks sees it.

Enters: flights, on the asking loop, as for `ask.sending`. Leaves: how each was settled. A row without an answer
(failed, expired, cancelled, missing) is put into the next batch, twice at most.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from imbik.ask.answers import AnswerStore, Stored
from imbik.ask.batch import records
from imbik.ask.batch.finding import Finder
from imbik.ask.batch.gather import Gatherer
from imbik.ask.batch.leading import Leader
from imbik.ask.batch.provider import Provider
from imbik.ask.batch.results import Results
from imbik.ask.batch.rows import Batch, Ended, Row, Rows
from imbik.ask.batch.settling import Settler
from imbik.ask.batch.tended import Tended
from imbik.ask.budget import Purse
from imbik.ask.flight import Flight, Settled
from imbik.ask.reading import read_stored
from imbik.ask.retry import RetryPolicy
from imbik.core.errors import BudgetSpentError, ImbikError, WaitingError, raised_at
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome
from imbik.privacy.gate import HandedOver
from imbik.privacy.transport import Transport
from imbik.teachers import ServedTeacher
from imbik.teachers._batch import BatchWire

_WINDOW = 20_000  # questions gathered, in batches or waiting in order at a time: some 15 KB of memory each
_LOOK_SECONDS = 0.05
_TRIES = 3  # batches that one question goes into


class BatchSender:
    """Everything about the batches of one served teacher; all methods run on the asking loop.

    `window` is how many questions may be under way or waiting in order.
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
        self.window = _WINDOW
        self._run, self._store = run, store
        self._rows, self._tended = Rows(), Tended(name, run, teacher.url, purse)
        provider = Provider(name, teacher, wire, transport, policy)
        settler = Settler(name, teacher, store, purse, self._rows, self._tended)
        self._leader = Leader(
            name=name,
            run=run,
            teacher=teacher,
            store=store,
            policy=policy,
            provider=provider,
            finder=Finder(teacher.url, wire, provider, store, wait=wait),
            results=Results(wire, provider, settler, policy),
            settler=settler,
            rows=self._rows,
            tended=self._tended,
            say=say,
            wait=wait,
            end=self._end,
            all_handed_over=self._all_handed_over,
        )
        self._gatherer = Gatherer(name, teacher, wire, purse, self._rows, self._start, self._leader.carry)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def requests(self) -> int:
        """How many questions were handed over."""
        return self._leader.requests

    @property
    def ended(self) -> ImbikError | None:
        """Why nothing is handed over any more."""
        return self._rows.ended

    @property
    def ours(self) -> set[str]:
        """The owners of this run's batches."""
        return self._tended.owners

    @property
    def brought(self) -> Mapping[bytes, HandedOver]:
        """Stored answers that an earlier process's batch brought before anybody asked for them."""
        return self._rows.brought

    @property
    def waits(self) -> WaitingError | None:
        """What is under way and not waited for, or can be handed over later only."""
        return self._tended.waits or self._leader.later

    def under_way(self) -> WaitingError | None:
        """What to tell who stops now: batches that are with the provider, or may be; None where there are none."""
        return self._tended.under_way()

    async def resume(self) -> None:
        """Take up what an earlier process of this run handed over, or was about to."""
        found = await self._store.run(
            lambda connection: records.under_way(connection, self._run, self.teacher.identity, self.teacher.url)
        )
        loop = asyncio.get_running_loop()
        for line, rows in found:
            batch = Batch(line, {row.number: row for row in rows}, resumed=True)
            for row in rows:
                self._rows.add(row.key, Row(None, loop.create_future()))
            self._tended.add(batch)
            self._start(self._leader.resumed(batch))

    async def settle(self, flight: Flight) -> Settled:
        """Have it answered in a batch. Raises: what ended the teacher, or WaitingError."""
        tries, ended = 0, Ended()
        completion: Completion | None = None
        left: HandedOver | None = None
        while tries < _TRIES:
            ended = self._rows.told(flight.key) or await self._answered(flight)
            if ended.error is not None:
                raise ended.error
            left = left or ended.left
            if ended.blocked:
                return _settled(Completion(outcome=Outcome.BLOCKED, reason=ended.reason), flight, left)
            if ended.raw is not None:
                completion = self.read(ended.raw, flight.question)
                flight.paid = completion.cost
                if completion.outcome is not Outcome.MALFORMED:
                    return _settled(completion, flight, left, ended.raw.max_tokens)
            elif not ended.again:
                break
            tries += ended.tried
        if completion is not None:
            return _settled(completion, flight, left)
        where = f"failed in {tries} batches: " if ended.again else ""
        return _settled(Completion(outcome=Outcome.FAILED, reason=where + ended.reason), flight, left)

    def read(self, raw: Stored, question: Question) -> Completion:
        """The completion in a raw answer; see `read_stored`."""
        return read_stored(self.teacher, raw, question)

    async def close(self, grace: float) -> None:
        """Let a file on its way arrive, and what came be put away, for `grace` seconds; what is with the provider stays
        there."""
        until = time.monotonic() + grace
        while self._doing("handing over", "collecting") and time.monotonic() < until:  # noqa: ASYNC110 - one that arrived has another name then
            await asyncio.sleep(_LOOK_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answered(self, flight: Flight) -> Ended:
        """What became of the question in the batch that it is in, or is put into now."""
        if self.ended is not None:
            raise self.ended
        row = self._rows.find(flight.key) or await self._joined(flight)
        row.flight = flight
        try:
            return await asyncio.shield(row.done)
        except asyncio.CancelledError:
            self._gatherer.withdraw(row)
            raise

    async def _joined(self, flight: Flight) -> Row:
        """Put it into the next file. A budget that is held by a batch nobody waits for is no spent budget."""
        try:
            return await self._gatherer.join(flight)
        except BudgetSpentError as spent:
            raise self.waits or spent from None

    async def _all_handed_over(self) -> None:
        """Nothing is gathered or on its way any more, and nothing more seems to come."""
        gatherer = self._gatherer
        while gatherer.quiet < 2 * gatherer.seconds or gatherer.busy or self._doing("handing over"):  # noqa: ASYNC110
            await asyncio.sleep(gatherer.seconds / 4)

    def _doing(self, *what: str) -> list[asyncio.Task[None]]:
        return [task for task in self._tasks if task.get_name() in what]

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
        if self._rows.ended is None:
            self._rows.ended = error
            self._rows.tell_all(Ended(error=error))
            self._gatherer.drop()
        return self._rows.ended


def _settled(completion: Completion, flight: Flight, left: HandedOver | None, max_tokens: int = 0) -> Settled:
    question = flight.question
    return Settled(completion, max_tokens or question.sampling.max_tokens, question.sensitivity, left=left)


def _broken(name: str, error: BaseException) -> ImbikError:
    """An error of ours: the batches stay written down, and the same command goes on with them."""
    return ImbikError(f"collecting the batches of teacher '{name}' broke off ({raised_at(error)})")
