"""The answer store: every answer ever paid for, as it came, shared by all runs of a folder.

Enters: keys to look up and claim, raw answers to keep. Leaves: futures that are done once the answer is on the disk.
One thread of one process writes, in groups, so durability costs little; other processes join through SQLite's own
locking.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from enum import Enum
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar, cast

from imbik.ask.batch import records
from imbik.ask.claims import HEARTBEAT_SECONDS, Claims
from imbik.ask.schema import connect, explain
from imbik.core.types import Sensitivity

T = TypeVar("T")
_GROUP_SECONDS = 0.002
_GROUP_MOST = 4_096


class Stored(NamedTuple):
    """A raw answer. `body` is the reply's bytes (`http`; `batch` where it was bought at a batch's price) or an encoded
    Completion (`completion`).

    `earlier` is what the replies cost, in USD, whose place this one took (cut off under a lower limit, unreadable).
    """

    form: Literal["http", "batch", "completion"]
    body: bytes
    max_tokens: int
    seconds: float
    status: int = 200
    revision: int = 0
    earlier: str = ""


class Claim(Enum):
    """What a claim found where no answer is stored. BATCHED: the question is in a batch, which may take a day."""

    MINE = "mine"
    BUSY = "busy"
    BATCHED = "batched"


Work = Callable[[sqlite3.Connection], T]


class _Operation(NamedTuple):
    """Work for the writing thread, and who waits for it: a thread, a coroutine on `loop`, or nobody."""

    run: Work[object]
    future: Future[object] | asyncio.Future[object] | None = None
    loop: asyncio.AbstractEventLoop | None = None


class AnswerStore:
    """One process's way to the store. Thread-safe; close it, so that its claims are given back."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._claims = Claims()
        self._connection = connect(path)
        self._queue: queue.SimpleQueue[_Operation | None] = queue.SimpleQueue()
        entered: Future[object] = Future()
        self._commit([_Operation(self._claims.sign_in, entered)])
        try:
            entered.result()
        except BaseException:
            self._connection.close()
            raise
        self._thread = threading.Thread(target=self._work, name="imbik-answers", daemon=True)
        self._thread.start()

    @property
    def owner(self) -> str:
        """This process, as `owners` knows it."""
        return self._claims.owner

    def alive(self, connection: sqlite3.Connection, owner: str) -> bool:
        """Whether an owner can still do anything; part of work."""
        return self._claims.alive(connection, owner)

    def claim(
        self, key: bytes, sensitivity: Sensitivity, *, beyond: int = 0, ours: Collection[str] = ()
    ) -> Work[Stored | Claim]:
        """Work: the stored answer, or a claim on asking for it (MINE, also where a batch of `ours` holds it), or BUSY
        while somebody else asks, or BATCHED while it is in a batch of others.

        `beyond` is the revision of a stored answer that does not do (truncated, unreadable). A stored answer's
        sensitivity rises to the highest it was ever asked under.
        """
        return lambda connection: self._find_or_take(connection, key, sensitivity, beyond, ours)

    def put(
        self, key: bytes, teacher: str, answer: Stored, sensitivity: Sensitivity, *, readable: bool = True, bad: int = 0
    ) -> Work[int]:
        """Work: keep an answer; gives the revision that is stored then. The claim stays until `release`.

        An answer not known to be readable takes an empty place, or that of revision `bad`, found unreadable; a readable
        one also that of an answer given under the same limit or a lower one. The sensitivity rises in any case.
        """
        return lambda connection: _insert(connection, key, teacher, answer, sensitivity, readable, bad)

    def stored(self, keys: Collection[bytes]) -> Work[set[bytes]]:
        """Work: those of the keys that have an answer."""
        query = "SELECT 1 FROM answers WHERE key = ?"
        return lambda connection: {key for key in keys if connection.execute(query, (key,)).fetchone() is not None}

    def raise_sensitivity(self, key: bytes, sensitivity: Sensitivity) -> Work[None]:
        """Work: the answer was also given to a more sensitive row."""
        return lambda connection: _raise(connection, key, sensitivity)

    def submit(self, work: Work[T]) -> Future[T]:
        """Hand work in from any thread; the future is done once it is durable."""
        future: Future[T] = Future()
        self._queue.put(_Operation(work, cast("Future[object]", future)))
        return future

    def post(self, work: Work[None]) -> None:
        """Hand work in that nobody waits for."""
        self._queue.put(_Operation(work))

    async def run(self, work: Work[T]) -> T:
        """Do work from a coroutine; returns once it is durable."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Operation(work, cast("asyncio.Future[object]", future), loop))
        return await future

    def release(self, key: bytes) -> None:
        """Give a claim back, some time soon."""
        self._queue.put(_Operation(lambda connection: self._claims.release(connection, key)))

    def close(self) -> None:
        """Finish what was handed in, give back all claims, close the file."""
        self._queue.put(None)
        self._thread.join()

    def _find_or_take(
        self, connection: sqlite3.Connection, key: bytes, sensitivity: Sensitivity, beyond: int, ours: Collection[str]
    ) -> Stored | Claim:
        row = connection.execute(
            "SELECT form, body, max_tokens, seconds, status, revision, earlier, sensitivity FROM answers WHERE key = ?",
            (key,),
        ).fetchone()
        if row is not None and row[5] > beyond:
            if sensitivity.rank > row[7]:
                _raise(connection, key, sensitivity)
            return Stored(*row[:7])
        if self._claims.take(connection, key, ours):
            return Claim.MINE
        return Claim.BATCHED if records.holder(connection, key) else Claim.BUSY

    def _work(self) -> None:
        """The writing thread: collect a group, commit it, tell everybody; show signs of life in between."""
        running = True
        while running:
            operations, running = self._collect()
            if operations:
                self._commit(operations)
            elif running:
                self._commit([_Operation(self._claims.beat)])
        self._commit([_Operation(self._claims.sign_out)])
        self._connection.close()

    def _collect(self) -> tuple[list[_Operation], bool]:
        """A group of operations that came close together; False when the store is being closed."""
        group: list[_Operation] = []
        try:
            item = self._queue.get(timeout=HEARTBEAT_SECONDS)
            if item is not None:
                time.sleep(_GROUP_SECONDS)
            while item is not None and len(group) < _GROUP_MOST:
                group.append(item)
                item = self._queue.get_nowait()
        except queue.Empty:
            return group, True
        return group, item is not None

    def _commit(self, operations: list[_Operation]) -> None:
        """Run a group in one transaction; on an error nothing of it happened, and everybody hears why."""
        results: list[object] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results = [operation.run(self._connection) for operation in operations]
            self._claims.beat(self._connection)
            self._connection.execute("COMMIT")
        except Exception as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            reason = explain(error, self.path) if isinstance(error, sqlite3.Error) else error
            results = [_Failure(reason)] * len(operations)
        _tell(operations, results)


class _Failure(NamedTuple):
    """What happened to a group that was rolled back."""

    reason: Exception


_Told = tuple["Future[object] | asyncio.Future[object]", object]


def _tell(operations: list[_Operation], results: list[object]) -> None:
    """Tell everybody who waits; the coroutines of one loop with one call."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Told]] = {}
    for operation, result in zip(operations, results, strict=True):
        if operation.future is not None and operation.loop is not None:
            by_loop.setdefault(operation.loop, []).append((operation.future, result))
        elif isinstance(operation.future, Future) and operation.future.set_running_or_notify_cancel():
            _settle([(operation.future, result)])
    for loop, told in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits there any more
            loop.call_soon_threadsafe(_settle, told)


