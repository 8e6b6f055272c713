"""What is put by comes back as it was, a row or a column at a time, and nothing is left in the folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imbik.refine.shelves import Columns, Shelf


def test_rows_of_unlike_lengths_come_back_in_any_order(tmp_path: Path) -> None:
    numbers, texts = Shelf(tmp_path, "uint32"), Shelf(tmp_path, "uint8")
    for block in ([[1, 2, 3], []], [[4]], [[], [5, 6]]):
        flat = np.array([value for row in block for value in row], np.uint64)
        numbers.add(flat, np.array([len(row) for row in block]))
    words = ["ığdır".encode(), b"", "ŞİŞLİ".encode()]
    texts.add(b"".join(words), np.array([len(word) for word in words]))
    numbers.close()
    texts.close()
    assert [numbers.of(row).tolist() for row in (4, 0, 2, 1, 3)] == [[5, 6], [1, 2, 3], [4], [], []]
    assert numbers.lengths().tolist() == [3, 0, 1, 0, 2]
    assert texts.every() == words == [texts.bytes_of(row) for row in range(3)]
    assert list(tmp_path.iterdir()) == []


def test_a_matrix_is_filled_by_rows_and_read_by_columns(tmp_path: Path) -> None:
    whole = np.arange(15, dtype=np.uint64).reshape(5, 3)
    columns = Columns(tmp_path)
    for start, end in ((0, 2), (2, 2), (2, 5)):
        columns.add(whole[start:end])
    assert columns.count == 3
    assert [columns.column(number).tolist() for number in (2, 0, 1)] == whole.T[[2, 0, 1]].tolist()
