"""What stays of an erased row: its leaf, so that the stage's Merkle root still verifies; and which weights learned it.

Enters: leaves of rows that are about to be erased, folders of students that learned them. Leaves: `tombstones.jsonl` in
the stage's folder, `erased.json` beside the weights. A leaf is a hash over the whole row (core.lineage): it cannot be
turned back into text; whoever already holds the very same row could see that it was there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from imbik.core.errors import ImbikError
from imbik.core.files import read_json, read_lines, write_json, write_lines
from imbik.core.types import Record

FILE_NAME, LEARNED, PENDING = "tombstones.jsonl", "erased.json", ".forgetting.json"


class Tombstone(Record, frozen=True, kw_only=True):
    """One erased row: its leaf, and the receipt of the erasure."""

    leaf: str
    receipt: str


def tombstones(folder: Path) -> list[Tombstone]:
    """Those of a stage's folder; none where nothing was erased."""
    path = folder / FILE_NAME
    return list(read_lines(path, Tombstone)) if path.exists() else []


def bury(folder: Path, leaves: Iterable[str], receipt: str) -> int:
    """Add the leaves that are not there yet; returns how many the stage has then. Written before a row is erased."""
    before = tombstones(folder)
    known = {stone.leaf for stone in before}
    new = [Tombstone(leaf=leaf, receipt=receipt) for leaf in dict.fromkeys(leaves) if leaf not in known]
    if new:
        write_lines(folder / FILE_NAME, [*before, *new])
    return len(before) + len(new)


class Learned(Record, frozen=True, kw_only=True):
    """`erased.json`: how many rows of each erasure (by its receipt) the weights here had learned."""

    rows: dict[str, int]


def mark_learned(folder: Path, receipt: str, rows: int) -> None:
    """Say beside a student's weights that it learned rows which were erased."""
    path = folder / LEARNED
    before = read_json(path, Learned).rows if path.exists() else {}
    write_json(path, Learned(rows={**before, receipt: rows}))


def learned_erased(folder: Path) -> int:
    """How many erased rows the weights in a student's folder had learned."""
    path = folder / LEARNED
    return sum(read_json(path, Learned).rows.values()) if path.exists() else 0


def refuse_half_erased(run: Path) -> None:
    """Nothing is done with a run in which an erasure was interrupted.

    Raises: ImbikError that says how to finish it.
    """
    if (run / PENDING).exists():
        raise ImbikError(
            "an erasure of this run was interrupted, so parts of it are erased and others are not",
            where=str(run),
            next=f"finish it first: imbik privacy forget {run}",
        )
