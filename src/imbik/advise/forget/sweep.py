"""What still names the person: every file of the run and of the folder beside it, read out whatever its kind.

Enters: a run, a person. Leaves: the files in which the person stands, before an erasure (so that it is known that the
sweep sees) and after it (so that nothing is claimed clean that is not). Tensors are numbers, and what a vocabulary
holds of a name is looked for apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imbik.advise.forget.decoded import texts_of_file
from imbik.core.runfolder import RunFolder
from imbik.core.tombstones import PENDING
from imbik.privacy.person import Person

_TENSORS = {".safetensors", ".npy", ".onnx", ".gguf", ".bin", ".pt", ".data"}
STORE, CALIBRATIONS, CRASH = "answers.sqlite", "calibrations", "imbik-crash-*.log"


@dataclass(frozen=True)
class Swept:
    """How many files were read, and those that name the person."""

    files: int
    hits: tuple[Path, ...]


def sweep(run: RunFolder, person: Person) -> Swept:
    """Read everything; without a person nothing can be looked for."""
    if not person:
        return Swept(0, ())
    files = 0
    hits = []
    for path in swept_files(run):
        files += 1
        if any(person.in_text(text, loose=True) for text in texts_of_file(path)):
            hits.append(path)
    return Swept(files, tuple(hits))


def swept_files(run: RunFolder) -> Iterator[Path]:
    """The files of the run and its trials but for tensors, the shared store with its log, calibrations, crash logs."""
    yield from (path for path in sorted(run.path.rglob("*")) if _readable(path) and path.name != PENDING)
    yield from beside(run.home)


def beside(runs: Path) -> Iterator[Path]:
    """What all runs of a folder share."""
    yield from (path for path in sorted(runs.glob(f"{STORE}*")) if _readable(path))
    yield from (path for path in sorted((runs / CALIBRATIONS).rglob("*")) if _readable(path))
    yield from crash_logs(runs)


def crash_logs(runs: Path) -> Iterator[Path]:
    """Tracebacks of mistakes of ours: they may show a value that a row held."""
    yield from sorted(runs.glob(CRASH))


def _readable(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.suffix not in _TENSORS
