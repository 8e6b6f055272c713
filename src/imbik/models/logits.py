"""The teacher's distributions on disk, addressed by row and checked by token hash.

Enters: per row its id, the hash of its token ids, and arrays over the positions that predict a learned token. Leaves:
the same, from memory-mapped bytes in one of three forms (`logit_forms`). A row whose tokens changed since (another
tokenizer, a shifted template) is refused, never misread. Each block of rows is one shard of bytes and an index that is
written last, so whatever has an index is whole: a store is read while it is written. Stores of format 1 (two arrays a
shard) are read as they are. `logit_writer` writes them.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from imbik.core.errors import ModelError, RunFolderError
from imbik.core.files import read_json, read_lines
from imbik.core.types import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT_VERSION, ARRAYS = 2, 1
Form = Literal["exact", "compressed", "sampled"]
SETTINGS = "logits.json"


class LogitSettings(Record, frozen=True, kw_only=True):
    """What all rows of a store share: the teacher, whose token ids these are and how many there are, the form, how many
    probabilities are kept (`sampled`: how many tokens were drawn at each position).

    Stores of format 1 say nothing of their format.
    """

    teacher: str
    tokenizer_hash: str
    top_k: int
    format: int = ARRAYS
    form: Form = "exact"
    vocabulary: int = 0


class Entry(Record, frozen=True, kw_only=True):
    """Where a row lies in its shard: from `start` on (a byte; in format 1 a position), `count` positions of `width`
    ids, `size` bytes in all."""

    row: str
    tokens: str
    start: int
    count: int
    width: int = 0
    size: int = 0


class LogitRow(NamedTuple):
    """One row to be written: ids (n, k) and log-probabilities in nats (n, k), best first. In a sampled store ids that
    were drawn, how often each was (0 fills up), and entropies (n,) in nats.
    """

    row: str
    tokens: str
    ids: NDArray[np.uint32]
    logprobs: NDArray[np.float32]
    entropy: NDArray[np.float32] | None = None


class LogitStore:
    """Reads a store; new shards of a store still being written are found when a row is missing."""

    def __init__(self, folder: Path, settings: LogitSettings) -> None:
        self.folder, self.settings = folder, settings
        self._entries: dict[str, tuple[int, Entry]] = {}
        self._shards = 0
        self._mapped: dict[int, tuple[NDArray[np.uint32], NDArray[np.float32]]] = {}
        self._bytes: dict[int, memoryview] = {}
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
        if settings.format not in (ARRAYS, FORMAT_VERSION):
            raise RunFolderError(
                f"logits of format {settings.format}; this imbik reads {ARRAYS} and {FORMAT_VERSION}",
                where=str(path),
                next="run with --from capture",
            )
        return cls(folder, settings)

    def __reduce__(self) -> tuple[object, ...]:
        """Another process opens the folder for itself, once."""
        return _opened, (self.folder,)

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

    def positions(self, row: str) -> int:
        """At how many positions something is known of a row."""
        return self._entries[row][1].count

    @property
    def sampled(self) -> bool:
        """Whether its rows are samples, not the likeliest tokens."""
        return self.settings.form == "sampled"

    def row(self, row: str, token_hash: str) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """Ids (n, k) and log-probabilities (n, k) at the n positions that predict a learned token, in order; of a
        sampled store, ids and weights that sum to 1, 0 where they fill up.

        Raises: ModelError when the row was not captured, or its token ids have changed since.
        """
        found = self.read(row, token_hash)
        if not self.sampled:
            return found.ids, found.logprobs
        return found.ids, (found.logprobs / self.settings.top_k).astype("f4")

    def read(self, row: str, token_hash: str) -> LogitRow:
        """A row as it was written.

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
        if self.settings.format == ARRAYS:
            if shard not in self._mapped:
                self._mapped[shard] = _arrays(self.folder, shard)
            ids, logprobs = self._mapped[shard]
            part = slice(entry.start, entry.start + entry.count)
            return LogitRow(row, entry.tokens, ids[part], logprobs[part])
        return _unpacked(self.settings, entry, self._data(shard, entry))

    def packed(self, row: str) -> tuple[Entry, bytes]:
        """A row's bytes, and what the index says of it."""
        shard, entry = self._entries[row]
        return entry, bytes(self._data(shard, entry))

    def _data(self, shard: int, entry: Entry) -> memoryview:
        if shard not in self._bytes:
            self._bytes[shard] = _mapped(shard_path(self.folder, shard, "bin"))
        data = self._bytes[shard][entry.start : entry.start + entry.size]
        if len(data) != entry.size:
            raise RunFolderError(
                "captured logits are damaged (they end early)",
                where=str(shard_path(self.folder, shard, "bin")),
                next="run with --from capture",
            )
        return data

    def _refresh(self) -> None:
        while (path := index_path(self.folder, self._shards)).exists():
            for entry in read_lines(path, Entry):
                self._entries[entry.row] = (self._shards, entry)
            self._shards += 1


@lru_cache(maxsize=8)
def _opened(folder: Path) -> LogitStore:
    """The store as this process knows it."""
    return LogitStore.open(folder)


def _unpacked(settings: LogitSettings, entry: Entry, data: memoryview) -> LogitRow:
    from imbik.models.logit_forms import unpack_compressed, unpack_exact, unpack_sampled

    shape = (entry.count, entry.width, settings.vocabulary)
    if settings.form == "sampled":
        ids, counts, entropy = unpack_sampled(data, *shape)
        return LogitRow(entry.row, entry.tokens, ids, counts.astype("f4"), entropy)
    unpack = unpack_compressed if settings.form == "compressed" else unpack_exact
    return LogitRow(entry.row, entry.tokens, *unpack(data, *shape))


def _mapped(path: Path) -> memoryview:
    """A shard's bytes, mapped into memory.

    Raises: RunFolderError where they are not there.
    """
    try:
        with path.open("rb") as stream:
            if not path.stat().st_size:
                return memoryview(b"")
            return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise RunFolderError(
            f"captured logits are damaged ({error.strerror})", where=str(path), next="run with --from capture"
        ) from None


def shard_path(folder: Path, shard: int, name: str) -> Path:
    """Where a shard's bytes lie (`bin`), or one of its arrays in format 1."""
    return folder / (f"shard-{shard:05d}.bin" if name == "bin" else f"shard-{shard:05d}.{name}.npy")


def index_path(folder: Path, shard: int) -> Path:
    """Where a shard's index lies, which makes it count."""
    return folder / f"shard-{shard:05d}.index.jsonl"


def _arrays(folder: Path, shard: int) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """A shard's two arrays, mapped into memory."""
    import numpy as np

    try:
        ids = np.load(shard_path(folder, shard, "ids"), mmap_mode="r", allow_pickle=False)
        logprobs = np.load(shard_path(folder, shard, "logprobs"), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RunFolderError(
            f"captured logits are damaged ({error})",
            where=str(shard_path(folder, shard, "ids")),
            next="run with --from capture",
        ) from None
    return ids, logprobs
