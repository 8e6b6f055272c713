"""How many requests at a time a teacher stands, found out while asking.

Enters: successes and refusals (429, 503, overload). Leaves: slots. Additive increase, multiplicative decrease: a
refusal halves the number once for all requests that were under way together; successes raise it again, by a share of
itself while that is more than one a round. A wait that the server asks for (Retry-After) holds everybody.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_GROWTH = 0.05


class Limiter:
    """Slots for requests to one teacher; lives on one event loop."""

    def __init__(self, ceiling: int, *, base_seconds: float, longest_seconds: float) -> None:
        self._ceiling = max(1, ceiling)
        self._base, self._longest = base_seconds, longest_seconds
        self._resume_at = 0.0
        self._refusals = 0
        self._round = 0
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.limit = float(self._ceiling)
        self.active = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[int]:
        """Hold a slot for the block; gives the number of the round, to be handed to `refused`."""
        await self._acquire()
        try:
            yield self._round
        finally:
            self.active -= 1
            self._wake()

    def succeeded(self) -> None:
        """A request was answered."""
        self._refusals = 0
        self.limit = min(float(self._ceiling), self.limit + max(1 / self.limit, _GROWTH))
        self._wake()

    def refused(self, round_number: int, retry_after: float | None) -> float:
        """A request was refused for now; returns how many seconds everybody waits."""
        loop = asyncio.get_running_loop()
        if round_number == self._round:
            self._round += 1
            self._refusals += 1
            self.limit = max(1.0, self.limit / 2)
        wait = retry_after
        if wait is None:
            wait = min(self._longest, self._base * 2 ** min(self._refusals, 16)) * random.uniform(0.5, 1.0)
        self._resume_at = max(self._resume_at, loop.time() + wait)
        self._arm()
        return wait

    def _free(self) -> bool:
        return self.active < int(self.limit) and asyncio.get_running_loop().time() >= self._resume_at

    async def _acquire(self) -> None:
        if not self._waiting and self._free():
            self.active += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.active -= 1
                self._wake()
            raise

    def _arm(self) -> None:
        """Wake up when the wait is over; a loop's timer may fire a little early, so it is set again until then."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
        left = self._resume_at - loop.time()
        self._timer = loop.call_later(max(left, 0.001), self._resume) if left > 0 else None

    def _resume(self) -> None:
        self._timer = None
        self._arm()
        self._wake()

    def _wake(self) -> None:
        """Give free slots to those who wait, first come first served."""
        while self._waiting and self._free():
            turn = self._waiting.popleft()
            if not turn.done():
                self.active += 1
                turn.set_result(None)
