"""The files that rows are written to, a sink a set: JSON lines, Parquet, a data set of the library `datasets`.

Enters: records, one by one. Leaves: files in a folder that nobody sees until all of them are whole. Nothing is held in
memory but a block of rows, and nothing is left in any cache.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from imbik.core.errors import MissingExtraError
from imbik.core.files import write_json

if TYPE_CHECKING:
    import pyarrow

Row = Mapping[str, object]
_BLOCK = 1024


class Sink(ABC):
    """One set of an export, in a folder."""

    extra: ClassVar[str] = ""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name

    @staticmethod
    @abstractmethod
    def files_of(name: str) -> str:
        """A set's files, relative to the folder, as a card names them to the hub."""

    @abstractmethod
    def add(self, row: Row) -> None:
        """Write one row."""

    @abstractmethod
    def close(self) -> None:
        """All rows are there."""

    @classmethod  # noqa: B027 - most sinks need nothing more
    def finish(cls, folder: Path, names: Iterable[str]) -> None:
        """All sets are there; what tells them to a reader is written."""


class JsonLines(Sink):
    """`train.jsonl`: an object a line, UTF-8, no escapes that people cannot read."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder, name)
        self._stream = (folder / self.files_of(name)).open("wb")
        self._encode = msgspec.json.Encoder().encode

    @staticmethod
    def files_of(name: str) -> str:
        """One file."""
        return f"{name}.jsonl"

    def add(self, row: Row) -> None:
        """A line."""
        self._stream.write(self._encode(row) + b"\n")

    def close(self) -> None:
        """The file is whole."""
        self._stream.close()


class _Arrow(Sink):
    """Rows in blocks of typed columns: the same columns of the same types, however few rows there are."""

    extra = "data"

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder, name)
        self._block: list[Row] = []
        try:
            self._schema = columns()
            self._writer = self._opened()
        except ImportError:
            raise MissingExtraError(
                "this format needs pyarrow and datasets", next="pip install 'imbik[data]'"
            ) from None

    @abstractmethod
    def _opened(self) -> Any:
        """What batches are written to."""

    def add(self, row: Row) -> None:
        """One row more of the block."""
        self._block.append(row)
        if len(self._block) == _BLOCK:
            self._flush()

    def close(self) -> None:
        """The last block."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow

        if self._block:
            self._writer.write_table(pyarrow.Table.from_pylist(self._block, schema=self._schema))
            self._block = []


class Parquet(_Arrow):
    """`train.parquet`, compressed with zstd."""

    @staticmethod
    def files_of(name: str) -> str:
        """One file."""
        return f"{name}.parquet"

    def _opened(self) -> Any:
        import pyarrow.parquet

        return pyarrow.parquet.ParquetWriter(self.folder / self.files_of(self.name), self._schema, compression="zstd")


class SavedDataset(_Arrow):
    """A folder of `datasets.save_to_disk`, made from a file of its own: the library's cache would keep the rows."""

    @staticmethod
    def files_of(name: str) -> str:
        """The set's own folder."""
        return f"{name}/*.arrow"

    @property
    def _scratch(self) -> Path:
        return self.folder / f".{self.name}.arrow"

    def _opened(self) -> Any:
        import pyarrow

        return pyarrow.ipc.new_stream(str(self._scratch), self._schema)

    def close(self) -> None:
        """The stream becomes what the library writes."""
        super().close()
        import datasets

        datasets.disable_progress_bars()
        datasets.Dataset.from_file(str(self._scratch)).save_to_disk(str(self.folder / self.name))
        self._scratch.unlink()

    @classmethod
    def finish(cls, folder: Path, names: Iterable[str]) -> None:
        """The file by which the library knows a `DatasetDict`."""
        write_json(folder / "dataset_dict.json", {"splits": list(names)})


def columns() -> pyarrow.Schema:
    """The typed columns of Parquet and of a saved data set."""
    import pyarrow

    turn = pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.string())])
    texts = ("id", "reasoning", "answer", "teacher", "kind", "language", "category", "sensitivity")
    return pyarrow.schema([("messages", pyarrow.list_(turn)), *((name, pyarrow.string()) for name in texts)])
