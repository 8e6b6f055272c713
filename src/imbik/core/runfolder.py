"""The run folder: where everything of a run lies, and what each stage's manifest says.

Enters: a path. Leaves: the paths of stages and files, manifests read and written, old outputs moved aside (never
overwritten), and a refusal to misread a folder of another version.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from imbik.core.errors import RunFolderError
from imbik.core.files import atomic_writer, read_json, read_lines, write_json
from imbik.core.results import Artifact, Books
from imbik.core.types import Record, Sensitivity

FORMAT_VERSION = 1
PART_ROWS = 5_000
_MARKER = ".imbik"
TRIALS = "trials"
R = TypeVar("R")


class Manifest(Record, frozen=True, kw_only=True):
    """What a finished stage says of itself; its presence is what makes the stage finished."""

    stage: str
    version: int
    hash: str
    inputs: dict[str, str]
    root: str
    books: Books
    sensitivity: Sensitivity
    seconds: float
    imbik: str
    finished: str
    artifacts: tuple[Artifact, ...] = ()
    measured: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    erased: int = 0
    origins: dict[str, str] = {}
    """Stages of other runs that were read (a trial's): folder here -> where it lies, seen from this run."""


class _Begun(Record, frozen=True, kw_only=True):
    """Left in a stage folder before work starts, so a resumed stage knows whether the partial work is its own."""

    hash: str


class _Format(Record, frozen=True, kw_only=True):
    format: int


def runs_folder(given: Path | None = None) -> Path:
    """Where runs lie: what is given, else IMBIK_RUNS, else `runs` here."""
    return Path(given or os.environ.get("IMBIK_RUNS") or "runs").expanduser().resolve()


def run_around(path: Path) -> RunFolder | None:
    """The run that a file or folder lies in, if it lies in one."""
    return next((RunFolder(folder) for folder in (path, *path.parents) if (folder / _MARKER).exists()), None)


class RunFolder:
    """Paths and small files of one run. Never locks: the pipeline holds the writer lock, readers need none."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The run's name is its folder's name."""
        return self.path.name

    @property
    def typed(self) -> str:
        """The run as a person types it in a command: its path, from here where it lies below, quoted for a shell."""
        here = Path.cwd()
        return shlex.quote(str(self.path.relative_to(here) if self.path.is_relative_to(here) else self.path))

    @property
    def parent(self) -> RunFolder | None:
        """The run that this one is a trial of (`RUN/trials/0007`), None for any other run."""
        above = self.path.parent
        return RunFolder(above.parent) if above.name == TRIALS and (above.parent / _MARKER).exists() else None

    @property
    def home(self) -> Path:
        """The folder of runs: what runs share (answers, calibrations, pseudonyms) lies there."""
        return self.parent.home if self.parent else self.path.parent

    @property
    def account(self) -> str:
        """The name that its spending is booked under: a search has one budget, its trials none of their own."""
        return self.parent.account if self.parent else self.name

    @property
    def store(self) -> Path:
        """The answer store, shared by all runs of a folder."""
        return self.home / "answers.sqlite"

    def stage(self, folder: str) -> Path:
        """The folder of a stage, such as `2_answers`."""
        return self.path / folder

    def create(self) -> None:
        """Make the folder, or check that an existing one is of this version.

        Raises: RunFolderError when the folder was written by a newer or unknown version.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        marker = self.path / _MARKER
        if not marker.exists():
            if any(child.name[:1].isdigit() for child in self.path.iterdir()):
                raise RunFolderError(
                    "this folder holds stages but no .imbik marker, so its version is unknown",
                    where=str(self.path),
                    next="move it away, or give the run another name",
                )
            write_json(marker, _Format(format=FORMAT_VERSION))
        self.check()

    def check(self) -> None:
        """Refuse to read a folder of another format version or one that is no run at all."""
        marker = self.path / _MARKER
        if not marker.exists():
            raise RunFolderError(
                "this is not a run folder", where=str(self.path), next="imbik ls lists the runs that are here"
            )
        found = read_json(marker, _Format).format
        if found > FORMAT_VERSION:
            raise RunFolderError(
                f"written by a newer imbik (run format {found}; this one reads up to {FORMAT_VERSION})",
                where=str(self.path),
                next="upgrade imbik: pip install -U imbik",
            )
        if found < FORMAT_VERSION:
            raise RunFolderError(
                f"run format {found} is older than any that this imbik can migrate ({FORMAT_VERSION})",
                where=str(self.path),
                next="run the recipe again under another name",
            )

    def manifest(self, folder: str) -> Manifest | None:
        """The manifest of a finished stage, or None."""
        path = self.stage(folder) / "manifest.json"
        return read_json(path, Manifest) if path.exists() else None

    def begin(self, folder: str, stage_hash: str) -> Path:
        """Make a stage's folder ready: partial work of the same hash is kept, anything else moves to `old/`."""
        path = self.stage(folder)
        begun = path / ".begun.json"
        if path.exists():
            same = begun_hash(path) == stage_hash
            if not same or (path / "manifest.json").exists():
                self.retire(folder)
        path.mkdir(exist_ok=True, mode=0o700)
        if not begun.exists():
            write_json(begun, _Begun(hash=stage_hash))
        return path

    def replaced(self, folder: str) -> list[Path]:
        """What lies in `old/` of a stage, in the order in which it was moved there."""
        return sorted((self.path / "old").glob(f"{folder}-*"), key=lambda path: _when(path.name))

    def finish(self, folder: str, manifest: Manifest) -> None:
        """Write the manifest: from here on the stage is finished."""
        write_json(self.stage(folder) / "manifest.json", manifest)

    def retire(self, folder: str) -> Path:
        """Move a stage's output to `old/`, under a name that says when, and return where: `exports/hf` becomes
        `old/exports-WHEN/hf`."""
        first, _, rest = folder.partition("/")
        old, stamp = self.path / "old", datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        target, number = old / f"{first}-{stamp}" / rest, 1
        while target.exists():
            number += 1
            target = old / f"{first}-{stamp}-{number}" / rest
        for parent in (old, target.parent):
            parent.mkdir(exist_ok=True, mode=0o700)
        return self.stage(folder).replace(target)


def begun_hash(stage: Path) -> str:
    """The hash under which work in a stage's folder was begun, '' where none was."""
    path = stage / ".begun.json"
    return read_json(path, _Begun).hash if path.exists() else ""


def _when(name: str) -> tuple[str, str, int]:
    """`1_tasks-20261123-061500-2` in the order of making."""
    _, day, clock, *number = name.split("-")
    return day, clock, int(number[0]) if number else 1


def write_parts(folder: Path, records: Iterator[msgspec.Struct]) -> int:
    """Write records as `part-00000.jsonl`, `part-00001.jsonl` … of at most PART_ROWS rows; returns how many."""
    encoder, block, total, number = msgspec.json.Encoder(), list[bytes](), 0, 0  # bytes: a fifth of the records' memory
    for record in records:
        block.append(encoder.encode(record) + b"\n")
        if len(block) == PART_ROWS:
            _write_part(folder, number, block)
            total, number = total + len(block), number + 1
            block.clear()
    if block or number == 0:
        _write_part(folder, number, block)
    return total + len(block)


def _write_part(folder: Path, number: int, lines: list[bytes]) -> None:
    with atomic_writer(folder / f"part-{number:05d}.jsonl") as stream:
        stream.writelines(lines)


def read_parts(folder: Path, kind: type[R]) -> Iterator[R]:
    """Stream all records of a stage's parts in order."""
    for path in sorted(folder.glob("part-*.jsonl")):
        yield from read_lines(path, kind)
