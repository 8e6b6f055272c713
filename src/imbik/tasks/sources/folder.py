"""A folder of data files, read in the order of their names; `test` and `validation` files prescribe their set.

Enters: a folder. Leaves: the rows of all its files, each read by what its name and content say it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from imbik.core.errors import InputError
from imbik.core.types import Sensitivity
from imbik.recipe.schema import SCHEMA_FILE
from imbik.tasks.rows import Quarantined, Row
from imbik.tasks.sources import SETS, PathSettings, located

SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".pq")
_PART = re.compile(rf"^({'|'.join(SETS)})(?![a-z])", re.IGNORECASE)


class Folder:
    """Rows of all data files in a folder and below; hidden files and a recipe's schema are passed over."""

    version = 1
    sensitivity: Sensitivity | None = None
    Settings = PathSettings

    def __init__(self, settings: PathSettings) -> None:
        self.settings = settings
        self.notes: list[str] = []

    def files(self, base: Path) -> Sequence[Path]:
        """The data files, sorted by their path inside the folder.

        Raises: InputError when the folder is missing or holds none.
        """
        folder = located(self.settings.path, base)
        if not folder.is_dir():
            raise InputError(
                f"there is no such folder (looked for {folder})",
                where=self.settings.path,
                next="correct the path in the recipe; paths are relative to the recipe's folder",
            )
        every = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _hidden(path, folder)]
        found = [path for path in every if path.suffix.lower() in SUFFIXES and path.name != SCHEMA_FILE]
        if not found:
            raise InputError(
                f"this folder holds no data files ({', '.join(SUFFIXES)})",
                where=self.settings.path,
                next="put the rows there, or give a file",
            )
        return found

    def rows(self, base: Path, split: str) -> Iterator[Row | Quarantined]:
        """Rows of every file; `split` keeps the files named after it.

        Raises: InputError when no file is named after `split`.
        """
        from imbik.tasks.sources.auto import source_for_file

        files = [path for path in self.files(base) if split in ("", part_of(path))]
        if not files:
            have = ", ".join(path.name for path in self.files(base))
            raise InputError(
                f"no file here is named '{split}' (there: {have})", where=f"tasks.rows ({self.settings.path})"
            )
        root = located(self.settings.path, base)
        for path in files:
            written = str(Path(self.settings.path) / path.relative_to(root))
            source = source_for_file(path, written)
            prescribed = "" if split else SETS.get(part_of(path), "")
            for row in source.rows(base, ""):
                yield row._replace(set=prescribed) if isinstance(row, Row) else row
            self.notes += source.notes


def is_parquet(path: Path) -> bool:
    """Whether a path is named as a Parquet file."""
    return path.suffix.lower() in (".parquet", ".pq")


def part_of(path: Path) -> str:
    """The split a file is named after (`test` for `test-00000-of-00001.parquet`), or ''."""
    match = _PART.match(path.stem)
    return match.group(1).lower() if match else ""


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
