"""The Merkle root depends on the rows alone, and a stage's hash on exactly what shapes its output."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.files import digest
from imbik.core.lineage import Leaves, leaf, merkle_root, stage_hash

LEAVES = st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), unique=True, max_size=20)


@given(LEAVES, st.randoms())
def test_the_root_does_not_depend_on_order(leaves: list[str], random: object) -> None:
    shuffled = list(leaves)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merkle_root(leaves) == merkle_root(shuffled)


@given(LEAVES.filter(bool), st.integers(min_value=0))
def test_any_changed_or_missing_row_changes_the_root(leaves: list[str], at: int) -> None:
    place = at % len(leaves)
    changed = [*leaves[:place], leaf("other", leaves[place]), *leaves[place + 1 :]]
    missing = [*leaves[:place], *leaves[place + 1 :]]
    assert len({merkle_root(leaves), merkle_root(changed), merkle_root(missing)}) == 3


@given(LEAVES.filter(lambda items: len(items) > 1))
def test_a_root_is_no_leaf(leaves: list[str]) -> None:
    assert merkle_root([merkle_root(leaves)]) != merkle_root(leaves)


def test_an_erased_row_keeps_the_chain() -> None:
    rows = {"a": "Ayşe", "b": "Bora", "c": "Can"}
    leaves = {key: leaf(key, text) for key, text in rows.items()}
    root = merkle_root(leaves.values())
    del rows["b"]
    kept = [leaf(key, text) for key, text in rows.items()] + [leaves["b"]]
    assert merkle_root(kept) == root


def test_an_empty_stage_has_a_root() -> None:
    assert merkle_root([]) == merkle_root(iter(()))
    assert len(merkle_root([])) == 64


def test_a_leaf_is_bound_to_its_key() -> None:
    assert leaf("a", {"text": "x"}) != leaf("b", {"text": "x"})


def test_what_shapes_the_output_changes_the_hash() -> None:
    base = stage_hash("train", 1, {"lr": 1e-4, "b": 2}, {"refine": "00"})
    assert base == stage_hash("train", 1, {"b": 2, "lr": 1e-4}, {"refine": "00"})
    others = [
        stage_hash("train", 2, {"lr": 1e-4, "b": 2}, {"refine": "00"}),
        stage_hash("train", 1, {"lr": 1e-3, "b": 2}, {"refine": "00"}),
        stage_hash("train", 1, {"lr": 1e-4, "b": 2}, {"refine": "01"}),
        stage_hash("export", 1, {"lr": 1e-4, "b": 2}, {"refine": "00"}),
    ]
    assert len({base, *others}) == 5


def test_leaves_are_a_sequence_of_texts() -> None:
    wanted = [digest(str(number)) for number in range(5)]
    leaves = Leaves()
    for item in wanted:
        leaves.append(item)
    assert list(leaves) == wanted
    assert (len(leaves), leaves[0], leaves[-1], leaves[1:3]) == (5, wanted[0], wanted[-1], wanted[1:3])
    assert merkle_root(leaves) == merkle_root(wanted)
    with pytest.raises(IndexError):
        leaves[5]
