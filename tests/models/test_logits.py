"""Captured logits: read back as written, never for other tokens, readable while written, resumable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imbik.core.errors import ModelError, RunFolderError
from imbik.core.files import write_json
from imbik.models.logit_writer import LogitWriter
from imbik.models.logits import LogitRow, LogitSettings, LogitStore

SETTINGS = LogitSettings(teacher="t", tokenizer_hash="v", top_k=3, vocabulary=200_000)


def row(name: str, count: int) -> LogitRow:
    draw = np.random.default_rng(count)
    ids = draw.integers(0, 200_000, (count, 3)).astype(np.uint32)
    logprobs = -np.abs(draw.standard_normal((count, 3))).astype(np.float16).astype(np.float32)
    return LogitRow(name, f"hash of {name}", ids, logprobs)


def same(store: LogitStore, wanted: LogitRow) -> bool:
    ids, logprobs = store.row(wanted.row, wanted.tokens)
    return np.array_equal(ids, wanted.ids) and np.array_equal(logprobs, wanted.logprobs)


def test_rows_come_back_bit_for_bit(tmp_path: Path) -> None:
    rows = [row(f"ş#{number}", number) for number in range(5)]  # the first has no position at all
    writer = LogitWriter(tmp_path, SETTINGS)
    writer.append(rows[:3])
    writer.append([])
    writer.append(rows[3:])
    store = LogitStore.open(tmp_path)
    assert len(store) == 5
    assert list(store.rows()) == [item.row for item in rows]
    assert all(same(store, item) for item in rows)


def test_changed_tokens_are_refused(tmp_path: Path) -> None:
    LogitWriter(tmp_path, SETTINGS).append([row("a", 2)])
    store = LogitStore.open(tmp_path)
    with pytest.raises(ModelError, match="changed since") as caught:
        store.row("a", "hash of shifted ids")
    assert caught.value.next == "run with --from capture"
    with pytest.raises(ModelError, match="no captured logits"):
        store.row("b", "hash of b")
    store.check_tokenizer("v")
    with pytest.raises(ModelError, match="another tokenizer"):
        store.check_tokenizer("w")


def test_a_store_is_read_while_it_is_written(tmp_path: Path) -> None:
    writer = LogitWriter(tmp_path, SETTINGS)
    store = LogitStore.open(tmp_path)
    assert "a" not in store
    writer.append([row("a", 2)])
    assert "a" in store
    assert same(store, row("a", 2))


def test_writing_goes_on_after_a_crash(tmp_path: Path) -> None:
    writer = LogitWriter(tmp_path, SETTINGS)
    writer.append([row("a", 2)])
    writer.append([row("b", 3)])
    (tmp_path / "shard-00001.index.jsonl").unlink()  # killed before the block counted
    assert "b" not in LogitStore.open(tmp_path)
    LogitWriter(tmp_path, SETTINGS).append([row("c", 4)])
    store = LogitStore.open(tmp_path)
    assert same(store, row("a", 2))
    assert same(store, row("c", 4))
    assert "b" not in store


def test_another_teachers_store_is_not_mixed_in(tmp_path: Path) -> None:
    LogitWriter(tmp_path, SETTINGS)
    with pytest.raises(RunFolderError, match="another teacher"):
        LogitWriter(tmp_path, LogitSettings(teacher="u", tokenizer_hash="v", top_k=3))


def test_what_is_not_there_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no logits"):
        LogitStore.open(tmp_path)
    LogitWriter(tmp_path, SETTINGS).append([row("a", 2)])
    (tmp_path / "shard-00000.bin").write_bytes(b"torn")
    with pytest.raises(RunFolderError, match="damaged"):
        LogitStore.open(tmp_path).row("a", "hash of a")
    write_json(tmp_path / "new" / "logits.json", LogitSettings(teacher="t", tokenizer_hash="v", top_k=3, format=3))
    with pytest.raises(RunFolderError, match="format 3"):
        LogitStore.open(tmp_path / "new")


def test_rows_of_another_width_are_an_error_of_the_program(tmp_path: Path) -> None:
    wrong = LogitRow("a", "h", np.zeros((2, 4), np.uint32), np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match="shape"):
        LogitWriter(tmp_path, SETTINGS).append([wrong])


def arrays(folder: Path) -> None:
    """A store as earlier versions wrote it: two arrays a shard, and settings that say nothing of a format."""
    folder.mkdir(exist_ok=True)
    wanted = row("old", 4)
    (folder / "logits.json").write_text('{"teacher": "t", "tokenizer_hash": "v", "top_k": 3}')
    np.save(folder / "shard-00000.ids.npy", wanted.ids)
    np.save(folder / "shard-00000.logprobs.npy", wanted.logprobs)
    (folder / "shard-00000.index.jsonl").write_text('{"row": "old", "tokens": "hash of old", "start": 0, "count": 4}\n')


def test_a_store_of_an_earlier_version_is_read_and_written_on(tmp_path: Path) -> None:
    arrays(tmp_path)
    LogitWriter(tmp_path, SETTINGS).append([row("new", 2)])
    store = LogitStore.open(tmp_path)
    assert same(store, row("old", 4))
    assert same(store, row("new", 2))
    LogitWriter(tmp_path, SETTINGS).copy(store, ["old"])
    assert same(LogitStore.open(tmp_path), row("old", 4))


def test_rows_are_copied_to_the_bit(tmp_path: Path) -> None:
    settings = LogitSettings(teacher="t", tokenizer_hash="v", top_k=3, form="compressed", vocabulary=200_000)
    writer = LogitWriter(tmp_path, settings)
    writer.append([row("a", 5), row("b", 6)])
    before = LogitStore.open(tmp_path).row("b", "hash of b")
    writer.copy(LogitStore.open(tmp_path), ["b"])
    (tmp_path / "shard-00000.index.jsonl").write_text("")
    after = LogitStore.open(tmp_path).row("b", "hash of b")
    assert all(np.array_equal(left, right) for left, right in zip(before, after, strict=True))


def test_a_token_that_the_vocabulary_does_not_have_is_an_error_of_the_program(tmp_path: Path) -> None:
    small = LogitSettings(teacher="t", tokenizer_hash="v", top_k=3, vocabulary=1000)
    with pytest.raises(ValueError, match="of a vocabulary of 1000"):
        LogitWriter(tmp_path, small).append([row("a", 5)])
