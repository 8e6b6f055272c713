"""Which export holds which rows: `exports.jsonl` of a run, a line an export, also of those that lie elsewhere.

Enters: what was handed over. Leaves: a record without content, rows by their keyed ids, so that an erasure can remove
the exports inside the run that hold a row, and name those that it cannot reach.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from imbik.core.files import read_lines, write_lines
from imbik.core.runfolder import RunFolder
from imbik.core.types import Record, Sensitivity

FILE, FOLDER = "exports.jsonl", "data"


class Exported(Record, frozen=True, kw_only=True):
    """One export: when, in which format, where it was put (a path below the run where `inside`), rows by set, tasks by
    keyed ids, and the hash of its files."""

    at: str
    format: str
    where: str
    inside: bool
    rows: dict[str, int]
    sensitivity: Sensitivity
    sha256: str
    command: str
    imbik: str
    tasks: tuple[str, ...] = ()


def exports_of(run: RunFolder) -> list[Exported]:
    """All exports of a run, in order.

    Raises: RunFolderError for a damaged line.
    """
    path = run.path / FILE
    return list(read_lines(path, Exported)) if path.exists() else []


def note(run: RunFolder, made: Exported) -> None:
    """Add a line."""
    write_lines(run.path / FILE, [*exports_of(run), made])


def holding(exports: Iterable[Exported], tasks: set[str]) -> list[Exported]:
    """Those that hold one of these tasks (keyed ids)."""
    return [item for item in exports if not tasks.isdisjoint(item.tasks)]


def folders_in(run: RunFolder) -> list[Path]:
    """Exports that lie inside the run, and those in `old/` that a later one replaced."""
    return [
        path
        for home in (run.path / FOLDER, *sorted((run.path / "old").glob(f"{FOLDER}-*")))
        for path in sorted(home.glob("*"))
        if path.is_dir() and not path.is_symlink() and not path.name.endswith(".tmp")
    ]
