"""The limiter: never above the limit, halves once a round, grows again, honours Retry-After."""

from __future__ import annotations

import asyncio
import time

import pytest

from imbik.ask.limits import Limiter
from imbik.ask.quota import Quota


def limiter(ceiling: int) -> Limiter:
    """One with short waits."""
    return Limiter(ceiling, base_seconds=0.01, longest_seconds=0.05)


async def test_never_more_at_a_time_than_the_limit() -> None:
    limits, most = limiter(5), 0

    async def work() -> None:
        nonlocal most
        async with limits.slot():
            most = max(most, limits.active)
            await asyncio.sleep(0.001)

    await asyncio.gather(*(work() for _ in range(60)))
    assert most == 5
    assert limits.active == 0


async def test_refusals_of_one_round_halve_the_limit_once() -> None:
    limits = limiter(32)
    for _ in range(10):
        limits.refused(0, 0.0)
    assert limits.limit == 16
    limits.refused(1, 0.0)
    assert limits.limit == 8
    for _ in range(100):
        limits.refused(limits._round, 0.0)
    assert limits.limit == 1


async def test_successes_bring_it_back_to_the_ceiling_and_no_further() -> None:
    limits = limiter(64)
    limits.refused(0, 0.0)
    for _ in range(1_000):
        limits.succeeded()
    assert limits.limit == 64


async def test_retry_after_holds_everybody() -> None:
    limits = limiter(4)
    started = time.monotonic()
    limits.refused(0, 0.2)
    async with limits.slot():
        assert time.monotonic() - started >= 0.19


async def test_a_waiter_that_goes_away_gives_its_turn_on() -> None:
    limits = limiter(1)
    order: list[str] = []

    async def work(name: str) -> None:
        async with limits.slot():
            order.append(name)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(work(name)) for name in "abc"]
    await asyncio.sleep(0.001)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == ["a", "c"]
    assert limits.active == 0


async def test_a_cold_server_is_met_with_a_few_requests_and_the_others_follow_evenly() -> None:
    limits, loop = limiter(256), asyncio.get_running_loop()
    turns = [asyncio.create_task(limits.acquire()) for _ in range(256)]
    await asyncio.sleep(0.2)
    assert limits.active == 32
    limits.heard(turns[0].result())  # the first answer took 0.2 seconds
    opened = loop.time()
    await asyncio.gather(*turns)
    began = sorted(turn.result().began - opened for turn in turns)[32:]
    assert 0.15 < began[-1] < 0.5
    halves = sum(moment < began[-1] / 2 for moment in began)
    assert 80 < halves < 144


async def test_a_used_up_quota_holds_everybody_before_the_server_refuses() -> None:
    limits = limiter(8)
    first = await limits.acquire()
    second = await limits.acquire()
    started = time.monotonic()
    limits.heard(first, Quota(3, 0.3))  # one of the three has gone already
    await limits.acquire()
    await limits.acquire()
    assert time.monotonic() - started < 0.1
    third = await limits.acquire()
    assert time.monotonic() - started >= 0.29
    limits.heard(third, Quota(5, 60.0))
    limits.heard(second, Quota(0, 60.0))  # older news
    async with asyncio.timeout(0.1):
        await limits.acquire()


async def test_teachers_that_share_a_limiter_keep_to_the_lower_word_and_leave_apart() -> None:
    limits = limiter(8)
    limits.lower(2)
    limits.lower(5)
    await asyncio.gather(limits.acquire("a"), limits.acquire("b"))
    waiting = {name: asyncio.create_task(limits.acquire(name)) for name in ("a", "b")}
    await asyncio.sleep(0.01)
    limits.dismiss("a", RuntimeError("the key was revoked"))
    with pytest.raises(RuntimeError, match="revoked"):
        await waiting["a"]
    limits.release()
    await waiting["b"]
    assert limits.active == 2


async def test_who_was_refused_goes_before_those_who_never_went() -> None:
    limits = limiter(1)
    order: list[str] = []
    await limits.acquire()

    async def wait(name: str, *, first: bool) -> None:
        await limits.acquire(first=first)
        order.append(name)
        limits.release()

    tasks = [asyncio.create_task(wait("new", first=False)), asyncio.create_task(wait("refused", first=True))]
    await asyncio.sleep(0.01)
    limits.release()
    await asyncio.gather(*tasks)
    assert order == ["refused", "new"]


async def test_a_slot_is_lent_while_a_reply_is_made_durable_to_a_few_only() -> None:
    limits = limiter(16)
    for _ in range(16):
        await limits.acquire()
    assert [limits.lend() for _ in range(3)] == [True, True, False]
    assert (limits.active, limits.storing) == (14, 2)
    limits.stored()
    assert limits.lend()
    strict = limiter(7)
    await strict.acquire()
    assert not strict.lend()


class Hasty:
    """The running loop with a clock of its own, which moves on at every look."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self.now = loop, 0.0

    def time(self) -> float:
        self.now += 0.02
        return self.now

    def __getattr__(self, name: str) -> object:
        return getattr(self._loop, name)


async def test_a_wait_that_ends_between_two_looks_at_the_clock_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    limits, hasty = limiter(1), Hasty(asyncio.get_running_loop())
    with monkeypatch.context() as patch:
        patch.setattr("imbik.ask.limits.asyncio.get_running_loop", lambda: hasty)
        limits._resume_at = 0.03  # after the first look, before the second
        turn = await asyncio.wait_for(limits.acquire(), 1.0)
    assert turn.number == 1
