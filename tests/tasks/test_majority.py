"""One answer wins, or none does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imbik.tasks.majority import majority


def test_shares_count_all_samples() -> None:
    assert majority(["5"]) == ("5", 1.0)
    assert majority(["5", "5", "7"]) == ("5", 2 / 3)
    assert majority(["5", "", ""]) == ("5", 1 / 3)


def test_a_tie_or_nothing_has_no_winner() -> None:
    assert majority(["5", "7"]) == ("", 0.0)
    assert majority(["", ""]) == ("", 0.0)
    assert majority([]) == ("", 0.0)


@given(st.lists(st.sampled_from(["", "1", "2", "3"]), max_size=9), st.randoms())
def test_order_does_not_matter(answers: list[str], random: object) -> None:
    mixed = sorted(answers)
    assert majority(mixed) == majority(answers) == majority(mixed[::-1])
