"""What a check of the whole set has to look at again, put by on the disk: memory holds where it is, not what it is.

Enters: arrays of a block, as blocks come. Leaves: one row of them, or one column, read back. The files have no name and
go with the process, however it ends; they lie in the run's folder, for a machine's own folder for temporary files may
be memory.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any
from weakref import finalize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Shelf:
    """Rows of unlike lengths, of one type of number, or of bytes (`uint8`)."""

    def __init__(self, folder: Path, dtype: str) -> None:
        import numpy as np

        self._file = _opened(self, folder)
        self._dtype = np.dtype(dtype)
        self._lengths: list[NDArray[np.uint32]] = []
        self._starts: NDArray[np.int64] = np.zeros(1, np.int64)

    def add(self, flat: NDArray[Any] | bytes, lengths: NDArray[Any]) -> None:
        """Put by the rows of a block, one behind the other in `flat`."""
        self._file.write(flat if isinstance(flat, bytes) else flat.astype(self._dtype, copy=False).tobytes())
        self._lengths.append(lengths.astype("uint32"))

    def close(self) -> None:
        """No more rows come."""
        import numpy as np

        self._starts = np.concatenate([self._starts, *self._lengths]).astype(np.int64).cumsum()
        self._lengths.clear()

    def bytes_of(self, row: int) -> bytes:
        """One row as bytes."""
        start, end = self._starts[row : row + 2].tolist()
        size = self._dtype.itemsize
        self._file.seek(start * size)
        found: bytes = self._file.read((end - start) * size)
        return found

    def of(self, row: int) -> NDArray[Any]:
        """One row."""
        import numpy as np

        return np.frombuffer(self.bytes_of(row), self._dtype)

    def lengths(self) -> NDArray[np.int64]:
        """Of all rows."""
        import numpy as np

        return np.diff(self._starts)

    def every(self) -> list[bytes]:
        """All rows as bytes, for rows that are short."""
        self._file.seek(0)
        size, flat = self._dtype.itemsize, self._file.read()
        ends = self._starts.tolist()
        return [flat[start * size : end * size] for start, end in pairwise(ends)]


class Columns:
    """A matrix of 64-bit keys that is filled by rows and read by columns."""

    def __init__(self, folder: Path) -> None:
        self._file = _opened(self, folder)
        self._blocks: list[tuple[int, int]] = []
        self._end = 0
        self.count = 0

    def add(self, keys: NDArray[np.uint64]) -> None:
        """Rows of a block."""
        rows, self.count = keys.shape
        self._file.write(keys.T.tobytes())
        self._blocks.append((self._end, rows))
        self._end += keys.size

    def column(self, number: int) -> NDArray[np.uint64]:
        """One column, of all rows."""
        import numpy as np

        found, at = np.empty(sum(rows for _, rows in self._blocks), np.uint64), 0
        for start, rows in self._blocks:
            self._file.seek((start + number * rows) * 8)
            found[at : at + rows] = np.frombuffer(self._file.read(rows * 8), np.uint64)
            at += rows
        return found


def _opened(owner: Shelf | Columns, folder: Path) -> Any:
    """A file that is closed when its owner goes."""
    file = TemporaryFile(dir=folder if folder != Path() and folder.is_dir() else None, buffering=0)  # noqa: SIM115
    finalize(owner, file.close)
    return file
