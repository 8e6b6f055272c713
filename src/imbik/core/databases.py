"""What all users of SQLite here share: a block that happens as a whole or not at all, a
write-ahead log, and a look that cannot write.

Enters: a connection in autocommit mode, or the path of a database. Leaves: a transaction, committed when the block ends
well; or a connection that cannot change the file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal


@contextmanager
def transaction(base: sqlite3.Connection, kind: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE") -> Iterator[None]:
    """Writing (IMMEDIATE: the lock is taken at once), or reading one state of the file however often (DEFERRED)."""
    base.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        base.execute("ROLLBACK")
        raise
    base.execute("COMMIT")


def write_ahead(base: sqlite3.Connection, *, seconds: float = 60.0) -> None:
    """Readers and the writer no longer wait for each other, from now on and for whoever opens the file.

    Of several who open a new file at once, SQLite tells all but one at once that it is locked, whatever their timeout:
    they wait here.
    """
    until = time.monotonic() + seconds
    while True:
        try:
            base.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that reads a database which others may be writing, whatever its path holds (`?`, `%`, `#`)."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)
