"""Who runs the map-shaped work: this process, or worker processes. No stage knows which.

Enters: a picklable function and blocks of plain rows. Leaves: the processed blocks, in the order they went in, whoever
worked on them, so results never depend on the executor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import Protocol, TypeVar

T = TypeVar("T")
U = TypeVar("U")
BLOCK_ROWS = 256


class Executor(Protocol):
    """The one thing stages ask of it."""

    def map(self, process: Callable[[Sequence[T]], U], blocks: Iterable[Sequence[T]]) -> Iterator[U]:
        """`process(block)` for every block, in order."""
        ...


class LocalExecutor:
    """Works in this process, one block after another."""

    def map(self, process: Callable[[Sequence[T]], U], blocks: Iterable[Sequence[T]]) -> Iterator[U]:
        """`process(block)` for every block, in order."""
        return map(process, blocks)


class ProcessExecutor:
    """Works in spawned worker processes; at most two blocks a worker are in flight, so memory stays flat."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def map(self, process: Callable[[Sequence[T]], U], blocks: Iterable[Sequence[T]]) -> Iterator[U]:
        """`process(block)` for every block, in order. `process` and the rows must be picklable."""
        source = iter(blocks)
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            running: deque[Future[U]] = deque(pool.submit(process, b) for b in islice(source, 2 * self.workers))
            while running:
                done = running.popleft().result()
                running.extend(pool.submit(process, block) for block in islice(source, 1))
                yield done


def blocks_of(rows: Iterable[T], size: int = BLOCK_ROWS) -> Iterator[list[T]]:
    """Cut a stream into lists of `size` rows; the last may be shorter."""
    source = iter(rows)
    while block := list(islice(source, size)):
        yield block
