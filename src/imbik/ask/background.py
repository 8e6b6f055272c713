"""An event loop on a thread of its own, so that stages can be written as plain loops.

Enters: coroutines from any thread. Leaves: futures. The thread is a daemon: a process that dies does not wait for it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_AT_ONCE = 16  # queued coroutines that begin in one turn of the loop


class Handed(Generic[T]):
    """A coroutine handed to the loop, as its thread of origin sees it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> None:
        self._loop, self._work = loop, work
        self._future: Future[T] = Future()
        self._task: asyncio.Task[T] | None = None

    def done(self) -> bool:
        """Whether it has ended."""
        return self._future.done()

    def result(self) -> T:
        """Wait for it; raises what it raised."""
        return self._future.result()

    def cancel(self) -> None:
        """Ask the loop to cancel it."""
        self._loop.call_soon_threadsafe(self.drop)

    def start(self) -> None:
        """On the loop: begin, unless it was cancelled before."""
        if not self._future.cancelled():
            self._task = self._loop.create_task(self._work)
            self._task.add_done_callback(self._ended)

    def drop(self) -> None:
        """On the loop: cancel it, begun or not."""
        if self._task is not None:
            self._task.cancel()
        elif self._future.cancel():
            self._work.close()

    def _ended(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self._future.cancel()
        elif (error := task.exception()) is not None:
            self._future.set_exception(error)
        else:
            self._future.set_result(task.result())


class BackgroundLoop:
    """A running event loop; close it to stop the thread."""

    def __init__(self, name: str) -> None:
        self._loop = _new_loop()
        self._queue: deque[Handed[Any]] = deque()
        self._queue_turn = threading.Lock()
        self._starting = False  # whether the loop is going to look at the queue
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Handed[T]:
        """Run a coroutine on the loop, at once."""
        handed = Handed(self._loop, work)
        self._loop.call_soon_threadsafe(handed.start)
        return handed

    def queue(self, work: Coroutine[Any, Any, T]) -> Handed[T]:
        """Run a coroutine on the loop after those queued before. A few begin in each turn of the loop, so that many
        handed in together do not hold up what is under way."""
        handed = Handed(self._loop, work)
        with self._queue_turn:
            self._queue.append(handed)
            idle, self._starting = not self._starting, True
        if idle:
            self._loop.call_soon_threadsafe(self._start_some)
        return handed

    def _start_some(self) -> None:
        """On the loop: begin a few, and come back for the rest."""
        with self._queue_turn:
            some = [self._queue.popleft() for _ in range(min(_AT_ONCE, len(self._queue)))]
            self._starting = bool(some)
        for handed in some:
            handed.start()
        if some:
            self._loop.call_soon(self._start_some)

    def close(self) -> None:
        """Stop the loop once everything on it has ended or was cancelled."""
        self.submit(self._cancel_others()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _cancel_others(self) -> None:
        """Drop what is queued, cancel every task on this loop and wait until they are gone."""
        while self._queue:
            self._queue.popleft().drop()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.get_running_loop().shutdown_asyncgens()
        await asyncio.get_running_loop().shutdown_default_executor()


def _new_loop() -> asyncio.AbstractEventLoop:
    """uvloop where there is one: about a third less processor time a request."""
    if sys.platform != "win32":
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()
