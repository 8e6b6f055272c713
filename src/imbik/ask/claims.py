"""Claims: who is asking a question right now, so that two runs never pay for one answer twice.

Enters: the store's writing connection. Leaves: rows in `claims` (key -> owner) and `owners` (process, host, last sign
of life). A claim holds while its owner lives: on this machine the process is looked up by id and start time,
elsewhere its last sign of life counts. A killed run's claims are free at once.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import time
import uuid
from collections.abc import Collection
from pathlib import Path

import psutil

from imbik.ask.batch import records

HEARTBEAT_SECONDS = 5.0
LEASE_SECONDS = 60.0


class Claims:
    """The claims of one store, seen by one process; used on the store's own thread only."""

    def __init__(self) -> None:
        self.owner = uuid.uuid4().hex
        self._host = _host()
        self._beat = 0.0

    def sign_in(self, connection: sqlite3.Connection) -> None:
        """Enter this process as an owner, and clear away what dead owners left."""
        for (owner,) in connection.execute("SELECT id FROM owners").fetchall():
            if not self.alive(connection, owner):
                self._remove(connection, owner)
        self._beat = time.time()
        row = (self.owner, self._host, os.getpid(), _started(os.getpid()), self._beat)
        connection.execute("INSERT INTO owners VALUES (?, ?, ?, ?, ?)", row)

    def sign_out(self, connection: sqlite3.Connection) -> None:
        """Give back every claim."""
        self._remove(connection, self.owner)

    def beat(self, connection: sqlite3.Connection) -> bool:
        """Show a sign of life when it is time to; True when something was written."""
        if time.time() - self._beat < HEARTBEAT_SECONDS:
            return False
        self._beat = time.time()
        connection.execute("UPDATE owners SET beat = ? WHERE id = ?", (self._beat, self.owner))
        return True

    def take(self, connection: sqlite3.Connection, key: bytes, ours: Collection[str] = ()) -> bool:
        """Claim a key; False while a living owner holds it. One that a batch of `ours` holds stays with the batch."""
        free = "INSERT INTO claims VALUES (?, ?) ON CONFLICT DO NOTHING"
        if connection.execute(free, (key, self.owner)).rowcount:
            return True
        row = connection.execute("SELECT owner FROM claims WHERE key = ?", (key,)).fetchone()
        if row is not None and row[0] in ours:
            return True
        if row is not None and row[0] != self.owner and self.alive(connection, row[0]):
            return False
        if row is None or row[0] != self.owner:
            connection.execute("INSERT OR REPLACE INTO claims VALUES (?, ?)", (key, self.owner))
        return True

    def release(self, connection: sqlite3.Connection, key: bytes) -> None:
        """Give a claim back."""
        connection.execute("DELETE FROM claims WHERE key = ? AND owner = ?", (key, self.owner))

    def alive(self, connection: sqlite3.Connection, owner: str) -> bool:
        """Whether an owner can still do anything: see the module's docstring. A batch outlives every process."""
        if records.is_batch(owner):
            return records.alive(connection, owner)
        process = records.process_of(owner)
        row = connection.execute("SELECT host, pid, started, beat FROM owners WHERE id = ?", (process,)).fetchone()
        if row is None:
            return False
        host, pid, started, beat = row
        if host == self._host and abs(_started(pid) - started) > 1:
            return False
        return bool(time.time() - beat < LEASE_SECONDS)

    def _remove(self, connection: sqlite3.Connection, owner: str) -> None:
        connection.execute("DELETE FROM claims WHERE owner = ?", (owner,))
        connection.execute("DELETE FROM reserved WHERE owner = ?", (records.gatherer_of(owner),))  # it never left
        connection.execute("DELETE FROM owners WHERE id = ?", (owner,))


def _host() -> str:
    """This machine and its table of processes (a container has its own), as far as process ids mean something."""
    table = Path("/proc/self/ns/pid")
    return f"{socket.gethostname()} {table.readlink() if table.exists() else ''}".strip()


def _started(pid: int) -> float:
    """When a process began (seconds since 1970); 0 when there is none."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0
