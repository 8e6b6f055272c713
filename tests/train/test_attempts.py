"""The student's attempts on disk: blocks whole or not at all, books that balance."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from imbik.train.attempts import Attempt, AttemptStore, books_of


def attempts(step: int, *rows: str, reason: str = "") -> list[Attempt]:
    return [
        Attempt(step=step, row=row, prompt=3, tokens=(7, 8), text="İki elma", finished=True, reason=reason)
        for row in rows
    ]


def test_blocks_are_read_as_they_were_written_in_any_order(tmp_path: Path) -> None:
    store = AttemptStore(tmp_path / "a" / "attempts.jsonl")
    assert store.block(0) is None
    store.append(0, attempts(0, "r1", "r2"))
    store.append(3, attempts(3, "r3"))
    store.flush()
    for found in (store, AttemptStore(store.path)):
        again, first = found.block(3), found.block(0)
        assert again is not None
        assert first is not None
        assert [(item.step, item.row, item.tokens, item.text) for item in again] == [(3, "r3", (7, 8), "İki elma")]
        assert [item.row for item in first] == ["r1", "r2"]
        assert found.block(1) is None
    assert store.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("lost", [1, 20, 110])
def test_a_block_that_a_kill_tore_is_cut_away_and_written_again(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "attempts.jsonl"
    store = AttemptStore(path)
    store.append(0, attempts(0, "r1"))
    whole = path.read_bytes()
    store.append(1, attempts(1, "r1", "r2"))
    path.write_bytes(path.read_bytes()[:-lost])
    store = AttemptStore(path)
    assert path.read_bytes() == whole
    assert store.block(1) is None
    store.append(1, attempts(1, "r1", "r2"))
    assert store.books(2).rows == 3


def test_a_block_without_its_last_line_is_no_block(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    path.write_bytes(msgspec.json.encode(Attempt(step=0, row="r1")) + b"\n")
    assert AttemptStore(path).block(0) is None
    assert path.read_bytes() == b""


def test_books_balance() -> None:
    found = books_of([*attempts(0, "a", "b"), *attempts(1, "c", reason="blocked"), *attempts(2, "d", "e", "f")], 2)
    assert (found.rows, found.taught, found.finished, found.unused, found.tokens) == (6, 2, 2, 3, 4)
    assert found.reasons == {"blocked": 1}
    assert found.balanced
    assert not msgspec.structs.replace(found, taught=1).balanced
    assert str(found).startswith("2 of 6 rows drawn were taught at the student's own attempts (not taught, 1: blocked)")
