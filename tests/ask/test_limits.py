"""The limiter: never above the limit, halves once a round, grows again, honours Retry-After."""

from __future__ import annotations

import asyncio
import time

from imbik.ask.limits import Limiter


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
    limits = limiter(64)
    for _ in range(10):
        limits.refused(0, 0.0)
    assert limits.limit == 32
    limits.refused(1, 0.0)
    assert limits.limit == 16
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
