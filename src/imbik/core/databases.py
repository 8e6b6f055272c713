"""What all users of SQLite here share: a block that happens as a whole or not at all.

Enters: a connection in autocommit mode. Leaves: a transaction, committed when the block ends well.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
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
