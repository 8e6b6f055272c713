"""Audit chains for tests: a run folder with decisions of every kind."""

from __future__ import annotations

from pathlib import Path

import msgspec

from imbik.privacy.audit import Audit, Entry
from imbik.privacy.chain import HEAD_NAME, START, AuditLine, line_hash

EXTERNAL = "https://api.example.com:443"


def decision(
    verdict: str = "allowed",
    place: str = EXTERNAL,
    rows: tuple[str, ...] = ("musteri-42",),
    level: str = "public",
    reason: str = "public",
    *,
    cleaned: str = "",
    operator: str = "",
    declassified: bool = False,
    address: str = "93.184.216.34",
    purpose: str = "generation",
    left: str = "",
) -> Entry:
    """A line as the gate asks for it."""
    return Entry(
        verdict,
        level,
        place,
        address,
        purpose,
        reason,
        rows,
        operator,
        cleaned=cleaned,
        declassified=declassified,
        left=left,
    )


def write_chain(folder: Path, *entries: Entry) -> Path:
    """Append to a folder's chain and close it."""
    audit = Audit(folder)
    audit.append(entries)
    audit.close()
    return audit.path


def numbered(folder: Path, count: int = 10) -> Path:
    """A closed chain of so many lines."""
    return write_chain(folder, *(decision(rows=(f"musteri-{number}",)) for number in range(count)))


def rewritten(path: Path, old: bytes, new: bytes) -> None:
    """What an owner of the files can do: change lines, and recompute every hash and the head beside the chain."""
    before, lines = START, list[bytes]()
    for raw in path.read_bytes().replace(old, new).splitlines():
        record = msgspec.structs.replace(msgspec.json.decode(raw, type=AuditLine), prev=before)
        lines.append(msgspec.json.encode(record))
        before = line_hash(lines[-1])
    path.write_bytes(b"\n".join(lines) + b"\n")
    path.with_name(HEAD_NAME).unlink(missing_ok=True)
