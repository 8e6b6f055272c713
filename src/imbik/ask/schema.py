"""The answer store's file: its tables, its version, and what its errors mean to a person.

Enters: a path. Leaves: an open SQLite connection (WAL; an acknowledged answer survives a kill and a power cut), or a
clear refusal: a store of another version, of another program, or damaged is never misread.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from imbik.ask.batch.records import TABLES as BATCHES
from imbik.ask.ledger import TABLES as LEDGER
from imbik.core.databases import transaction, write_ahead
from imbik.core.errors import DiskFullError, ImbikError, LockedError, RunFolderError
from imbik.core.files import disk_errors

VERSION = 6
_APPLICATION = 0x696D6269  # "imbi", in the header of the file
_BUSY_SECONDS = 60.0
_TABLES = (
    """CREATE TABLE IF NOT EXISTS answers (
        key BLOB PRIMARY KEY,        -- ask.key
        revision INTEGER NOT NULL,   -- raised whenever the answer is replaced by one that does better
        teacher TEXT NOT NULL,       -- the teacher's identity, for people and for erasure
        form TEXT NOT NULL,          -- http: the reply's body as it came; batch: the same, out of a batch's
                                     -- results and at its price; completion: a core Completion
        status INTEGER NOT NULL,     -- of the HTTP reply
        body BLOB NOT NULL,
        max_tokens INTEGER NOT NULL, -- the limit it was asked under
        sensitivity INTEGER NOT NULL,-- highest rank ever seen for this answer
        seconds REAL NOT NULL,
        stored REAL NOT NULL,        -- seconds since 1970
        earlier TEXT NOT NULL        -- USD that the answers cost whose place this one took; empty: nothing
    )""",
    "CREATE TABLE IF NOT EXISTS claims (key BLOB PRIMARY KEY, owner TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS owners (
        id TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, started REAL NOT NULL, beat REAL NOT NULL
    )""",
    *LEDGER,
    *BATCHES,
)


def connect(path: Path) -> sqlite3.Connection:
    """Open the store for writing, making it when it is not there.

    Raises: RunFolderError for another version, another program's file or a damaged one; DiskFullError.
    """
    try:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise RunFolderError(
            f"the answer store cannot be opened for writing ({error.strerror})",
            where=str(path),
            next="check its permissions, or use another folder with --runs DIR",
        ) from None
    try:
        connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise explain(error, path) from error
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Check whose file it is before anything is written to it, then settle how it is written."""
    with transaction(connection, "DEFERRED"):  # of one state: another process may be making the tables right now
        check(connection, path)
    write_ahead(connection)
    # FULL: a paid answer is on the disk before it is used. Commits are grouped, so this costs milliseconds a second.
    connection.execute("PRAGMA synchronous = FULL")
    with transaction(connection):
        if _pragma(connection, "user_version") == 0:
            for table in _TABLES:
                connection.execute(table)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a store that this imbik would misread.

    Raises: RunFolderError.
    """
    version, application = _pragma(connection, "user_version"), _pragma(connection, "application_id")
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if version == 0 and application == 0 and empty:
        return
    if application != _APPLICATION:
        raise RunFolderError("this is no answer store of imbik", where=str(path), next="move the file away")
    if version > VERSION:
        raise RunFolderError(
            f"this answer store was written by a newer imbik (store version {version}; this one reads {VERSION})",
            where=str(path),
            next="upgrade imbik: pip install -U imbik, or use another folder with --runs DIR",
        )
    if version < VERSION:
        raise RunFolderError(
            f"this answer store is older than any this imbik can migrate (store version {version}, not {VERSION})",
            where=str(path),
            next="use another folder with --runs DIR",
        )


def explain(error: sqlite3.Error, path: Path) -> ImbikError:
    """What an error of SQLite means and what to do about it."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
        return DiskFullError(
            f"answers cannot be stored ({error}): the disk, or a file-size limit, is full",
            where=str(path),
            next="free space or raise the limit, then type the same command again: no stored answer is lost",
        )
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return LockedError(
            f"another process has kept the answer store locked for {_BUSY_SECONDS:g} s",
            where=str(path),
            next="stop that process (a database browser?), or use another folder with --runs DIR",
        )
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return RunFolderError(
            f"the answer store is damaged ({error})",
            where=str(path),
            next=f"save what can be saved: sqlite3 {path.name} .recover | sqlite3 saved.sqlite; then put saved.sqlite "
            "in its place, or move the damaged file away (answers are then asked again)",
        )
    return RunFolderError(f"the answer store cannot be used ({error})", where=str(path), next="check its permissions")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
