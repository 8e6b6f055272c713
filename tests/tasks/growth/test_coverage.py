"""The plan of rounds: shares are kept, the smallest categories come first, what is dry is asked no more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from imbik.recipe.growing import Grow
from imbik.tasks.growth.coverage import Line, Mixer, Turn
from imbik.tasks.growth.journal import Tried

Brings = Callable[[Turn], int]


def mixer(grow: dict[str, object], lines: dict[str, tuple[float, list[str]]], counts: dict[str, int]) -> Mixer:
    made = Grow.model_validate({"to": 1000, **grow})
    rounds = made.novelty.rounds
    return Mixer(made, [Line.of(name, share, 5, cells, rounds) for name, (share, cells) in lines.items()], counts)


def play(made: Mixer, brings: Brings, rounds: int = 200) -> int:
    """Rounds until nothing is planned."""
    for number in range(rounds):
        turns = made.turns()
        if not turns:
            return number
        tried, left = [], made.room
        for turn in turns:
            new = min(brings(turn), left)
            left -= new
            tried.append(Tried(strategy=turn.strategy, category=turn.category, offered=5, new=new))
        made.note(tried)
    return rounds


def test_strategies_come_to_their_shares_though_one_brings_less() -> None:
    made = mixer({}, {"a": (0.5, ["x"]), "b": (0.3, ["x"]), "c": (0.2, ["x"])}, {"x": 40})
    play(made, lambda turn: {"a": 5, "b": 1, "c": 4}[turn.strategy])
    assert made.total == 1000
    new = {name: line.new / 960 for name, line in made.lines.items()}
    assert new == pytest.approx({"a": 0.5, "b": 0.3, "c": 0.2}, abs=0.05)


def test_the_categories_with_the_fewest_tasks_come_first() -> None:
    made = mixer({}, {"a": (1, ["x", "y", "z"])}, {"x": 300, "y": 10, "z": 0})
    play(made, lambda turn: 4)
    assert max(made.counts.values()) - min(made.counts.values()) <= 20
    apart = mixer({"balance": False}, {"a": (1, ["x", "y", "z"])}, {"x": 300, "y": 10, "z": 0})
    play(apart, lambda turn: 4)
    assert apart.counts["x"] - apart.counts["z"] == pytest.approx(300, abs=20)


def test_a_dry_category_is_left_and_the_others_take_its_place() -> None:
    made = mixer({}, {"a": (1, ["x", "y"])}, {"x": 0, "y": 0})
    play(made, lambda turn: 0 if turn.category == "x" else 5)
    assert made.total == 1000
    assert made.lines["a"].cells["x"].closed.startswith("novelty dried up: of its last")
    assert made.counts == {"x": 0, "y": 1000}


def test_a_strategy_that_dries_up_hands_its_share_to_the_others() -> None:
    made = mixer({}, {"a": (0.5, ["x"]), "b": (0.5, ["x"])}, {"x": 0})
    rounds = play(made, lambda turn: 0 if turn.strategy == "a" else 5)
    assert made.total == 1000
    assert made.lines["b"].new == 1000
    assert made.lines["a"].why.startswith("novelty dried up")
    assert rounds < 12


def test_it_ends_where_nobody_has_anything_more() -> None:
    made = mixer({"novelty": {"at_least": 0.3, "rounds": 2}}, {"a": (1, ["x"])}, {"x": 0})
    play(made, lambda turn: 1)
    assert 0 < made.total < 400
    assert made.turns() == []
    assert "of its last" in made.lines["a"].why


def test_a_bar_of_nothing_ends_only_where_nothing_is_new() -> None:
    made = mixer({"novelty": {"at_least": 0}, "to": 60}, {"a": (1, ["x"])}, {"x": 0})
    seen: Counter[str] = Counter()

    def now_and_then(turn: Turn) -> int:
        seen[turn.strategy] += 1
        return int(seen[turn.strategy] % 3 == 0)

    play(made, now_and_then)
    assert made.total == 60


def test_ideas_that_end_close_their_category() -> None:
    made = mixer({}, {"a": (1, ["x"])}, {"x": 0})
    first = made.turns()
    over = [Tried(strategy="a", category="x", over=True) for _ in first]
    made.note([Tried(strategy="a", category="x", offered=5, new=5), *over])
    assert made.turns() == []
    assert made.lines["a"].why == "it has no more ideas"
    assert made.lines["a"].ideas == 1


def test_the_plan_follows_from_what_was_noted_alone() -> None:
    plans = []
    for _ in range(2):
        made = mixer({}, {"a": (0.7, ["x", "y"]), "b": (0.3, ["y", "z"])}, {"x": 3, "y": 1})
        play(made, lambda turn: (turn.number * 7 + len(turn.category)) % 6, rounds=4)
        plans.append(made.turns())
    assert plans[0] == plans[1]
    numbers = [(turn.strategy, turn.category, turn.number) for turn in plans[0]]
    assert len(numbers) == len(set(numbers))
