"""The audit chain: one JSON line a decision, each holding the hash of the line before it, never any content.

Enters: decisions of the gate. Leaves: `audit.jsonl` in the run folder. Row ids are keyed (HMAC-SHA-256 with a key of
this run, file mode 0600), so the file can be shown without naming rows, and the person who holds the key can still
find one. A line is written before anything leaves; a kill loses none. A line torn by a full disk or a power cut
stays, named by a repair line, and the chain goes on. `verify` finds edited, removed, reordered and cut-off lines.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from imbik.core.errors import RunFolderError
from imbik.core.files import disk_errors, read_json, write_bytes, write_json
from imbik.core.types import Record

FILE_NAME = "audit.jsonl"
HEAD_NAME = ".audit.head"
_START = "0" * 64
_TAIL_BYTES = 1 << 20
_encoder = msgspec.json.Encoder()


class AuditLine(Record, frozen=True, kw_only=True):
    """One line. `rows` are keyed ids; `torn` is set only where this line names a torn one before it.

    `cleaned` says how the rows were made sendable (`pseudonymised` or `redacted`). `detectors` names those that looked,
    with their versions (`iban 1, tckn 2`), once for all lines that follow: a line of event `detectors` holds it.
    `found` are the detectors by which the rows rose above `marked`, the level their owner gave them; `declassified` is
    set where two people decided that what was found may go.
    Later fields are only ever added, and a line leaves out what is empty, so a chain written before still verifies.
    """

    n: int
    time: str
    event: str
    prev: str
    verdict: str = ""
    sensitivity: str = ""
    place: str = ""
    address: str = ""
    purpose: str = ""
    reason: str = ""
    rows: tuple[str, ...] = ()
    operator: str = ""
    torn: str = ""
    cleaned: str = ""
    detectors: str = ""
    marked: str = ""
    found: tuple[str, ...] = ()
    declassified: bool = False


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


class Head(Record, frozen=True, kw_only=True):
    """How long the chain is and where it ends: kept beside it, so that cutting off its end is found too."""

    n: int = 0
    hash: str = _START


class Audit:
    """Appends to one run's chain. Several processes may hold one open: each append takes the file's lock."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / FILE_NAME
        self._key = _run_key(folder / ".audit.key")
        with disk_errors(self.path):
            self._file = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        self._head, self._end = Head(), 0
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
                head = Head(n=head.n + 1, hash=_hash(line))
                lines.append(line + b"\n")
            self._write(b"".join(lines))
            self._head = head

    def close(self) -> None:
        """Make the chain durable, write its head beside it, let go of the file."""
        with disk_errors(self.path), self._locked():
            os.fsync(self._file)
            if self._head.n:
                write_json(_head_file(self.path), self._head)
        os.close(self._file)

    def keyed(self, row: str) -> str:
        """The id under which a row stands in this run's chain."""
        return hmac.digest(self._key, row.encode(), "sha256").hex()[:32]

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
        start = max(0, size - _TAIL_BYTES)
        *whole, torn = os.pread(self._file, size - start, start).split(b"\n")
        self._head, self._end = (_head_of(whole[-1], str(self.path)) if whole else Head()), size
        if torn:
            repair = AuditLine(
                n=self._head.n + 1,
                time=_now(),
                event="torn",
                prev=self._head.hash,
                torn=_hash(torn),
            )
            line = _encoder.encode(repair)
            self._write(b"\n" + line + b"\n")
            self._head = Head(n=repair.n, hash=_hash(line))

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


def read_audit(path: Path) -> Iterator[AuditLine]:
    """All lines in order, verified on the way.

    Raises: RunFolderError naming the first line that was changed, removed or put elsewhere.
    """
    head, known, decoder = Head(), _known_head(path), msgspec.json.Decoder(AuditLine)
    raw = path.read_bytes().split(b"\n")[:-1]
    for number, line in enumerate(raw, start=1):
        if number < len(raw) and _names_torn(raw[number], line, head):
            continue
        try:
            record = decoder.decode(line)
        except (msgspec.DecodeError, msgspec.ValidationError):
            raise _broken(path, number, "cannot be read") from None
        if record.prev != head.hash or record.n != head.n + 1:
            raise _broken(path, number, "does not follow the line before it")
        head = Head(n=record.n, hash=_hash(line))
        if head.n == known.n and head.hash != known.hash:
            raise _broken(path, number, "is not the line that was written")
        yield record
    if head.n < known.n:
        raise _broken(path, len(raw), f"is the last, but {known.n - head.n} more were written")


def verify(path: Path) -> int:
    """Check the whole chain; returns the number of lines.

    Raises: RunFolderError naming the first line that was changed, removed or put elsewhere.
    """
    return sum(1 for _ in read_audit(path))


def _names_torn(following: bytes, line: bytes, head: Head) -> bool:
    """Whether the next line is the repair line for this torn one."""
    if b'"torn"' not in following:
        return False
    try:
        record = msgspec.json.decode(following, type=AuditLine)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return False
    return record.event == "torn" and record.torn == _hash(line) and record.prev == head.hash


def _broken(path: Path, number: int, what: str) -> RunFolderError:
    return RunFolderError(
        f"line {number} {what}: the audit chain was changed after it was written",
        where=f"{path}:{number}",
        next="keep the file as it is for whoever answers for the data, and start a new run folder",
    )


def _head_of(line: bytes, where: str) -> Head:
    try:
        return Head(n=msgspec.json.decode(line, type=AuditLine).n, hash=_hash(line))
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise RunFolderError(
            "the last line of the audit chain cannot be read, so nothing may leave",
            where=where,
            next="move the file away for whoever answers for the data; a new chain then begins",
        ) from None


def _head_file(path: Path) -> Path:
    return path.with_name(HEAD_NAME)


def _known_head(path: Path) -> Head:
    file = _head_file(path)
    return read_json(file, Head) if file.exists() else Head()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


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
