"""Every executor gives the same blocks in the same order."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.errors import InputError
from imbik.core.executor import Executor, LocalExecutor, ProcessExecutor, blocks_of


def squares(block: Sequence[int]) -> list[int]:
    """The work of the tests: picklable, and refuses negative rows."""
    if any(row < 0 for row in block):
        raise InputError("a negative row", where="rows:1", next="take it out")
    return [row * row for row in block]


def where(block: Sequence[int]) -> int:
    """The process that worked on a block."""
    return os.getpid()


@given(st.lists(st.integers()), st.integers(1, 5))
def test_blocks_hold_every_row_once_and_in_order(rows: list[int], size: int) -> None:
    blocks = list(blocks_of(rows, size))
    assert [row for block in blocks for row in block] == rows
    assert all(len(block) == size for block in blocks[:-1])


@pytest.mark.parametrize("executor", [LocalExecutor(), ProcessExecutor(2)], ids=["local", "processes"])
def test_results_come_in_order(executor: Executor) -> None:
    found = executor.map(squares, blocks_of(range(50), 4))
    assert [value for block in found for value in block] == [row * row for row in range(50)]


def test_workers_are_other_processes() -> None:
    assert os.getpid() not in set(ProcessExecutor(1).map(where, blocks_of(range(3), 1)))


def test_an_error_in_a_worker_keeps_its_parts() -> None:
    with pytest.raises(InputError) as raised:
        list(ProcessExecutor(1).map(squares, [[1], [-1]]))
    assert (raised.value.what, raised.value.where, raised.value.next) == ("a negative row", "rows:1", "take it out")
