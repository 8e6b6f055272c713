"""What is known of batches under way, in the answer store: written before a batch is handed over, gone once each of its
rows is settled.

Enters: the store's writing connection. Leaves: rows in `batches` (whose, where, and the provider's name for it) and
`batch_rows` (which question each row is: its key and a mark of the task's id, never words: by the mark an erasure finds
it, however the recipe words it by then). While a batch stands here it owns its questions'
claims and the money held for them, whatever becomes of the process: so a killed run never hands a question over twice,
no other run asks it, and what was held is neither spent twice nor given back.
"""

from __future__ import annotations

import secrets
import sqlite3
import string
import time
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

from imbik.core.errors import BooksError

TABLES = (
    """CREATE TABLE IF NOT EXISTS batches (
        token TEXT PRIMARY KEY,  -- ours; the provider sees it
        run TEXT NOT NULL,
        teacher TEXT NOT NULL,   -- its name in the recipe
        identity TEXT NOT NULL,  -- as in `answers.teacher`
        url TEXT NOT NULL,
        name TEXT NOT NULL,      -- the provider's; empty: it is not known whether it was handed over
        begun REAL NOT NULL,     -- seconds since 1970
        basis TEXT NOT NULL      -- why its rows were allowed to leave; empty: that is not known
    )""",
    """CREATE TABLE IF NOT EXISTS batch_rows (
        token TEXT NOT NULL,
        number INTEGER NOT NULL,
        key BLOB NOT NULL,
        max_tokens INTEGER NOT NULL,
        sensitivity INTEGER NOT NULL,
        purpose TEXT NOT NULL,
        most INTEGER NOT NULL,        -- trillionths of a dollar: the most that it can cost
        reservation INTEGER NOT NULL, -- in `reserved`; 0: none
        earlier TEXT NOT NULL,        -- as in `answers`
        row BLOB NOT NULL,            -- `row_mark` of the task's id
        PRIMARY KEY (token, number)
    ) WITHOUT ROWID""",
)
_OWNER = "batch "
_GATHERS = "gathers "
_KEPT_SECONDS = 30 * 86_400.0  # providers keep results for 29 days (Anthropic) or 30 (OpenAI)


class BatchLine(NamedTuple):
    """A batch; see the table `batches`."""

    token: str
    run: str
    teacher: str
    identity: str
    url: str
    name: str
    begun: float
    basis: str = ""


class RowLine(NamedTuple):
    """A row of a batch; see the table `batch_rows`."""

    number: int
    key: bytes
    max_tokens: int
    sensitivity: int
    purpose: str
    most: int
    reservation: int
    earlier: str
    row: bytes


def new_token() -> str:
    """Sixteen letters: no digits, so that no detector takes it for a number of somebody's."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))


def row_mark(token: str, row: str) -> bytes:
    """What a batch keeps of a task's id, which may be somebody's number: BLAKE2b (RFC 7693), another one a batch."""
    return blake2b(row.encode(errors="surrogatepass"), key=token.encode(), digest_size=16).digest()


def owner_of(token: str) -> str:
    """The owner of a batch's claims and reservations."""
    return _OWNER + token


def gatherer_of(owner: str) -> str:
    """The owner of the money for questions that a process gathers: none of them has left, so none can be paid."""
    return _GATHERS + owner


def process_of(owner: str) -> str:
    """The process behind an owner of money."""
    return owner.removeprefix(_GATHERS)


def is_gathered(owner: str) -> bool:
    """Whether an owner's questions have not left yet."""
    return owner.startswith(_GATHERS)


def is_batch(owner: str) -> bool:
    """Whether a claim's owner is a batch."""
    return owner.startswith(_OWNER)


def is_kept(begun: float) -> bool:
    """Whether a provider may still keep what a batch of that time brought."""
    return time.time() - begun < _KEPT_SECONDS


def alive(connection: sqlite3.Connection, owner: str) -> bool:
    """Whether a batch may yet be collected."""
    row = connection.execute("SELECT begun FROM batches WHERE token = ?", (owner.removeprefix(_OWNER),)).fetchone()
    return row is not None and is_kept(row[0])


