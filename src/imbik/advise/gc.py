"""Clearing away what a changed recipe replaced: `old/` of a run, and nothing else.

Enters: run folders. Leaves: how many bytes each `old/` held; removed unless only asked. Since when rows have been here
stays known, for their retention period.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imbik.advise.forget.retain import keep_ages
from imbik.core.files import remove
from imbik.core.locks import writer_lock
from imbik.core.runfolder import RunFolder


@dataclass(frozen=True)
class Cleared:
    """What one run gave back."""

    run: str
    outputs: int
    bytes: int


def collect(runs: Iterable[RunFolder], *, only_say: bool = False) -> list[Cleared]:
    """Remove every run's `old/`; runs without one are left out.

    Raises: LockedError when a run is being written.
    """
    cleared = []
    for run in runs:
        old = run.path / "old"
        if not old.is_dir() or old.is_symlink():
            continue
        found = Cleared(run.name, sum(1 for _ in old.iterdir()), size_of(old))
        if not only_say:
            with writer_lock(run.path):
                keep_ages(run)
                remove(old)
        cleared.append(found)
    return cleared


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; links are not followed."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
