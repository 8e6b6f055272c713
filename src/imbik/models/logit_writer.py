"""Writing the teacher's distributions: blocks of rows, each a shard of packed bytes and an index.

Enters: rows as `logits` describes them. Leaves: shards whose index is written last, so an interrupted block leaves
nothing behind that is read, and writing goes on after a crash. Stores of format 1 are written on as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from imbik.core.errors import RunFolderError
from imbik.core.files import atomic_writer, read_json, write_bytes, write_json, write_lines
from imbik.models.logits import (
    ARRAYS,
    FORMAT_VERSION,
    SETTINGS,
    Entry,
    LogitRow,
    LogitSettings,
    LogitStore,
    index_path,
    shard_path,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = 1 << 20  # more token ids than any model has


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
        while index_path(folder, self._shard).exists():
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

    def _write(self, rows: Sequence[tuple[Entry, bytes]]) -> None:
        """A shard of packed rows, its index last."""
        entries, start = [], 0
        for entry, data in rows:
            entries.append(msgspec.structs.replace(entry, start=start, size=len(data)))
            start += len(data)
        write_bytes(shard_path(self.folder, self._shard, "bin"), b"".join(data for _, data in rows))
        write_lines(index_path(self.folder, self._shard), entries)

    def _append_arrays(self, rows: Sequence[LogitRow]) -> None:
        import numpy as np

        entries, start = [], 0
        for row in rows:
            entries.append(Entry(row=row.row, tokens=row.tokens, start=start, count=len(row.ids)))
            start += len(row.ids)
        _save(shard_path(self.folder, self._shard, "ids"), np.concatenate([row.ids for row in rows]).astype(np.uint32))
        _save(
            shard_path(self.folder, self._shard, "logprobs"),
            np.concatenate([row.logprobs for row in rows]).astype("f4"),
        )
        write_lines(index_path(self.folder, self._shard), entries)


def _about(row: LogitRow) -> Entry:
    return Entry(row=row.row, tokens=row.tokens, start=0, count=len(row.ids), width=row.ids.shape[1])


def _packed(settings: LogitSettings, row: LogitRow) -> bytes:
    if row.ids.size and int(row.ids.max()) >= settings.vocabulary:
        raise ValueError(f"row {row.row}: token {int(row.ids.max())} of a vocabulary of {settings.vocabulary}")
    from imbik.models.logit_forms import pack_compressed, pack_exact, pack_sampled

    if settings.form == "sampled":
        assert row.entropy is not None
        return pack_sampled(row.ids, row.logprobs.astype("u1"), row.entropy, settings.vocabulary)
    pack = pack_compressed if settings.form == "compressed" else pack_exact
    return pack(row.ids, row.logprobs, settings.vocabulary)


def _save(path: Path, array: NDArray[Any]) -> None:
    import numpy as np

    with atomic_writer(path) as stream:
        np.save(stream, array, allow_pickle=False)
