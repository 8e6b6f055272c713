"""Sensitivity travels: what is made of something is at least as sensitive as its parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.errors import UsageError
from imbik.core.types import Sensitivity
from imbik.privacy.sensitivity import highest, inherited, parse

levels = st.sampled_from(list(Sensitivity))


@given(st.lists(levels, min_size=1))
def test_the_highest_is_one_of_them_and_none_is_above_it(found: list[Sensitivity]) -> None:
    top = highest(found)
    assert top in found
    assert all(level.rank <= top.rank for level in found)


@given(levels, levels)
def test_inheriting_never_lowers(row: Sensitivity, model: Sensitivity) -> None:
    assert inherited(row, model).rank == max(row.rank, model.rank)


def test_no_mark_means_confidential() -> None:
    assert highest([]) is Sensitivity.CONFIDENTIAL
    assert parse("") is Sensitivity.CONFIDENTIAL
    assert parse(" Public ") is Sensitivity.PUBLIC


def test_an_unknown_word_is_an_error_that_names_the_levels() -> None:
    with pytest.raises(UsageError, match="public, internal, confidential, special"):
        parse("gizli", where="rows.csv:3")
