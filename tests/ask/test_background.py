"""What is queued on the loop begins in order, a few at a time; what is cancelled before it began never does."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError

import pytest

from imbik.ask.background import BackgroundLoop, Handed


def test_queued_work_begins_in_order_and_lets_other_work_in_between() -> None:
    loop, begun = BackgroundLoop("test"), list[int]()

    async def work(number: int) -> int:
        begun.append(number)
        return number

    async def urgent() -> int:
        return len(begun)

    held = threading.Event()
    loop.submit(_hold(held))  # so that everything is queued before any of it begins
    handed = [loop.queue(work(number)) for number in range(1000)]
    before = loop.submit(urgent())
    held.set()
    assert before.result() < 100
    assert [item.result() for item in handed] == begun == list(range(1000))
    loop.close()


def test_what_is_cancelled_before_it_began_never_begins() -> None:
    loop, begun = BackgroundLoop("test"), list[int]()

    async def work(number: int) -> None:
        begun.append(number)

    held = threading.Event()
    loop.submit(_hold(held))
    handed = [loop.queue(work(number)) for number in range(200)]
    for item in handed[100:]:
        item.cancel()
    held.set()
    assert [item.result() for item in handed[:100]] == [None] * 100
    for item in handed[100:]:
        with pytest.raises(CancelledError):
            item.result()
    assert begun == list(range(100))
    loop.close()


def test_closing_drops_what_is_queued_and_cancels_what_runs() -> None:
    loop, begun = BackgroundLoop("test"), list[int]()

    async def work(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(60)

    held = threading.Event()
    loop.submit(_hold(held))
    handed: list[Handed[None]] = [loop.queue(work(number)) for number in range(5000)]
    threading.Timer(0.05, held.set).start()
    loop.close()
    assert all(item.done() for item in handed)
    assert len(begun) < len(handed), "some of them had not begun, and are told apart"


async def _hold(held: threading.Event) -> None:
    """Keep the loop from turning."""
    held.wait()
