"""Leaves stay, once each; weights say what they learned; a half-erased run is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import ImbikError
from imbik.core.lineage import leaf, merkle_root
from imbik.core.tombstones import PENDING, bury, learned_erased, mark_learned, refuse_half_erased, tombstones


def test_a_root_verifies_with_the_leaves_of_erased_rows(tmp_path: Path) -> None:
    leaves = [leaf(str(number), {"text": f"satır {number}"}) for number in range(7)]
    assert bury(tmp_path, leaves[2:4], "r1") == 2
    assert bury(tmp_path, leaves[3:5], "r2") == 3
    assert [stone.receipt for stone in tombstones(tmp_path)] == ["r1", "r1", "r2"]
    kept = [*leaves[:2], *leaves[5:]]
    assert merkle_root(kept) != merkle_root(leaves)
    assert merkle_root([*kept, *(stone.leaf for stone in tombstones(tmp_path))]) == merkle_root(leaves)


def test_nothing_erased_leaves_no_file(tmp_path: Path) -> None:
    assert bury(tmp_path, [], "r") == 0
    assert not list(tmp_path.iterdir())
    assert learned_erased(tmp_path) == 0


def test_weights_add_up_what_they_learned(tmp_path: Path) -> None:
    for receipt, rows in (("a", 3), ("b", 2), ("a", 3)):
        mark_learned(tmp_path, receipt, rows)
    assert learned_erased(tmp_path) == 5


def test_a_half_erased_run_is_refused(tmp_path: Path) -> None:
    refuse_half_erased(tmp_path)
    (tmp_path / PENDING).write_text("{}")
    with pytest.raises(ImbikError, match="interrupted") as caught:
        refuse_half_erased(tmp_path)
    assert "imbik privacy forget" in caught.value.next
