"""Leading one batch from its file to its end, whatever happens on the way.

Enters: rows that make up a file, or a batch that an earlier process began. Leaves: every row settled, or the batch left
under way where nobody waits for it. It stands in the store before it leaves, so the same command after a kill goes on:

- a batch whose name at the provider is known is collected;
- one that may or may not have arrived is looked for among the account's batches, by the token that it carries; only
  when it is not there are its questions asked again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from imbik.ask.answers import AnswerStore
from imbik.ask.batch import records
from imbik.ask.batch.finding import Finder
from imbik.ask.batch.provider import Provider
from imbik.ask.batch.records import BatchLine
from imbik.ask.batch.results import Results
from imbik.ask.batch.rows import Batch, Ended, Row, Rows, basis_of
from imbik.ask.batch.settling import Settler
from imbik.ask.batch.tended import Tended
from imbik.ask.retry import RetryPolicy
from imbik.core.errors import ImbikError, WaitingError
from imbik.privacy.quiet import words_of_the_trade
from imbik.privacy.transport import BlockedAtDoorError, TransportError, UnreachableError
from imbik.teachers import ServedTeacher
from imbik.teachers._batch import BatchState

_FULL_SECONDS = 86_400.0  # a provider ends batches within a day: then there is room again


@dataclass
class Leader:
    """Leads the batches of one teacher in one run.

    `end` says that nothing is handed over any more, `all_handed_over` waits until nothing is gathered or on its way.
    `requests` counts questions handed over, `failures` the times in a row that one did not arrive; `full_since` is the
    moment since which the provider takes no more for now, `later` what to tell then where nobody waits.
    """

    name: str
    run: str
    teacher: ServedTeacher
    store: AnswerStore
    policy: RetryPolicy
    provider: Provider
    finder: Finder
    results: Results
    settler: Settler
    rows: Rows
    tended: Tended
    say: Callable[[str], None]
    wait: bool
    end: Callable[[ImbikError], ImbikError]
    all_handed_over: Callable[[], Awaitable[None]]
    requests: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    full_since: float = field(default=0.0, init=False)
    later: WaitingError | None = field(default=None, init=False)

    async def carry(self, rows: Sequence[Row]) -> None:
        """Write a file down, hand it over, and wait for it."""
        token, identity, url = records.new_token(), self.teacher.identity, self.teacher.url
        lines = [row.line(number, token) for number, row in enumerate(rows)]
        line = BatchLine(token, self.run, self.name, identity, url, "", time.time())
        batch = Batch(line, dict(enumerate(lines)))
        self.tended.add(batch)  # before it owns any money: who waits for money then knows that some may come back
        try:
            await self.store.run(lambda connection: records.write(connection, line, lines, self.store.owner))
        except BaseException:
            self.tended.finish(batch)
            raise
        try:
            state = await self._handed_over(batch, rows)
        except TransportError as error:
            await self._uncertain(batch, str(error), sent=not isinstance(error, UnreachableError))
            return
        except ImbikError as error:
            await self.settler.rest(batch, Ended(error=self.end(error)))
            return
        if state is not None:
            await self._named(batch, state.id)

    async def _handed_over(self, batch: Batch, rows: Sequence[Row]) -> BatchState | None:
        """Send it: how it stands then; None where no row of it is left to wait for.

        Raises: TransportError where it is not known; what ends the teacher.
        """
        try:
            reply, decisions = await self.provider.hand_over(batch, [row.asked.question for row in rows])
        except BlockedAtDoorError as error:
            await self.settler.rest(batch, Ended(reason=error.decision.reason, blocked=True))
            return None
        held_back = [(n, made) for n, made in enumerate(decisions) if not made.allowed]
        await self.settler.settle(
            batch, [(batch.rows[n], Ended(reason=made.reason, blocked=True)) for n, made in held_back]
        )
        batch.basis = basis_of(decisions)
        if reply is None:
            await self.settler.finish(batch)
            return None
        self.requests += len(batch.rows)
        return await self.provider.made_of(batch, reply)

    async def _uncertain(self, batch: Batch, reason: str, *, sent: bool) -> None:
        """It may not have arrived: look for it, and where it is not there, gather its questions again."""
        self.failures += 1
        name = await self.finder.found(batch) if sent else ""
        if name is None:
            await self._leave(batch)
        elif name:
            await self._named(batch, name)
        elif self.failures >= self.policy.first_attempts:
            error = self.end(self.provider.gone(reason, ever=bool(self.requests)))
            await self.settler.rest(batch, Ended(error=error))
        else:
            await asyncio.sleep(self.policy.wait(self.failures))
            await self.settler.rest(batch, Ended(tried=False))

    async def resumed(self, batch: Batch) -> None:
        """Go on with what an earlier process began."""
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(batch.line.begun))
        self.say(f"a batch of {batch.count:,} questions to '{self.name}' is under way since {since}")
        if not records.is_kept(batch.line.begun):
            gone = Ended(reason="its batch was not collected within 30 days", tried=False)
            await self.settler.rest(batch, gone, lost=True)
        elif batch.name:
            await self._collected(batch)
        elif (name := await self.finder.found(batch)) is None:
            await self._leave(batch)
        elif name:
            await self._named(batch, name)
        else:
            batch.absent = True
            await self.settler.rest(batch, Ended(tried=False))

    async def _named(self, batch: Batch, name: str) -> None:
        """It is with the provider: write that down, and wait for it."""
        batch.name, self.failures = name, 0
        await self.store.run(lambda connection: records.named(connection, batch.line.token, name, batch.basis))
        _now("waiting")
        self.say(f"a batch of {batch.count:,} questions is with '{self.name}'; answers take up to a day")
        await self._collected(batch)

    async def _collected(self, batch: Batch) -> None:
        """Wait until a batch has ended, and keep what it brought."""
        state = await self.provider.ended(batch, wait=self.wait)
        if state is not None:
            _now("collecting")
        if state is None:
            await self._leave(batch)
        elif state.full and time.monotonic() - (self.full_since or time.monotonic()) < _FULL_SECONDS:
            await self._held_up(batch, state)
        elif state.problem:
            await self._discard(state)
            error = self.end(self.provider.not_taken(batch, words_of_the_trade(state.problem)))
            await self.settler.rest(batch, Ended(error=error))
        else:
            await self.results.fetch(batch, state)
            await self.settler.rest(batch, Ended(reason="it stands in no result of its batch"), lost=True)
            self.full_since = 0.0
            self.say(f"a batch of {batch.count:,} questions has ended at '{self.name}'")
            await self._discard(state)

    async def _held_up(self, batch: Batch, state: BatchState) -> None:
        """The provider takes no more for now: its questions go into a batch again later."""
        self.full_since = self.full_since or time.monotonic()
        await self._discard(state)
        why = f"'{self.name}' has too much under way for a batch of {batch.count:,} questions"
        if self.wait:
            self.say(f"{why}; it is handed over again")
            _now("waiting")
            await asyncio.sleep(self.provider.poll)
            await self.settler.rest(batch, Ended(tried=False))
            return
        self.later = WaitingError(f"teacher {why}", where=self.run, next="type the same command again later")
        await self.settler.rest(batch, Ended(error=self.later))

    async def _discard(self, state: BatchState) -> None:
        """Nothing of what left stays at the provider longer than it must."""
        if failed := await self.provider.discard(state):
            self.say(f"'{self.name}' still has the files of batch {state.id} ({words_of_the_trade(failed)})")

    async def _leave(self, batch: Batch) -> None:
        """Do not wait for it, once everything else is handed over too."""
        self.tended.leave(batch)
        await self.all_handed_over()
        for row in self.rows.of(batch):  # they stay known: who asks for one later hears the same
            row.done.set_result(Ended(error=self.tended.waits))


def _now(doing: str) -> None:
    """Says what this task does, for who would end it."""
    task = asyncio.current_task()
    if task is not None:
        task.set_name(doing)
