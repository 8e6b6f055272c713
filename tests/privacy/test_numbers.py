"""Windows over groups of digits: all that begin and end where a group does, and no other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imbik.privacy.numbers import runs, windows

SIZES = (7, 10, 11)


@given(st.lists(st.text("0123456789", min_size=1, max_size=6), min_size=1, max_size=14))
def test_windows_are_all_neighbouring_groups_with_the_digits_asked_for(groups: list[str]) -> None:
    text = "kod " + " ".join(groups) + " son"
    every = {
        " ".join(part)
        for first in range(len(groups))
        for last in range(first, len(groups))
        if len("".join(part := groups[first : last + 1])) in SIZES
    }
    found = list(windows(text, runs(text), SIZES))
    assert {text[item.start : item.end] for item in found} == every
    assert all(item.digits == text[item.start : item.end].replace(" ", "") for item in found)
    assert [item.start for item in found] == sorted(item.start for item in found)


def test_a_word_parts_two_runs() -> None:
    text = "123 456 ile 789"
    assert [run.digits for run in runs(text)] == ["123456", "789"]
    assert [item.digits for item in windows(text, runs(text), (9,))] == []
