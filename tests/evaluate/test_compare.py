"""Synthetic score tables whose results are known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from imbik.core.types import Message, Outcome, Sensitivity, Task, TextReference
from imbik.evaluate.answers import Answer
from imbik.evaluate.bootstrap import Bootstrap
from imbik.evaluate.compare import compare, matrix
from imbik.evaluate.samples import choose, may_show

BOOTSTRAP = Bootstrap(resamples=300)


def table(name: str, right: dict[int, list[int]], set_name: str = "test") -> list[Answer]:
    """Answers with a score for each row of each seed."""
    return [
        Answer(id=f"r{row:04d}", set=set_name, seed=seed, answer=name, scores={"accuracy": float(value)})
        for seed, values in right.items()
        for row, value in enumerate(values)
    ]


def test_figures_of_a_small_table() -> None:
    answers = {
        "teacher": table("t", {-1: [1] * 90 + [0] * 10}),
        "student": table("s", {1: [1] * 81 + [0] * 19, 2: [1] * 72 + [0] * 28}),
        "text_only": table("c", {1: [1] * 81 + [0] * 19, 2: [1] * 72 + [0] * 28}),
    }
    found = compare(answers, ["test"], ["accuracy"], BOOTSTRAP)
    assert found.metrics["student"]["accuracy"].value == pytest.approx(0.765)
    assert found.metrics["student"]["accuracy"].seeds == {"1": pytest.approx(0.81), "2": pytest.approx(0.72)}
    assert found.metrics["teacher"]["accuracy"].seeds == {}
    assert found.retention["accuracy"].value == pytest.approx(0.85)
    assert found.paired["student-text_only"]["accuracy"].value == 0
    assert found.paired["student-teacher"]["accuracy"].high < 0
    assert set(found.paired) == {"student-text_only", "student-teacher"}


def test_other_sets_carry_their_name() -> None:
    answers = {"student": table("s", {1: [1, 0, 1, 1]}) + table("s", {1: [0, 0, 1]}, "B")}
    found = compare(answers, ["test", "B"], ["accuracy"], BOOTSTRAP)
    assert found.metrics["student"]["accuracy"].value == 0.75
    assert found.metrics["student"]["accuracy@B"].value == pytest.approx(1 / 3)
    assert not found.retention


def test_answers_dealt_to_other_rows_score_worse() -> None:
    """A system whose answers are shuffled among rows loses what it knew: scoring does look at the row."""
    generator = np.random.default_rng(0)
    known = generator.integers(0, 50, 400)
    shuffled = generator.permutation(known)
    answers = {
        "student": table("s", {1: [1] * 400}),
        "baseline": table("b", {-1: (known == shuffled).astype(int).tolist()}),
    }
    difference = compare(answers, ["test"], ["accuracy"], BOOTSTRAP).paired["student-baseline"]["accuracy"]
    assert difference.low > 0.9


def test_rows_that_were_not_asked_leave_both_sides() -> None:
    teacher = table("t", {-1: [1] * 10})
    teacher[:5] = [Answer(id=answer.id, set="test", outcome=Outcome.BLOCKED) for answer in teacher[:5]]
    answers = {"teacher": teacher, "student": table("s", {1: [0] * 5 + [1] * 5})}
    found = compare(answers, ["test"], ["accuracy"], BOOTSTRAP)
    assert found.retention["accuracy"].value == 1
    assert found.retention["accuracy"].n == 5
    assert found.metrics["student"]["accuracy"].n == 10


def test_a_matrix_stands_in_the_order_of_ids() -> None:
    rows = list(reversed(table("s", {2: [1, 0], 1: [0, 0]})))
    seeds, scores = matrix(rows, "test", "accuracy")
    assert seeds == [1, 2]
    assert scores.tolist() == [[0, 0], [1, 0]]


def test_sample_rows_show_where_systems_part() -> None:
    tasks = [
        Task(
            id=f"r{row:04d}",
            kind="qa",
            messages=(Message(role="user", content="?"),),
            reference=TextReference(text="x"),
        )
        for row in range(40)
    ]
    answers = {
        "teacher": table("t", {-1: [1] * 30 + [0] * 10}),
        "student": table("s", {1: [1] * 20 + [0] * 10 + [1] * 5 + [0] * 5}),
    }
    rows = choose(tasks, answers, "test", "accuracy", best=1)
    shown = {tuple(answer.right for answer in row.answers) for row in rows}
    assert shown == {(True, True), (True, False), (False, True), (False, False)}
    assert [may_show(level) for level in Sensitivity] == [True, True, False, False]
