"""The audit chain: one JSON line a decision, each holding the hash of the line before it, never any content.

Enters: decisions of the gate. Leaves: `audit.jsonl` in the run folder. Row ids are keyed (HMAC-SHA-256 with a key of
this run, file mode 0600), so the file can be shown without naming rows, and the person who holds the key can still
find one. A line is written before anything leaves; a kill loses none. A line torn by a full disk or a power cut
stays, named by a repair line, and the chain goes on. A chain that is shorter than it once was, or ends otherwise, is
not written on: nothing may leave. `chain` reads it again, and finds edited, removed, reordered and cut-off lines.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hmac
import os
import secrets
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from imbik.core.errors import BlockedError, RunFolderError
from imbik.core.files import disk_errors, write_bytes, write_json
from imbik.privacy.chain import (
    FILE_NAME,
    HEAD_NAME,
    AuditLine,
    Head,
    broken,
    line_hash,
    read_audit,
    verify,
    written_head,
)

__all__ = ["FILE_NAME", "HEAD_NAME", "Audit", "AuditLine", "Entry", "read_audit", "row_names", "verify"]

_TAIL_BYTES = 1 << 20
_KEY_NAME = ".audit.key"
_NO_FILE = {errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.ENODEV}
_encoder = msgspec.json.Encoder()


class Entry(NamedTuple):
    """What the gate wants written down; rows by their own ids, keyed here."""

    verdict: str
    sensitivity: str
    place: str
    address: str
    purpose: str
    reason: str
    rows: tuple[str, ...]
    operator: str
    event: str = "decision"
    cleaned: str = ""
    detectors: str = ""
    marked: str = ""
    found: tuple[str, ...] = ()
    declassified: bool = False
    left: str = ""


class Audit:
    """Appends to one run's chain. Several processes may hold one open: each append takes the file's lock."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / FILE_NAME
        self._key = _run_key(folder / _KEY_NAME)
        self._file = _opened(self.path)
        self._head, self._end = Head(), -1  # not looked at yet
        self._turn = threading.Lock()  # the file's lock holds between processes, not between threads

    def append(self, entries: Sequence[Entry]) -> None:
        """Write the entries as one group, before the caller does what they allow.

        Raises: DiskFullError when they cannot be written (then nothing may leave).
        """
        with disk_errors(self.path), self._locked():
            head, lines = self._head, list[bytes]()
            now = _now()
            for entry in entries:
                line = _encoder.encode(self._line(entry, head, now))
                head = Head(n=head.n + 1, hash=line_hash(line))
                lines.append(line + b"\n")
            self._write(b"".join(lines))
            self._head = head

    def close(self) -> None:
        """Make the chain durable, write its head beside it, let go of the file."""
        with disk_errors(self.path), self._locked():
            os.fsync(self._file)
            if self._head.n:
                write_json(self.path.with_name(HEAD_NAME), self._head)
        os.close(self._file)

    def keyed(self, row: str) -> str:
        """The id under which a row stands in this run's chain."""
        return _keyed(self._key, row)

    def _line(self, entry: Entry, head: Head, now: str) -> AuditLine:
        return AuditLine(
            n=head.n + 1,
            time=now,
            event=entry.event,
            prev=head.hash,
            verdict=entry.verdict,
            sensitivity=entry.sensitivity,
            place=entry.place,
            address=entry.address,
            purpose=entry.purpose,
            reason=entry.reason,
            rows=tuple(self.keyed(row) for row in entry.rows),
            operator=entry.operator,
            cleaned=entry.cleaned,
            detectors=entry.detectors,
            marked=entry.marked,
            found=entry.found,
            declassified=entry.declassified,
            left=entry.left,
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the file's lock, with head and end as they are now, whoever wrote last."""
        self._turn.acquire()
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            if (size := os.fstat(self._file).st_size) != self._end:
                self._catch_up(size)
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            self._turn.release()

    def _catch_up(self, size: int) -> None:
        """Read the end of the chain; a torn last line is closed and named by a repair line."""
        *whole, torn = self._tail(size).split(b"\n")
        head = _head_of(whole[-1], str(self.path)) if whole else Head()
        if self._end < 0:
            _hold_against(written_head(self.path), head, whole, self.path)
        self._head, self._end = head, size
        if torn:
            repair = AuditLine(
                n=self._head.n + 1,
                time=_now(),
                event="torn",
                prev=self._head.hash,
                torn=line_hash(torn),
            )
            line = _encoder.encode(repair)
            self._write(b"\n" + line + b"\n")
            self._head = Head(n=repair.n, hash=line_hash(line))

    def _tail(self, size: int) -> bytes:
        """The end of the file with at least one line that is whole in it, however long that is: one that names
        every row of an erasure can be longer than any fixed piece."""
        wanted = _TAIL_BYTES
        while True:
            start = max(0, size - wanted)
            data = _read_all(self._file, size - start, start)
            if not start or data.count(b"\n") > 1:
                return data
            wanted *= 4

    def _write(self, data: bytes) -> None:
        """Append all of it or none of it."""
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self._end += len(data)


def _opened(path: Path) -> int:
    """The chain's file, opened. A link (it may lead to /dev/null), a pipe or a folder keeps no lines.

    Raises: BlockedError for such a thing: without a line nothing may leave.
    """
    file = -1
    try:
        with disk_errors(path):
            file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise
    raise BlockedError(
        "this is no regular file, so no audit line can be kept in it, and nothing may leave",
        where=str(path),
        next="move it away, after a look at who put it there; a new chain then begins",
    )


def _read_all(file: int, size: int, start: int) -> bytes:
    """So many bytes from there; one read gives at most two gigabytes."""
    parts, at = list[bytes](), start
    while at < start + size and (part := os.pread(file, start + size - at, at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _hold_against(known: Head, head: Head, lines: Sequence[bytes], path: Path) -> None:
    """Before a chain is written on: what its head file knows of it must still be there, or it would be forgotten."""
    if known.n > head.n:
        raise broken(path, head.n, f"is the last, but {known.n - head.n} more were written")
    for line in reversed(lines):
        try:
            found = _head_of(line, "")
        except RunFolderError:
            continue  # torn, or cut where this look at the file's end begins
        if found.n == known.n and found.hash != known.hash:
            raise broken(path, found.n, "is not the line that was written")
        if found.n <= known.n:
            return


def _head_of(line: bytes, where: str) -> Head:
    try:
        return Head(n=msgspec.json.decode(line, type=AuditLine).n, hash=line_hash(line))
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise RunFolderError(
            "the last line of the audit chain cannot be read, so nothing may leave",
            where=where,
            next="move the file away for whoever answers for the data; a new chain then begins",
        ) from None


def row_names(folder: Path) -> Callable[[str], str] | None:
    """How rows are named in the chain of a run folder; None where it has no key. Nothing is opened or written."""
    path = folder / _KEY_NAME
    if not path.exists():
        return None
    key = path.read_bytes()
    return lambda row: _keyed(key, row)


def _keyed(key: bytes, row: str) -> str:
    return hmac.digest(key, row.encode(), "sha256").hex()[:32]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _run_key(path: Path) -> bytes:
    """The run's key, made on first use; of two processes that make one at once, the first wins."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        write_bytes(draft, secrets.token_bytes(32))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    key = path.read_bytes()
    if len(key) != 32:
        raise RunFolderError("the key of the audit chain is damaged", where=str(path), next="restore it from a backup")
    return key
