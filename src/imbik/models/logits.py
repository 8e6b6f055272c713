"""The teacher's distributions on disk, addressed by row and checked by token hash.

Enters: per row its id, the hash of its token ids, and arrays over the positions that predict a learned token. Leaves:
the same, from memory-mapped bytes in one of three forms (`logit_forms`). A row whose tokens changed since (another
tokenizer, a shifted template) is refused, never misread. Each block of rows is one shard of bytes and an index that is
written last, so whatever has an index is whole: a store is read while it is written, and writing goes on after a crash.
Stores of format 1 (two arrays a shard) are read, and written on, as they are.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from imbik.core.errors import ModelError, RunFolderError
from imbik.core.files import atomic_writer, read_json, read_lines, write_bytes, write_json, write_lines
from imbik.core.types import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT_VERSION, ARRAYS = 2, 1
Form = Literal["exact", "compressed", "sampled"]
SETTINGS = "logits.json"
_LARGEST = 1 << 20  # more token ids than any model has


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


class _Entry(Record, frozen=True, kw_only=True):
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
        self._entries: dict[str, tuple[int, _Entry]] = {}
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

    def packed(self, row: str) -> tuple[_Entry, bytes]:
        """A row's bytes, and what the index says of it."""
        shard, entry = self._entries[row]
        return entry, bytes(self._data(shard, entry))

    def _data(self, shard: int, entry: _Entry) -> memoryview:
        if shard not in self._bytes:
            self._bytes[shard] = _mapped(_path(self.folder, shard, "bin"))
        data = self._bytes[shard][entry.start : entry.start + entry.size]
        if len(data) != entry.size:
            raise RunFolderError(
                "captured logits are damaged (they end early)",
                where=str(_path(self.folder, shard, "bin")),
                next="run with --from capture",
            )
        return data

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
        found = read_json(path, LogitSettings) if path.exists() else None
        if found is not None and found.format == ARRAYS:
            settings = msgspec.structs.replace(settings, format=ARRAYS, vocabulary=0)
        else:
            vocabulary = settings.vocabulary or _LARGEST
            settings = msgspec.structs.replace(settings, format=FORMAT_VERSION, vocabulary=vocabulary)
        if found is not None and found != settings:
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
        if not rows:
            return
        for row in rows:
            fits = self.settings.form != "exact" or row.ids.shape[1:] == (self.settings.top_k,)
            if row.ids.shape != row.logprobs.shape or not fits:
                raise ValueError(f"row {row.row}: arrays of shape {row.ids.shape} and {row.logprobs.shape}")
        if self.settings.format == ARRAYS:
            self._append_arrays(rows)
        else:
            self._write([(_about(row), _packed(self.settings, row)) for row in rows])
        self._shard += 1

    def copy(self, store: LogitStore, rows: Sequence[str]) -> None:
        """Write rows of a store of the same settings as a block of their own, to the bit."""
        if self.settings.format == ARRAYS:
            self.append([store.read(row, store.token_hash(row)) for row in rows])
        elif rows:
            self._write([store.packed(row) for row in rows])
            self._shard += 1

    def _write(self, rows: Sequence[tuple[_Entry, bytes]]) -> None:
        """A shard of packed rows, its index last."""
        entries, start = [], 0
        for entry, data in rows:
            entries.append(msgspec.structs.replace(entry, start=start, size=len(data)))
            start += len(data)
        write_bytes(_path(self.folder, self._shard, "bin"), b"".join(data for _, data in rows))
        write_lines(_index(self.folder, self._shard), entries)

    def _append_arrays(self, rows: Sequence[LogitRow]) -> None:
        import numpy as np

        entries, start = [], 0
        for row in rows:
            entries.append(_Entry(row=row.row, tokens=row.tokens, start=start, count=len(row.ids)))
            start += len(row.ids)
        _save(_path(self.folder, self._shard, "ids"), np.concatenate([row.ids for row in rows]).astype(np.uint32))
        _save(_path(self.folder, self._shard, "logprobs"), np.concatenate([row.logprobs for row in rows]).astype("f4"))
        write_lines(_index(self.folder, self._shard), entries)


def _about(row: LogitRow) -> _Entry:
    return _Entry(row=row.row, tokens=row.tokens, start=0, count=len(row.ids), width=row.ids.shape[1])


def _packed(settings: LogitSettings, row: LogitRow) -> bytes:
    if row.ids.size and int(row.ids.max()) >= settings.vocabulary:
        raise ValueError(f"row {row.row}: token {int(row.ids.max())} of a vocabulary of {settings.vocabulary}")
    from imbik.models.logit_forms import pack_compressed, pack_exact, pack_sampled

    if settings.form == "sampled":
        assert row.entropy is not None
        return pack_sampled(row.ids, row.logprobs.astype("u1"), row.entropy, settings.vocabulary)
    pack = pack_compressed if settings.form == "compressed" else pack_exact
    return pack(row.ids, row.logprobs, settings.vocabulary)


def _unpacked(settings: LogitSettings, entry: _Entry, data: memoryview) -> LogitRow:
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


def _path(folder: Path, shard: int, name: str) -> Path:
    return folder / (f"shard-{shard:05d}.bin" if name == "bin" else f"shard-{shard:05d}.{name}.npy")


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