def holder(connection: sqlite3.Connection, key: bytes) -> str:
    """The run whose batch a question is in; '' where it is in none."""
    row = connection.execute("SELECT owner FROM claims WHERE key = ?", (key,)).fetchone()
    if row is None or not is_batch(row[0]):
        return ""
    found = connection.execute("SELECT run FROM batches WHERE token = ?", (row[0].removeprefix(_OWNER),)).fetchone()
    return found[0] if found else ""


def write(connection: sqlite3.Connection, batch: BatchLine, rows: Sequence[RowLine], claimant: str) -> None:
    """A batch is about to be handed over: from here on it owns its questions and their money.

    Raises: BooksError where another than `claimant` holds one's claim: then that question may be under way already.
    """
    owner = owner_of(batch.token)
    connection.executemany("INSERT OR IGNORE INTO claims VALUES (?, ?)", ((row.key, claimant) for row in rows))
    taken = connection.executemany(
        "UPDATE claims SET owner = ? WHERE key = ? AND owner = ?", ((owner, row.key, claimant) for row in rows)
    )
    if taken.rowcount != len(rows):
        raise BooksError("a question that is about to be handed over in a batch is under way elsewhere")
    connection.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?)", batch)
    connection.executemany(
        "INSERT INTO batch_rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ((batch.token, *row) for row in rows)
    )
    connection.executemany(
        "UPDATE reserved SET owner = ? WHERE id = ?", ((owner, row.reservation) for row in rows if row.reservation)
    )


def named(connection: sqlite3.Connection, token: str, name: str, basis: str) -> None:
    """The provider has it, under this name."""
    connection.execute("UPDATE batches SET name = ?, basis = ? WHERE token = ?", (name, basis, token))


def settle(connection: sqlite3.Connection, token: str, row: RowLine, owner: str) -> bool:
    """A row is settled: its claim goes to `owner` ('': to nobody). False where that was so before."""
    gone = connection.execute("DELETE FROM batch_rows WHERE token = ? AND number = ?", (token, row.number))
    if not gone.rowcount:
        return False
    if owner:
        connection.execute("UPDATE claims SET owner = ? WHERE key = ? AND owner = ?", (owner, row.key, owner_of(token)))
    else:
        connection.execute("DELETE FROM claims WHERE key = ? AND owner = ?", (row.key, owner_of(token)))
    return True


def finish(connection: sqlite3.Connection, token: str) -> None:
    """Every row of it is settled."""
    connection.execute("DELETE FROM batches WHERE token = ?", (token,))


def under_way(
    connection: sqlite3.Connection, run: str, identity: str, url: str
) -> list[tuple[BatchLine, list[RowLine]]]:
    """Batches of a run at an endpoint, with the rows that are not settled."""
    found = connection.execute(
        "SELECT * FROM batches WHERE run = ? AND identity = ? AND url = ? ORDER BY begun", (run, identity, url)
    ).fetchall()
    return [(BatchLine(*line), _rows(connection, line[0])) for line in found]


def of_run(connection: sqlite3.Connection, run: str) -> list[tuple[BatchLine, list[RowLine]]]:
    """All batches of a run, with the rows that are not settled, oldest first."""
    found = connection.execute("SELECT * FROM batches WHERE run = ? ORDER BY begun", (run,)).fetchall()
    return [(BatchLine(*line), _rows(connection, line[0])) for line in found]


def names(connection: sqlite3.Connection, url: str) -> set[str]:
    """The provider's names of all batches at an endpoint that are known here."""
    found = connection.execute("SELECT name FROM batches WHERE url = ? AND name != ''", (url,))
    return {name for (name,) in found}


def keys_of_rows(connection: sqlite3.Connection, run: str, rows: Iterable[str]) -> set[bytes]:
    """Keys of the questions that a run's batches under way ask for these tasks, by id, in whatever words."""
    wanted, found = list(rows), set[bytes]()
    for (token,) in connection.execute("SELECT token FROM batches WHERE run = ?", (run,)).fetchall():
        marks = {row_mark(token, row) for row in wanted}
        lines = connection.execute("SELECT key, row FROM batch_rows WHERE token = ?", (token,))
        found |= {bytes(key) for key, mark in lines if mark in marks}
    return found


def _rows(connection: sqlite3.Connection, token: str) -> list[RowLine]:
    found = connection.execute(
        "SELECT number, key, max_tokens, sensitivity, purpose, most, reservation, earlier, row FROM batch_rows "
        "WHERE token = ? ORDER BY number",
        (token,),
    )
    return [RowLine(*row) for row in found]
