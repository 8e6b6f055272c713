"""The teacher's distributions on disk: top-k log-probabilities, addressed by row and checked by token hash.

Enters: per row its id, the hash of its token ids, and two arrays over the positions that predict a learned token.
Leaves: the same, memory-mapped. A row whose tokens changed since (another tokenizer, a shifted template) is refused,
never misread. Each block of rows is one shard of two arrays and an index that is written last, so whatever has an
index is whole: a store is read while it is written, and writing goes on after a crash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from imbik.core.errors import ModelError, RunFolderError
from imbik.core.files import atomic_writer, read_json, read_lines, write_json, write_lines
from imbik.core.types import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT_VERSION = 1
SETTINGS = "logits.json"


class LogitSettings(Record, frozen=True, kw_only=True):
    """What all rows of a store share: the teacher, whose token ids these are, and how many probabilities are kept."""

    teacher: str
    tokenizer_hash: str
    top_k: int
    format: int = FORMAT_VERSION


class _Entry(Record, frozen=True, kw_only=True):
    """Where a row lies in its shard: positions [start, start + count)."""

    row: str
    tokens: str
    start: int
    count: int


class LogitRow(NamedTuple):
    """One row to be written: ids (n, k) and log-probabilities in nats (n, k), best first."""

    row: str
    tokens: str
    ids: NDArray[np.uint32]
    logprobs: NDArray[np.float32]


class LogitStore:
    """Reads a store; new shards of a store still being written are found when a row is missing."""

    def __init__(self, folder: Path, settings: LogitSettings) -> None:
        self.folder, self.settings = folder, settings
        self._entries: dict[str, tuple[int, _Entry]] = {}
        self._shards = 0
        self._mapped: dict[int, tuple[NDArray[np.uint32], NDArray[np.float32]]] = {}
        self._refresh()

    @classmethod
    def open(cls, folder: Path) -> LogitStore:
        """Open an existing store.

        Raises: RunFolderError when there is none, or one of another version.
        """
        path = folder / SETTINGS
        if not path.exists():
            raise RunFolderError("no logits were captured here", where=str(folder), next="run with --from capture")
        settings = read_json(path, LogitSettings)
        if settings.format != FORMAT_VERSION:
            raise RunFolderError(
                f"logits of format {settings.format}; this imbik reads {FORMAT_VERSION}",
                where=str(path),
                next="run with --from capture",
            )
        return cls(folder, settings)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, row: str) -> bool:
        if row not in self._entries:
            self._refresh()
        return row in self._entries

    def rows(self) -> Iterator[str]:
        """Ids of the rows found so far."""
        return iter(self._entries)

    def check_tokenizer(self, tokenizer_hash: str) -> None:
        """Raises: ModelError when the student's token ids mean something else than the teacher's."""
        if tokenizer_hash != self.settings.tokenizer_hash:
            raise ModelError(
                "the logits were captured with another tokenizer than the student's, so their ids mean other tokens",
                where=str(self.folder),
                next="run with --from capture",
            )

    def token_hash(self, row: str) -> str:
        """The hash of the token ids that a captured row had."""
        return self._entries[row][1].tokens

    def row(self, row: str, token_hash: str) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """Ids (n, k) and log-probabilities (n, k) at the n positions that predict a learned token, in order.

        Raises: ModelError when the row was not captured, or its token ids have changed since.
        """
        if row not in self:
            raise ModelError(
                f"row '{row}' has no captured logits", where=str(self.folder), next="run with --from capture"
            )
        shard, entry = self._entries[row]
        if entry.tokens != token_hash:
            raise ModelError(
                f"the tokens of row '{row}' changed since its logits were captured",
                where=str(self.folder),
                next="run with --from capture",
            )
        if shard not in self._mapped:
            self._mapped[shard] = _arrays(self.folder, shard)
        ids, logprobs = self._mapped[shard]
        part = slice(entry.start, entry.start + entry.count)
        return ids[part], logprobs[part]

    def _refresh(self) -> None:
        while (path := _index(self.folder, self._shards)).exists():
            for entry in read_lines(path, _Entry):
                self._entries[entry.row] = (self._shards, entry)
            self._shards += 1


class LogitWriter:
    """Appends blocks of rows. An interrupted block leaves nothing behind that is read."""

    def __init__(self, folder: Path, settings: LogitSettings) -> None:
        """Open for appending.

        Raises: RunFolderError when the folder holds logits of other settings.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / SETTINGS
        if path.exists() and read_json(path, LogitSettings) != settings:
            raise RunFolderError(
                "this folder holds logits of another teacher or other settings",
                where=str(folder),
                next="run with --from capture",
            )
        write_json(path, settings)
        self.folder = folder
        self.settings = settings
        self._shard = 0
        while _index(folder, self._shard).exists():
            self._shard += 1

    def append(self, rows: Sequence[LogitRow]) -> None:
        """Write a block of rows: arrays first, the index that makes them count last."""
        import numpy as np

        if not rows:
            return
        entries, start = [], 0
        for row in rows:
            if row.ids.shape != row.logprobs.shape or row.ids.shape[1:] != (self.settings.top_k,):
                raise ValueError(f"row {row.row}: arrays of shape {row.ids.shape} and {row.logprobs.shape}")
            entries.append(_Entry(row=row.row, tokens=row.tokens, start=start, count=len(row.ids)))
            start += len(row.ids)
        _save(_path(self.folder, self._shard, "ids"), np.concatenate([row.ids for row in rows]).astype(np.uint32))
        _save(_path(self.folder, self._shard, "logprobs"), np.concatenate([row.logprobs for row in rows]).astype("f4"))
        write_lines(_index(self.folder, self._shard), entries)
        self._shard += 1


def _path(folder: Path, shard: int, name: str) -> Path:
    return folder / f"shard-{shard:05d}.{name}.npy"


def _index(folder: Path, shard: int) -> Path:
    return folder / f"shard-{shard:05d}.index.jsonl"


def _save(path: Path, array: NDArray[Any]) -> None:
    import numpy as np

    with atomic_writer(path) as stream:
        np.save(stream, array, allow_pickle=False)


def _arrays(folder: Path, shard: int) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """A shard's two arrays, mapped into memory."""
    import numpy as np

    try:
        ids = np.load(_path(folder, shard, "ids"), mmap_mode="r", allow_pickle=False)
        logprobs = np.load(_path(folder, shard, "logprobs"), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"captured logits are damaged ({error})",
            where=str(_path(folder, shard, "ids")),
            next="run with --from capture",
        ) from None
    return ids, logprobs
