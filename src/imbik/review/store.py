"""`reviews.sqlite`: experts' verdicts, numbered snapshots of them, and preferences between systems.

Enters: verdicts, at any time and from any process. Leaves: the verdicts of a snapshot, the last of each expert on each
content. The file has its own writer (SQLite's lock, WAL), apart from the run's: experts review while it trains.
Verdicts are only ever added; a snapshot is a number that says up to which one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from imbik.core.databases import transaction, write_ahead
from imbik.core.errors import RunFolderError
from imbik.core.files import disk_errors
from imbik.core.runfolder import RunFolder
from imbik.core.types import Record, Verdict

SCHEMA_VERSION = 2
_PREFERENCES = """CREATE TABLE preferences (
    id INTEGER PRIMARY KEY AUTOINCREMENT, content TEXT NOT NULL, expert TEXT NOT NULL, body BLOB NOT NULL
)"""
_TABLES = f"""
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, content TEXT NOT NULL, expert TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX by_content ON verdicts (content);
{_PREFERENCES};
CREATE TABLE snapshots (number INTEGER PRIMARY KEY AUTOINCREMENT, upto INTEGER NOT NULL, taken TEXT NOT NULL);
"""


class ExpertVerdict(Record, frozen=True, kw_only=True):
    """A person's word on one content: `verdict.by` is the person; `answer` and `reasoning` are edits, None for none.

    `blind`: given without having seen what checks and judges said of it; only such a verdict calibrates a judge.
    `scores` are 1 to 5 by the rubric's words (`verdict.score` is their mean). One that is `withdrawn` takes the
    person's word back: the row counts as not judged by him. `seconds` is how long he looked.
    """

    content: str
    verdict: Verdict
    row: str = ""
    answer: str | None = None
    reasoning: str | None = None
    at: str = ""
    blind: bool = False
    scores: dict[str, int] = {}
    withdrawn: bool = False
    seconds: float = 0.0

    @property
    def word(self) -> Literal["keep", "edit", "reject"]:
        """What it comes to."""
        if not self.verdict.keep:
            return "reject"
        return "keep" if self.answer is None and self.reasoning is None else "edit"


def reviews_path(run: RunFolder) -> Path:
    """Where the verdicts of a run lie."""
    return run.path / "reviews.sqlite"


def add_verdicts(run: RunFolder, verdicts: Iterable[ExpertVerdict]) -> int:
    """Add all or none; returns the number of the last one (0 when there was none)."""
    with _open(run) as base, transaction(base):
        insert(base, verdicts)
        return _last(base)


class Table(NamedTuple):
    """Where what people said lies: a table, and what its rows hold."""

    name: str
    kind: type[ExpertVerdict]


VERDICTS = Table("verdicts", ExpertVerdict)


def insert(base: sqlite3.Connection, verdicts: Iterable[ExpertVerdict], table: Table = VERDICTS) -> int:
    """Add them inside a transaction that is open; returns the number of the last (0 for none)."""
    now, last = datetime.now(UTC).isoformat(timespec="seconds"), 0
    for item in verdicts:
        body = msgspec.json.encode(item if item.at else msgspec.structs.replace(item, at=now))
        added = base.execute(
            f"INSERT INTO {table.name} (content, expert, body) VALUES (?, ?, ?)",  # noqa: S608 - our own names
            (item.content, item.verdict.by, body),
        )
        last = int(added.lastrowid or 0)
    return last


def since(base: sqlite3.Connection, number: int, table: Table = VERDICTS) -> Sequence[tuple[int, ExpertVerdict]]:
    """Verdicts with a higher number, in order."""
    asked = f"SELECT id, body FROM {table.name} WHERE id > ? ORDER BY id"  # noqa: S608 - our own names
    rows = base.execute(asked, (number,)).fetchall()
    return [(int(found), msgspec.json.decode(body, type=table.kind)) for found, body in rows]


def latest(verdicts: Iterable[ExpertVerdict]) -> dict[str, list[ExpertVerdict]]:
    """By content, the last verdict of each expert in the order given; one that was withdrawn last is left out."""
    found: dict[str, dict[str, ExpertVerdict]] = {}
    for item in verdicts:
        given = found.setdefault(item.content, {})
        given.pop(item.verdict.by, None)
        if not item.withdrawn:
            given[item.verdict.by] = item
    return {content: list(given.values()) for content, given in found.items() if given}


def close(run: RunFolder) -> int:
    """Take a snapshot of the verdicts there are; returns its number. Without newer verdicts the last one stands."""
    with _open(run) as base, transaction(base):
        last, before = _last(base), _latest(base)
        if before is not None and before[1] == last:
            return before[0]
        taken = datetime.now(UTC).isoformat(timespec="seconds")
        return int(base.execute("INSERT INTO snapshots (upto, taken) VALUES (?, ?)", (last, taken)).lastrowid or 0)


def snapshot_number(run: RunFolder) -> int:
    """The number of the last snapshot, 0 when none was taken."""
    if not reviews_path(run).exists():
        return 0
    with _open(run) as base:
        found = _latest(base)
        return found[0] if found else 0


def newer_than_snapshot(run: RunFolder) -> int:
    """How many verdicts were given after the last snapshot; all of them when none was taken."""
    if not reviews_path(run).exists():
        return 0
    with _open(run) as base:
        before = _latest(base)
        found = base.execute("SELECT COUNT(*) FROM verdicts WHERE id > ?", (before[1] if before else 0,)).fetchone()
        return int(found[0])


def verdicts_of(run: RunFolder, snapshot: int = 0) -> Mapping[str, Sequence[ExpertVerdict]]:
    """By content, the last verdict of each expert in the order given: of a snapshot, or of all there are (0).

    One that was withdrawn last is left out.

    Raises: RunFolderError for a snapshot that was never taken.
    """
    if not reviews_path(run).exists():
        return {}
    with _open(run) as base:
        upto = _upto(base, run, snapshot)
        rows = base.execute("SELECT body FROM verdicts WHERE id <= ? ORDER BY id", (upto,)).fetchall()
    return latest(msgspec.json.decode(body, type=ExpertVerdict) for (body,) in rows)


def _upto(base: sqlite3.Connection, run: RunFolder, snapshot: int) -> int:
    if not snapshot:
        return _last(base)
    found = base.execute("SELECT upto FROM snapshots WHERE number = ?", (snapshot,)).fetchone()
    if found is None:
        raise RunFolderError(f"there is no snapshot {snapshot} of verdicts", where=str(reviews_path(run)))
    return int(found[0])


def _last(base: sqlite3.Connection) -> int:
    return int(base.execute("SELECT COALESCE(MAX(id), 0) FROM verdicts").fetchone()[0])


def _latest(base: sqlite3.Connection) -> tuple[int, int] | None:
    """Number of the last snapshot, and the last verdict in it."""
    found = base.execute("SELECT number, upto FROM snapshots ORDER BY number DESC LIMIT 1").fetchone()
    return None if found is None else (int(found[0]), int(found[1]))


@contextmanager
def reading(run: RunFolder) -> Iterator[sqlite3.Connection | None]:
    """A connection for a while; None where there is no file, which reading does not make."""
    if not reviews_path(run).exists():
        yield None
        return
    with _open(run) as base:
        yield base


@contextmanager
def _open(run: RunFolder) -> Iterator[sqlite3.Connection]:
    """A connection for a while."""
    with unreadable(reviews_path(run)):
        base = connect(run)
        try:
            yield base
        finally:
            base.close()


def connect(run: RunFolder) -> sqlite3.Connection:
    """A connection to a file of this version, made with mode 0600 where it is not there.

    What is committed over it is on the disk (`synchronous = FULL`). Any thread may use it, one at a time.
    """
    path = reviews_path(run)
    with disk_errors(path):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    base = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
    try:
        write_ahead(base)
        base.execute("PRAGMA synchronous = FULL")
        _prepare(base, path)
    except BaseException:
        base.close()
        raise
    return base


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Says of a file that SQLite cannot use what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise RunFolderError(
            f"the experts' verdicts cannot be read or written ({error})",
            where=str(path),
            next="put back a copy of the file, or move it away: the run then has no verdicts",
        ) from error


def _prepare(base: sqlite3.Connection, path: Path) -> None:
    """Make the tables, add what a file of the first version lacks, or refuse one of a later version."""
    if _version(base) > SCHEMA_VERSION:
        raise RunFolderError(
            f"verdicts of another version of imbik (format {_version(base)}; this one reads {SCHEMA_VERSION})",
            where=str(path),
            next="upgrade imbik: pip install -U imbik",
        )
    if _version(base) == SCHEMA_VERSION:
        return
    with transaction(base):
        if (found := _version(base)) == SCHEMA_VERSION:
            return
        for statement in _TABLES.strip().split(";\n") if found == 0 else [_PREFERENCES]:
            base.execute(statement)
        base.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _version(base: sqlite3.Connection) -> int:
    return int(base.execute("PRAGMA user_version").fetchone()[0])
