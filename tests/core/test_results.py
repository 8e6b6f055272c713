"""A stage's account balances only when every row is named, and comes back from disk as it was."""

from __future__ import annotations

import msgspec
import pytest

from imbik.core.results import Artifact, Books, Score
from imbik.core.types import Record, Sensitivity


@pytest.mark.parametrize("lost", [-1, 0, 1])
def test_books_balance_only_when_no_row_vanished_and_none_was_made_up(lost: int) -> None:
    books = Books(rows_in=10 + lost, rows_out=4, rejected=3, failed=2, pending=1, reasons={"shape": 3})
    assert books.balanced is (lost == 0)


@pytest.mark.parametrize(
    "record",
    [
        Score(value=0.5, low=0.4, high=0.6, n=100),
        Artifact(path="7_export/safetensors", sha256="ab" * 32, format="safetensors", sensitivity=Sensitivity.INTERNAL),
        Books(rows_in=2, rows_out=1, rejected=1, reasons={"dil: İngilizce": 1}),
    ],
)
def test_they_come_back_from_disk(record: Record) -> None:
    assert msgspec.json.decode(msgspec.json.encode(record), type=type(record)) == record
