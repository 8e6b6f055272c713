"""Taking rows out of captured logits: with a tokenizer, token ids are text.

Enters: the folder of a capture stage. Leaves: the rows that stay, in a new shard, the old shard's index without a line
and its arrays gone. In this order, so that a kill leaves the rows that stay at least once; what is there twice is the
same.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from imbik.advise.forget.erasing import Erasing
from imbik.core.files import digest, read_lines, write_lines
from imbik.core.lineage import leaf
from imbik.core.tombstones import bury
from imbik.models.logit_writer import LogitWriter
from imbik.models.logits import LogitStore


class _Indexed(msgspec.Struct, frozen=True):
    row: str


def erase_logits(folder: Path, erasing: Erasing) -> None:
    """All shards of a store.

    Raises: RunFolderError for a damaged store.
    """
    touched = [path for path in sorted(folder.glob("shard-*.index.jsonl")) if _gone(path, erasing)]
    if not (folder / "logits.json").exists() or not touched:
        return
    store = LogitStore.open(folder)
    writer = LogitWriter(folder, store.settings)
    for index in touched:
        rows = list(dict.fromkeys(item.row for item in read_lines(index, _Indexed)))
        gone = {row for row in rows if erasing.row(row)}
        bury(folder, (captured_leaf(store, row) for row in gone), erasing.receipt)
        writer.copy(store, [row for row in rows if row not in gone])
        write_lines(index, [])
        for name in ("ids.npy", "logprobs.npy", "bin"):
            index.with_name(index.name.replace("index.jsonl", name)).unlink(missing_ok=True)
        erasing.counts["rows of captured logits"] += len(gone)


def captured_leaf(store: LogitStore, row: str) -> str:
    """The leaf of a captured row, as the capture stage makes it."""
    import numpy as np

    ids, logprobs = store.row(row, store.token_hash(row))
    content = digest(np.ascontiguousarray(ids).tobytes(), np.ascontiguousarray(logprobs).tobytes())
    return leaf(row, content)


def _gone(index: Path, erasing: Erasing) -> bool:
    return any(erasing.row(item.row) for item in read_lines(index, _Indexed))
