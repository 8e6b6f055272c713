"""Scores by turn and by dialogue, from answers whose scores are known beforehand."""

from __future__ import annotations

import pytest

from imbik.core.types import LabelReference, Message, Outcome, Source, Task, TurnsReference
from imbik.evaluate.answers import Answer, Held
from imbik.evaluate.bootstrap import Bootstrap
from imbik.evaluate.dialogues import dialogues

BOOTSTRAP = Bootstrap(resamples=200)


def held(line: int, turns: int) -> list[Held]:
    """The turns of one dialogue."""
    return [
        Held(
            Task(
                id=f"d{line}.{number}",
                kind="conversation",
                messages=(Message(role="user", content="Merhaba"),),
                reference=TurnsReference(turns=("İyi günler",) * number),
                source=Source(file="a.jsonl", line=line),
            ),
            "test",
        )
        for number in range(1, turns + 1)
    ]


def answers(rows: list[Held], scores: list[float], seed: int = -1) -> list[Answer]:
    return [
        Answer(id=row.task.id, set="test", seed=seed, scores={"token_f1": score})
        for row, score in zip(rows, scores, strict=True)
    ]


def test_a_long_dialogue_counts_no_more_than_a_short_one() -> None:
    rows = [*held(1, 1), *held(2, 3), *held(10, 8)]
    scores = [1.0, 1.0, 0.5, 0.0, *[0.0] * 5, 0.4, 0.4, 0.4]
    found = dialogues(rows, {"student": answers(rows, scores, 1)}, "test", "token_f1", BOOTSTRAP)
    assert found is not None
    assert (found.dialogues, found.turns) == (3, 12)
    assert found.by_dialogue["student"].value == pytest.approx((1.0 + 0.5 + 0.15) / 3)
    assert found.by_dialogue["student"].n == 3
    assert list(found.by_turn) == ["1", "2", "3", "4", "5", "6 and later"]
    assert found.by_turn["1"]["student"].value == pytest.approx(2 / 3)
    assert found.by_turn["6 and later"]["student"].value == pytest.approx(0.4)
    assert found.by_turn["6 and later"]["student"].n == 3


def test_seeds_are_averaged_and_named() -> None:
    rows = held(1, 2)
    both = [*answers(rows, [1.0, 0.0], 1), *answers(rows, [1.0, 1.0], 2)]
    found = dialogues(rows, {"student": both}, "test", "token_f1", BOOTSTRAP)
    assert found is not None
    assert found.by_dialogue["student"].value == pytest.approx(0.75)
    assert found.by_dialogue["student"].seeds == {"1": 0.5, "2": 1.0}


def test_a_dialogue_with_a_turn_that_was_not_asked_is_left_out() -> None:
    rows = [*held(1, 2), *held(2, 2)]
    asked = answers(rows, [1.0, 1.0, 0.2, 0.4])
    asked[1] = Answer(id=rows[1].task.id, set="test", outcome=Outcome.BLOCKED)
    found = dialogues(rows, {"teacher": asked}, "test", "token_f1", BOOTSTRAP)
    assert found is not None
    assert (found.by_dialogue["teacher"].value, found.by_dialogue["teacher"].n) == (pytest.approx(0.3), 1)
    assert found.by_turn["1"]["teacher"].n == 2


def test_other_kinds_have_none() -> None:
    task = Task(id="a", kind="qa", messages=(Message(role="user", content="?"),), reference=LabelReference(text="x"))
    assert dialogues([Held(task, "test")], {}, "test", "accuracy", BOOTSTRAP) is None
    assert dialogues(held(1, 2), {}, "test", "", BOOTSTRAP) is None
