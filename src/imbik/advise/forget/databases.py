"""Taking rows out of SQLite: overwritten, the file rebuilt, the write-ahead log emptied.

Enters: `answers.sqlite`, `reviews.sqlite`. Leaves: the same without the erased rows, neither in free pages nor in the
log: `secure_delete` overwrites what is deleted, VACUUM rebuilds the file, a truncating checkpoint empties the log. What
the file system keeps of old blocks is beyond any program: that is what an encrypted disk is for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Set
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from imbik.advise.forget.decoded import texts_of
from imbik.advise.forget.erasing import Erasing, pseudonym
from imbik.ask.batch import records
from imbik.ask.schema import check
from imbik.core.databases import transaction
from imbik.core.errors import LockedError, RunFolderError
from imbik.privacy.person import Person, squeezed
from imbik.review.preferences import PREFERENCES, PREFIX
from imbik.review.reservations import prepare
from imbik.review.store import VERDICTS, ExpertVerdict, Table

_BUSY_SECONDS = 30.0


def stored_with(path: Path, person: Person, placeholders: Set[str] = frozenset()) -> set[bytes]:
    """Keys of stored answers in which the person stands, by name or by a placeholder."""
    if not path.exists() or not (person or placeholders):
        return set()

    def named(text: str) -> bool:
        return person.in_text(text) or any(name in text.upper() for name in placeholders)

    with _opened(path) as base:
        check(base, path)
        rows = base.execute("SELECT key, body FROM answers")
        return {bytes(key) for key, body in rows if any(map(named, texts_of(body)))}


def stored_holding(path: Path, texts: Set[str]) -> set[bytes]:
    """Keys of stored answers that hold one of these texts (squeezed): the answers that grown tasks were read from."""
    if not path.exists() or not texts:
        return set()

    def holds(text: str) -> bool:
        inner = texts_of(text.encode()) if text.lstrip()[:1] == "{" else (text,)
        return any(wanted in found for found in map(squeezed, inner) for wanted in texts)

    with _opened(path) as base:
        check(base, path)
        rows = base.execute("SELECT key, body FROM answers")
        return {bytes(key) for key, body in rows if any(map(holds, texts_of(body)))}


def identities(path: Path) -> list[str]:
    """All who answered anything that is stored, or are asked in a batch under way."""
    if not path.exists():
        return []
    with _opened(path) as base:
        check(base, path)
        found = base.execute("SELECT teacher FROM answers UNION SELECT identity FROM batches ORDER BY 1")
        return [str(name) for (name,) in found]


def under_way_for(path: Path, run: str, rows: Set[str]) -> set[bytes]:
    """Keys of questions that a run's batches under way ask for these tasks, in whatever words they left."""
    if not path.exists() or not rows:
        return set()
    with _opened(path) as base:
        check(base, path)
        return records.keys_of_rows(base, run, rows)


def stored_before(path: Path, rank: int, moment: float) -> set[bytes]:
    """Keys of stored answers of a sensitivity that were stored before a moment (seconds since 1970)."""
    if not path.exists():
        return set()
    with _opened(path) as base:
        check(base, path)
        found = base.execute("SELECT key FROM answers WHERE sensitivity = ? AND stored < ?", (rank, moment))
        return {bytes(key) for (key,) in found}


def count_under_way(path: Path, keys: set[bytes]) -> int:
    """How many of these keys a batch under way asks."""
    if not path.exists() or not keys:
        return 0
    with _opened(path) as base:
        check(base, path)
        found = "SELECT count(*) FROM batch_rows WHERE key = ?"
        return sum(base.execute(found, (key,)).fetchone()[0] for key in keys)


def count_stored(path: Path, keys: set[bytes]) -> int:
    """How many of these keys have an answer in the store."""
    if not path.exists() or not keys:
        return 0
    with _opened(path) as base:
        check(base, path)
        found = "SELECT 1 FROM answers WHERE key = ?"
        return sum(base.execute(found, (key,)).fetchone() is not None for key in keys)


