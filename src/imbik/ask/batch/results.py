"""What a batch has brought: its results are read as they come, and kept a block at a time.

Enters: a batch that has ended. Leaves: its rows, settled; those that stand in no result are left for the caller. A
download that breaks off begins again, with what is not kept yet.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from imbik.ask.answers import Stored
from imbik.ask.batch.provider import Provider
from imbik.ask.batch.records import RowLine
from imbik.ask.batch.rows import Batch, Ended
from imbik.ask.batch.settling import Settler
from imbik.ask.retry import RetryPolicy, trouble_in
from imbik.core.types import Outcome
from imbik.privacy.transport import Reply, TransportError
from imbik.teachers import WireRequest
from imbik.teachers._batch import BatchRow, BatchState, BatchWire, number_in

_BLOCK = 500  # results stored at a time
_ALLOWED = {Outcome.FILTERED, Outcome.REFUSED}


class Results:
    """Reads and keeps the results of one teacher's batches."""

    def __init__(self, wire: BatchWire, provider: Provider, settler: Settler, policy: RetryPolicy) -> None:
        self._wire, self._provider, self._settler, self._policy = wire, provider, settler, policy

    async def fetch(self, batch: Batch, state: BatchState) -> None:
        """Keep all that a batch brought; what can be read is kept, whatever else cannot.

        Raises: TeacherUnreachableError where it cannot be read to its end: a row whose line is broken is not taken for
        missing, and bought again.
        """
        reason = ""
        for attempt in range(1, self._policy.attempts + 1):
            reason = ""
            for request in self._wire.results(state):
                try:
                    broken = await self._read(batch, request)
                except TransportError as error:
                    reason = str(error)
                    continue
                if broken and batch.rows:
                    reason = reason or f"{broken:,} lines of the results cannot be read"
            if not reason:
                return
            await asyncio.sleep(self._policy.wait(attempt))
        raise self._provider.lost(batch, reason)

    async def _read(self, batch: Batch, request: WireRequest) -> int:
        """Keep one document; how many of its lines cannot be read."""
        block, broken = dict[int, BatchRow](), 0
        try:
            broken = await self._blocks(batch, request, block)
        finally:
            await self._keep(batch, block)
        return broken

    async def _blocks(self, batch: Batch, request: WireRequest, block: dict[int, BatchRow]) -> int:
        """The same, but for what is left in the last block."""
        broken = 0
        async with aclosing(self._provider.results(request)) as rows:
            async for row in rows:
                if row is None:
                    broken += 1
                    continue
                number = number_in(row.custom_id, batch.line.token)
                if number is None or number not in batch.rows or number in block:
                    continue
                block[number] = row
                if len(block) >= _BLOCK:
                    await self._keep(batch, block)
                    block.clear()
        return broken

    async def _keep(self, batch: Batch, block: dict[int, BatchRow]) -> None:
        """Store what some rows brought."""
        rows = [(batch.rows[number], row) for number, row in block.items()]
        await self._settler.settle(batch, [(line, self._judged(line, row)) for line, row in rows])

    def _judged(self, line: RowLine, row: BatchRow) -> Ended:
        """What a result is: a reply to keep, or trouble."""
        if row.problem:
            return Ended(reason=self._settler.quiet(row.problem, line))
        raw = Stored("batch", row.body, line.max_tokens, 0.0, row.status, earlier=line.earlier)
        if 200 <= row.status < 300:
            return Ended(raw)
        completion = self._settler.read_bare(raw)
        if completion.outcome in _ALLOWED:
            return Ended(raw)
        trouble = trouble_in(Reply(row.status, {}, row.body), completion.reason or f"HTTP {row.status}")
        return Ended(reason=self._settler.quiet(trouble.reason, line), again=trouble.again)
