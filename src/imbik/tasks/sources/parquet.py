"""Parquet: a columnar file (.parquet, .pq), read in batches.

Enters: a file. Leaves: a row a record, numbered from 1. Needs pyarrow (extra `data`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from imbik.core.errors import InputError, MissingExtraError
from imbik.core.types import Sensitivity
from imbik.tasks.rows import Quarantined, Row
from imbik.tasks.sources import PathSettings, located, refuse_split
from imbik.tasks.text import existing_file

_BATCH = 2048


class Parquet:
    """Rows of a Parquet file."""

    version = 1
    sensitivity: Sensitivity | None = None
    Settings = PathSettings

    def __init__(self, settings: PathSettings) -> None:
        self.settings = settings
        self.notes: list[str] = []

    def files(self, base: Path) -> Sequence[Path]:
        """The one file."""
        return [existing_file(located(self.settings.path, base), self.settings.path)]

    def rows(self, base: Path, split: str) -> Iterator[Row | Quarantined]:
        """A row a record.

        Raises: InputError when the file is damaged or no Parquet, MissingExtraError without pyarrow.
        """
        refuse_split(split, self.settings.path)
        path = self.files(base)[0]
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise MissingExtraError(
                "Parquet files need pyarrow", where=self.settings.path, next="pip install 'imbik[data]'"
            ) from None
        number = 0
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(_BATCH):
                    for values in batch.to_pylist():
                        number += 1
                        yield Row(values, self.settings.path, number)
        except (pyarrow.ArrowException, OSError) as error:
            raise InputError(
                f"this is no Parquet file, or it is damaged ({str(error).splitlines()[0]})",
                where=f"{self.settings.path}, after row {number}",
                next="write it again, or give the rows as CSV or JSON lines",
            ) from None
