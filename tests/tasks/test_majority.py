"""One answer wins, or none does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imbik.tasks.majority import majority, settled


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


def enough(answers: str, share: float = 0.5, lead: int = 1, most: int = 8) -> bool:
    return settled([answer.strip("-") for answer in answers.split()], share=share, lead=lead, most=most)


def test_asking_stops_where_an_answer_has_its_share_and_its_lead() -> None:
    assert enough("5 5")
    assert not enough("5 5", lead=3)
    assert enough("5 5 5", lead=3)
    assert not enough("5 7 5 5", lead=3)
    assert enough("5 7 5 5 5", lead=3)
    assert not enough("5 7 5", share=0.75)
    assert not enough("5 7")
    assert not enough("- -")
    assert not enough("")


def test_asking_stops_where_no_answer_can_win_any_more() -> None:
    assert not enough("1 2 3 4", most=6)
    assert enough("1 2 3 4 5", most=6)
    assert enough("- - - - -", most=8, share=0.5)
    assert enough("1 2", most=2, share=0.75)


def test_asking_stops_where_a_winner_could_only_be_one_ahead_of_eight() -> None:
    assert enough("1 1 1 2 2 2 3", lead=3)
    assert not enough("1 1 1 2 2 2", lead=3)
    assert not enough("1 1 1 2 2 2 3", lead=1)


def test_best_of_three_breaks_a_tie_whatever_the_lead() -> None:
    assert not enough("1 2", lead=3, most=3)
    assert not enough("1 1", lead=3, most=8)
    assert enough("1 1", lead=3, most=3)
    assert not enough("1 1 2 2", lead=3, most=5)


@given(st.lists(st.sampled_from(["", "1", "2"]), max_size=8), st.floats(0, 1), st.integers(1, 4))
def test_a_settled_task_has_a_winner_or_can_have_none(answers: list[str], share: float, lead: int) -> None:
    if not settled(answers, share=share, lead=lead, most=8):
        return
    winner, reached = majority(answers)
    counts = sorted((answers.count(answer) for answer in ("1", "2")), reverse=True)
    at_most = counts[0] + 8 - len(answers)
    assert (winner and reached >= share) or at_most < share * 8 or at_most - counts[1] < lead - 1
