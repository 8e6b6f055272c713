"""Looking for a batch of which nobody heard whether it arrived, so that no question is handed over twice.

Enters: a batch as it was written down. Leaves: the provider's name of it, or that there is none. A provider that keeps
our token with a batch is asked for its list; where it keeps nothing of ours, a batch is known by its rows' names once
it has ended.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

from imbik.ask.answers import AnswerStore
from imbik.ask.batch import records
from imbik.ask.batch.provider import Provider
from imbik.ask.batch.rows import Batch
from imbik.privacy.transport import NotThereError
from imbik.teachers._batch import BatchState, BatchWire, number_in

_SKEW = 300.0  # seconds by which the provider's clock may be behind


class Finder:
    """Finds batches of one endpoint. Without `wait`, what will be known later is not waited for."""

    def __init__(self, url: str, wire: BatchWire, provider: Provider, store: AnswerStore, *, wait: bool) -> None:
        self._url, self._wire, self._provider, self._store, self._wait = url, wire, provider, store, wait

    async def found(self, batch: Batch) -> str | None:
        """The provider's name of a batch that was handed over without our hearing so; '' where it has none of ours;
        None where that will be known later, and nobody waits.

        Raises: what ended the teacher.
        """
        late = batch.line.begun + self._wire.poll / 2 - time.time()
        await asyncio.sleep(max(0.0, min(late, self._wire.poll / 2)))  # what was being made may not be listed yet
        known = await self._store.run(lambda connection: records.names(connection, self._url))
        while True:
            states = await self._provider.listed(batch.line.begun - _SKEW)
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
                return None
            await asyncio.sleep(self._wire.poll)

    async def _is_ours(self, state: BatchState, token: str) -> bool:
        """Whether the rows of a batch that has ended carry our token: the first of them tells."""
        for request in self._wire.results(state):
            try:
                async with aclosing(self._provider.results(request)) as rows:
                    async for row in rows:
                        if row is not None:
                            return number_in(row.custom_id, token) is not None
            except NotThereError:
                continue  # another program's, whose results were deleted or are not for us: ours are there for a month
        return False