def erase_answers_stored(path: Path, keys: set[bytes]) -> int:
    """Delete these answers, and what free pages and the log still hold of earlier ones; returns how many there were.

    Raises: LockedError while another process works with the store.
    """
    if not path.exists():
        return 0
    with _opened(path) as base:
        check(base, path)
        with transaction(base):
            gone = sum(base.execute("DELETE FROM answers WHERE key = ?", (key,)).rowcount for key in keys)
            base.executemany("DELETE FROM claims WHERE key = ?", ((key,) for key in keys))
            # What a batch under way brings for them is not stored; a batch is known here by keys, never by words.
            base.executemany("DELETE FROM batch_rows WHERE key = ?", ((key,) for key in keys))
        _rebuild(base, path)
    return gone


def erase_verdicts(path: Path, erasing: Erasing) -> None:
    """Verdicts on erased contents, and those that say the person's name; an expert who is erased gets another name.
    The same for preferences between systems on erased rows.

    Raises: LockedError while somebody reviews.
    """
    if not path.exists():
        return
    with _opened(path) as base:
        with transaction(base):
            gone = set(erasing.contents)
            there = {name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table in (table for table in (VERDICTS, PREFERENCES) if table.name in there):
                gone |= _erase_said(base, table, erasing)
            _forget_desks(base, erasing, gone)
        _rebuild(base, path)


def _erase_said(base: sqlite3.Connection, table: Table, erasing: Erasing) -> set[str]:
    """What people said in one table; returns the contents of what went."""
    gone = set[str]()
    for number, content, expert, body in base.execute(f"SELECT id, content, expert, body FROM {table.name}").fetchall():  # noqa: S608 - our own names
        said = msgspec.json.decode(body, type=table.kind)
        if content in erasing.contents or erasing.row(said.row) or _says(said, erasing.person):
            base.execute(f"DELETE FROM {table.name} WHERE id = ?", (number,))  # noqa: S608
            erasing.counts[f"{table.name} of experts"] += 1
            gone.add(content)
        elif erasing.person.in_text(expert):
            _rename(base, table, number, said, pseudonym(expert, erasing.receipt))
            erasing.counts["experts renamed"] += 1
    return gone


def _forget_desks(base: sqlite3.Connection, erasing: Erasing, gone: Set[str]) -> None:
    """Who had which row before him, and what was put aside: of erased contents, and of an erased expert. Of compared
    answers all of it: nothing says of which row they were."""
    prepare(base)
    for table in ("held", "aside"):
        rows = base.execute(f"SELECT DISTINCT expert, content FROM {table}").fetchall()  # noqa: S608 - our own names
        for expert, content in rows:
            if content in gone or content.startswith(PREFIX) or erasing.person.in_text(expert):
                base.execute(f"DELETE FROM {table} WHERE expert = ? AND content = ?", (expert, content))  # noqa: S608


def _says(verdict: ExpertVerdict, person: Person) -> bool:
    content = msgspec.to_builtins(verdict)
    content["verdict"].pop("by", None)
    return bool(person) and person.in_any(content)


def _rename(base: sqlite3.Connection, table: Table, number: int, said: ExpertVerdict, name: str) -> None:
    other = msgspec.structs.replace(said, verdict=msgspec.structs.replace(said.verdict, by=name))
    changed = f"UPDATE {table.name} SET expert = ?, body = ? WHERE id = ?"  # noqa: S608 - our own names
    base.execute(changed, (name, msgspec.json.encode(other), number))


def _rebuild(base: sqlite3.Connection, path: Path) -> None:
    """Rewrite the file and empty its log."""
    base.execute("VACUUM")
    busy = base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise _busy(path)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as base:
            base.execute("PRAGMA secure_delete = ON")
            base.execute("PRAGMA synchronous = FULL")
            yield base
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise _busy(path) from None
        raise
    except sqlite3.DatabaseError as error:
        raise RunFolderError(f"the database is damaged ({error})", where=str(path), next="restore it first") from error


def _busy(path: Path) -> LockedError:
    return LockedError(
        "another process works with this database, so nothing can be taken out of it for good",
        where=str(path),
        next="let it end (a run, a page of reviews), then type the same command again: it goes on from here",
    )