def _settle(told: list[_Told]) -> None:
    for future, result in told:
        if future.done():
            continue
        if isinstance(result, _Failure):
            future.set_exception(result.reason)
        else:
            future.set_result(result)


def _insert(
    connection: sqlite3.Connection,
    key: bytes,
    teacher: str,
    answer: Stored,
    sensitivity: Sensitivity,
    readable: bool,
    bad: int,
) -> int:
    """Insert, or replace what may be replaced: see `put`. One statement where it takes its place, for each has to wait
    its turn among Python's threads."""
    level, now = sensitivity.rank, time.time()
    taken = connection.execute(
        """INSERT INTO answers VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
        revision = revision + 1, form = excluded.form, status = excluded.status, body = excluded.body,
        max_tokens = excluded.max_tokens, seconds = excluded.seconds, stored = excluded.stored,
        earlier = excluded.earlier, sensitivity = max(sensitivity, excluded.sensitivity)
        WHERE revision <= ? OR (? AND excluded.max_tokens >= max_tokens) RETURNING revision""",
        (
            key,
            teacher,
            answer.form,
            answer.status,
            answer.body,
            answer.max_tokens,
            level,
            answer.seconds,
            now,
            answer.earlier,
            bad,
            readable,
        ),
    ).fetchone()
    if taken is None:
        _raise(connection, key, sensitivity)
        taken = connection.execute("SELECT revision FROM answers WHERE key = ?", (key,)).fetchone()
    return int(taken[0])


def _raise(connection: sqlite3.Connection, key: bytes, sensitivity: Sensitivity) -> None:
    connection.execute("UPDATE answers SET sensitivity = max(sensitivity, ?) WHERE key = ?", (sensitivity.rank, key))
