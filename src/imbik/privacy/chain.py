"""Reading an audit chain: its lines one by one, each checked against the one before, whatever their number.

Enters: `audit.jsonl`, and what is known of it from elsewhere (the head written beside it, signed heads). Leaves: the
lines, or an error naming the first that was changed, removed or put elsewhere. Hashes are over the bytes as they lie
there, so a space, a doubled key or another spelling of the same JSON is a change like any other. Nothing but the line
at hand is held in memory.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from itertools import chain, pairwise
from pathlib import Path

import msgspec

from imbik.core.errors import RunFolderError
from imbik.core.files import read_json
from imbik.core.types import Record

FILE_NAME = "audit.jsonl"
HEAD_NAME = ".audit.head"
START = "0" * 64
"""The hash that the first line names as the one before it."""


class AuditLine(Record, frozen=True, kw_only=True):
    """One line. `rows` are keyed ids; `torn` is set only where this line names a torn one before it.

    `cleaned` says how the rows were made sendable (`pseudonymised`, `redacted`, or `unaltered` where nothing was found
    to take out). `detectors` names those that looked, with their versions (`iban 1, tckn 2`), once for all lines that
    follow: a line of event `detectors` holds it.
    `found` are the detectors by which the rows rose above `marked`, the level their owner gave them; `declassified` is
    set where two people decided that what was found may go.
    `left` is set in lines of verdict `collected`: when these rows left, in a batch that an earlier command of this run
    handed over; `reason` is then why that was allowed.
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
    left: str = ""


class Head(Record, frozen=True, kw_only=True):
    """How long the chain is and where it ends: kept beside it, so that cutting off its end is found too."""

    n: int = 0
    hash: str = START


class Chain:
    """A chain as it is when iteration begins; `head` is where reading has come to, so after it the chain's end.

    `signed` says which hash the line of a number must have by heads that somebody signed.
    """

    def __init__(self, path: Path, signed: Mapping[int, str] | None = None) -> None:
        self.path, self.head = path, Head()
        self._signed, self._written = dict(signed or {}), written_head(path)

    def __iter__(self) -> Iterator[AuditLine]:
        """The lines in order.

        Raises: RunFolderError naming the first that was changed, removed or put elsewhere.
        """
        decode, n, before, number = msgspec.json.Decoder(AuditLine).decode, 0, START, 0
        known = {**self._signed, self._written.n: self._written.hash}
        for number, (line, following) in enumerate(pairwise(chain(_lines(self.path), [b""])), start=1):
            if b'"torn"' in following and _names_torn(following, line[:-1], before):
                continue
            if line[-1:] != b"\n":
                raise _cut_off(self.path, number)
            try:
                record = decode(line)
            except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
                raise broken(self.path, number, "cannot be read") from None
            if record.prev != before or record.n != n + 1:
                raise broken(self.path, number, "does not follow the line before it")
            n, before = record.n, line_hash(line[:-1])
            if n in known:
                self._hold_against(n, before, number)
            self.head = Head(n=n, hash=before)
            yield record
        self._hold_end(n, number)

    def _hold_against(self, n: int, found: str, number: int) -> None:
        """A line whose hash is known from elsewhere."""
        if n == self._written.n and found != self._written.hash:
            raise broken(self.path, number, "is not the line that was written")
        if self._signed.get(n, found) != found:
            raise broken(self.path, number, "is not the line that was signed")

    def _hold_end(self, n: int, number: int) -> None:
        """A chain shorter than it once was."""
        if (more := self._written.n - n) > 0:
            raise broken(self.path, number, f"is the last, but {more} more {_were(more)} written")
        if (more := max(self._signed, default=0) - n) > 0:
            raise broken(self.path, number, f"is the last, but {more} more {_were(more)} there when it was signed")


def read_audit(path: Path) -> Iterator[AuditLine]:
    """All lines in order, verified on the way.

    Raises: RunFolderError naming the first line that was changed, removed or put elsewhere.
    """
    return iter(Chain(path))


def verify(path: Path) -> int:
    """Check the whole chain; returns the number of lines.

    Raises: RunFolderError naming the first line that was changed, removed or put elsewhere.
    """
    return sum(1 for _ in read_audit(path))


def written_head(path: Path) -> Head:
    """The head kept beside a chain, the start where none is."""
    file = path.with_name(HEAD_NAME)
    return read_json(file, Head) if file.exists() else Head()


def line_hash(line: bytes) -> str:
    """Hex SHA-256 of a line without its newline."""
    return hashlib.sha256(line).hexdigest()


def broken(path: Path, number: int, what: str) -> RunFolderError:
    """The error for a chain that is not as it was written."""
    return RunFolderError(
        f"line {number} {what}: the audit chain was changed after it was written",
        where=f"{path}:{number}",
        next="keep the file as it is for whoever answers for the data, and start a new run folder",
    )


def _lines(path: Path) -> Iterator[bytes]:
    """Lines with their newline, up to where the file ends now: a group under way is waited for, later ones left."""
    if path.exists() and not path.is_file():  # reading a pipe would wait for ever
        raise RunFolderError(
            "this is no regular file, so it holds no audit chain",
            where=str(path),
            next="keep it as it is for whoever answers for the data, and start a new run folder",
        )
    with path.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)
        left = os.fstat(stream.fileno()).st_size
        fcntl.flock(stream, fcntl.LOCK_UN)
        for line in stream:
            left -= len(line)
            if left < 0:
                return
            yield line


def _names_torn(following: bytes, line: bytes, before: str) -> bool:
    """Whether the next line is the repair line for this torn one."""
    try:
        record = msgspec.json.decode(following, type=AuditLine)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        return False
    return record.event == "torn" and record.torn == line_hash(line) and record.prev == before


def _cut_off(path: Path, number: int) -> RunFolderError:
    return RunFolderError(
        f"line {number} has no end: the run was cut off while writing it, or the audit chain was changed",
        where=f"{path}:{number}",
        next="run the same command again: it closes the line, names it, and goes on",
    )


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
