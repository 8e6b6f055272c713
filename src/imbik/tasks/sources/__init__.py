"""Sources: where rows come from. A file here is a format.

Enters: settings (mostly a path). Leaves: rows as plain values with file and line, bad rows as quarantine lines in
their place, and notes that a person should read (an encoding that was guessed). A source knows nothing of what
columns mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import Field

from imbik.core.errors import InputError
from imbik.core.plugins import PluginSettings, RecipePath
from imbik.core.types import Sensitivity
from imbik.tasks.rows import Quarantined, Row

SETS = {
    "train": "",
    "training": "",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "eval": "validation",
    "test": "test",
}
"""Names of parts and the set each prescribes; rows of `train` are free for the recipe's `split:`."""


class PathSettings(PluginSettings):
    """What every source that reads from disk takes."""

    path: RecipePath = Field(min_length=1, description="file or folder, relative to the recipe's folder")


class TextSettings(PathSettings):
    """What every source of text files takes."""

    encoding: str = Field("", description="such as cp1254; empty: seen from the bytes")


class RowSource(Protocol):
    """The contract of a source; built as `Source(settings)`.

    `version` is raised when the same files would give other rows; `sensitivity` overrules the recipe. A source with
    held-out sets of its own may say in `sets`, name to words, what each of them is; the report repeats it.
    """

    version: int
    sensitivity: Sensitivity | None
    notes: list[str]

    def files(self, base: Path) -> Sequence[Path]:
        """Files and folders whose content shapes the rows. Raises InputError where they are missing."""
        ...

    def rows(self, base: Path, split: str) -> Iterator[Row | Quarantined]:
        """All rows in order; `split` names one part of a source that has several ('' for all)."""
        ...


def located(path: str, base: Path) -> Path:
    """Where a path as written lies."""
    return (base / Path(path).expanduser()).resolve()


def refuse_split(split: str, written: str) -> None:
    """A single file is its own `train` part.

    Raises: InputError for any other name.
    """
    if split not in ("", "train"):
        raise InputError(
            f"a single file has no part '{split}'",
            where=f"tasks.rows ({written})",
            next="write rows: '[:1000]', or give a folder with train and test files",
        )
