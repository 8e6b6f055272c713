"""How many requests at a time a teacher stands, found out while asking.

Enters: answers, refusals (429, 503, overload), and what rate-limit headers say. Leaves: slots. A few requests go first;
once the server has answered one, the other slots open evenly over the time that answer took, so that a cold server is
not met with everything at once and answers then come evenly. Additive increase, multiplicative decrease: a refusal
halves the number once for all requests that were under way together; successes raise it again, by a share of itself
while that is more than one a round. A wait that the server asks for (Retry-After) holds everybody, and so does a quota
that its headers say is used up: the refusal is not waited for.

A limiter belongs to an endpoint and a model: teachers that share both share it.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from imbik.ask.quota import Quota

_GROWTH = 0.05
_FIRST = 32  # requests before anybody was answered
_OPENING_SECONDS = 10.0  # the longest that opening the other slots takes
_TICK_SECONDS = 0.002
_LONGEST_HOLD = 120.0  # for a quota in headers; a refusal then says more
_STORING_SHARE = 8  # replies on their way to the disk without a slot: one for so many requests at a time


class Turn(NamedTuple):
    """A slot that is held: in which round of refusals it began, how many were given before it, and when."""

    round: int
    number: int
    began: float


class _Waiting(NamedTuple):
    """Somebody in the queue."""

    turn: asyncio.Future[Turn]
    owner: object


class Limiter:
    """Slots for requests to one model at one endpoint; lives on one event loop."""

    def __init__(self, ceiling: int, *, base_seconds: float, longest_seconds: float) -> None:
        self._ceiling = max(1, ceiling)
        self._base, self._longest = base_seconds, longest_seconds
        self._resume_at = 0.0
        self._quota_ends, self._quota_until, self._quota_told = 0, 0.0, 0
        self._refusals = 0
        self._round = 0
        self._opening: float | None = None  # when the slots beyond the first ones began to open
        self._opening_seconds = 0.0
        self._ramping = self._ceiling > _FIRST  # whether some slots have still to open
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: deque[_Waiting] = deque()
        self._given = 0
        self.limit = float(self._ceiling)
        self.active = self.storing = 0

    def lower(self, ceiling: int) -> None:
        """Another teacher that shares this limiter allows so many at a time: the lowest word counts."""
        self._ceiling = max(1, min(self._ceiling, ceiling))
        self.limit = min(self.limit, float(self._ceiling))

    @asynccontextmanager
    async def slot(self, owner: object = None) -> AsyncIterator[Turn]:
        """Hold a slot for the block."""
        turn = await self.acquire(owner)
        try:
            yield turn
        finally:
            self.release()

    def release(self) -> None:
        """Give a slot back."""
        self.active -= 1
        self._wake()

    def lend(self) -> bool:
        """A reply is here and has yet to be made durable: let somebody else have the slot meanwhile.

        False where enough replies are on their way to the disk already; then the slot is kept. What a kill may cost
        stays bounded: the requests under way, and an eighth as many replies.
        """
        if self.storing >= self._ceiling // _STORING_SHARE:
            return False
        self.storing += 1
        self.release()
        return True

    def stored(self) -> None:
        """A reply whose slot was lent is durable."""
        self.storing -= 1

    def heard(self, turn: Turn, quota: Quota | None = None) -> None:
        """A reply came, whatever it says, other than a refusal for now; `quota` is what its headers say."""
        now = asyncio.get_running_loop().time()
        if self._ramping and self._opening is None:
            self._opening = now
            self._opening_seconds = min(max(now - turn.began, _TICK_SECONDS), _OPENING_SECONDS)
            self._arm()
        if quota is not None and turn.number >= self._quota_told:
            self._quota_told, self._quota_ends = turn.number, turn.number + quota.requests
            self._quota_until = now + min(quota.seconds, _LONGEST_HOLD)
            self._arm()

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
            self.limit = max(1.0, min(self.limit, self._open()) / 2)
            self._ramping = False
        wait = retry_after
        if wait is None:
            wait = min(self._longest, self._base * 2 ** min(self._refusals, 16)) * random.uniform(0.5, 1.0)
        self._resume_at = max(self._resume_at, loop.time() + wait)
        self._arm()
        return wait

    def dismiss(self, owner: object, error: Exception) -> None:
        """Nobody of this owner needs a slot any more: whoever waits hears why."""
        stay: deque[_Waiting] = deque()
        for waiting in self._waiting:
            if waiting.owner is owner and not waiting.turn.done():
                waiting.turn.set_exception(error)
            else:
                stay.append(waiting)
        self._waiting = stay

    def _open(self) -> float:
        """How many slots are open by now, refusals aside."""
        if not self._ramping:
            return float(self._ceiling)
        if self._opening is None:
            return float(_FIRST)
        share = (asyncio.get_running_loop().time() - self._opening) / self._opening_seconds
        if share >= 1:
            self._ramping = False
        return _FIRST + (self._ceiling - _FIRST) * min(share, 1.0)

    def _held_until(self) -> float:
        """The loop's time until which nobody may begin."""
        return max(self._resume_at, self._quota_until if self._given >= self._quota_ends else 0.0)

    def _free(self) -> bool:
        if self.active >= int(self.limit) or (self._ramping and self.active >= int(self._open())):
            return False
        held = self._held_until()
        return not held or asyncio.get_running_loop().time() >= held

    def _give(self) -> Turn:
        self.active += 1
        self._given += 1
        return Turn(self._round, self._given, asyncio.get_running_loop().time())

    async def acquire(self, owner: object = None, *, first: bool = False) -> Turn:
        """Wait for a slot; `first`: before those who wait already (a request that was sent before).

        Raises: whatever `dismiss` is given for this owner.
        """
        if (first or not self._waiting) and self._free():
            return self._give()
        turn: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        (self._waiting.appendleft if first else self._waiting.append)(_Waiting(turn, owner))
        self._arm()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.release()
            raise

    def _arm(self) -> None:
        """Look again when a wait is over or another slot opens; a loop's timer may fire a little early."""
        if not self._waiting:
            return
        loop = asyncio.get_running_loop()
        left = self._held_until() - loop.time()
        if left <= 0 and self._ramping and self._opening is not None:
            left = _TICK_SECONDS
        if left <= 0:
            self._wake()  # the wait ended between two looks at the clock: nobody else might look again
            return
        if self._timer is not None and self._timer.when() <= loop.time() + left:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_later(max(left, 0.001), self._resume)

    def _resume(self) -> None:
        self._timer = None
        self._wake()
        self._arm()

    def _wake(self) -> None:
        """Give free slots to those who wait, first come first served."""
        while self._waiting and self._free():
            waiting = self._waiting.popleft()
            if not waiting.turn.done():
                waiting.turn.set_result(self._give())
