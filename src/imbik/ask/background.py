"""An event loop on a thread of its own, so that stages can be written as plain loops.

Enters: coroutines from any thread. Leaves: futures. The thread is a daemon: a process that dies does not wait for it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Handed(Generic[T]):
    """A coroutine handed to the loop, as its thread of origin sees it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
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
        self._loop.call_soon_threadsafe(self._cancel)

    def start(self, work: Coroutine[Any, Any, T]) -> None:
        """On the loop: begin."""
        self._task = self._loop.create_task(work)
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self._future.cancel()
        elif (error := task.exception()) is not None:
            self._future.set_exception(error)
        else:
            self._future.set_result(task.result())

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


class BackgroundLoop:
    """A running event loop; close it to stop the thread."""

    def __init__(self, name: str) -> None:
        self._loop = _new_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Handed[T]:
        """Run a coroutine on the loop."""
        handed: Handed[T] = Handed(self._loop)
        self._loop.call_soon_threadsafe(handed.start, work)
        return handed

    def close(self) -> None:
        """Stop the loop once everything on it has ended or was cancelled."""
        self.submit(_cancel_others()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_others() -> None:
    """Cancel every task on this loop and wait until they are gone."""
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
