"""Row expressions select what Python's slices would."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.errors import RecipeError
from imbik.tasks.selection import Selection, parse_selection


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("", Selection()),
        ("train", Selection("train")),
        ("train[:4096]", Selection("train", "", "4096")),
        ("[100:200]", Selection("", "100", "200")),
        (" train[10%:20%] ", Selection("train", "10%", "20%")),
        ("test[-10:]", Selection("test", "-10", "")),
        ("[:]", Selection()),
    ],
)
def test_expressions_are_read(text: str, selection: Selection) -> None:
    assert parse_selection(text) == selection


@pytest.mark.parametrize("text", ["train[4096]", "train[", "[a:b]", "[:120%]", "train[::2]", "tr ain[:1]"])
def test_what_selects_nothing_is_refused(text: str) -> None:
    with pytest.raises(RecipeError):
        parse_selection(text)


@given(st.integers(0, 40), st.none() | st.integers(-50, 50), st.none() | st.integers(-50, 50))
def test_numbers_cut_like_slices(total: int, start: int | None, end: int | None) -> None:
    text = f"[{'' if start is None else start}:{'' if end is None else end}]"
    assert list(parse_selection(text).take(range(total))) == list(range(total))[start:end]


@given(st.integers(0, 200), st.lists(st.integers(0, 100), min_size=1, max_size=5))
def test_neighbouring_percentages_cover_all_rows_once(total: int, inner: list[int]) -> None:
    borders = [0, *sorted(inner), 100]
    parts = [parse_selection(f"[{a}%:{b}%]").take(range(total)) for a, b in pairwise(borders)]
    assert [row for part in parts for row in part] == list(range(total))
