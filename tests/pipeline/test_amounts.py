"""Counts that money and forecasts rest on: at most what a run can ask, and nothing for rows that nobody may see."""

from __future__ import annotations

from typing import Any

import pytest

from imbik.pipeline.amounts import answers, asked_tokens, evaluation_calls, teacher_calls, training_tokens, variants
from imbik.pipeline.rows import Rows
from imbik.recipe import Recipe, build

ROWS = Rows(train=80, validation=10, test=10, prompt_tokens=20, answer_tokens=30, held_back=0.0)


def recipe(**sections: Any) -> Recipe:
    teachers = {"a": {"use": "openai", "model": "m"}, "b": {"use": "openai", "model": "n"}}
    base = {"name": "a", "tasks": {"source": "a.jsonl", "kind": "qa"}, "student": {"architecture": "llama"}}
    return build({**base, "teachers": teachers, **sections})


def test_every_task_is_asked_of_each_teacher_as_often_as_samples_say_and_the_report_asks_once() -> None:
    several = recipe(generate={"teacher": ["a", "b"], "samples": 3})
    assert answers(several, ROWS) == 90 * 2 * 3
    assert (teacher_calls(several, ROWS), evaluation_calls(several, ROWS)) == (540 + 10, 10)


def test_rows_that_no_teacher_may_see_are_not_counted() -> None:
    half = Rows(train=80, validation=10, test=10, prompt_tokens=20, answer_tokens=30, held_back=0.5)
    assert teacher_calls(recipe(), half) == 45 + 5


@pytest.mark.parametrize(
    "sections",
    [{"generate": {"from": "reference"}}, {"teachers": {"a": {"use": "recorded"}}}],
)
def test_answers_that_are_there_already_are_no_calls(sections: dict[str, Any]) -> None:
    assert teacher_calls(recipe(**sections), ROWS) == 0


def test_each_seed_and_control_is_a_student_and_steps_go_before_epochs() -> None:
    trained = recipe(train={"seeds": [1, 2, 3], "controls": ["text_only"], "steps": 5, "batch_size": 4, "epochs": 9})
    assert variants(trained) == 6
    assert training_tokens(trained, ROWS) == 5 * 4 * (20 + 30)
    assert training_tokens(recipe(train={"epochs": 2}), ROWS) == 80 * 2 * (20 + 30)


def test_a_served_teacher_writes_how_it_came_to_a_class_though_the_class_is_short() -> None:
    labelled = {"source": "a.jsonl", "kind": "classification"}
    short = Rows(train=8, validation=1, test=1, prompt_tokens=20, answer_tokens=2, held_back=0.0)
    assert asked_tokens(recipe(tasks=labelled), short) == 80
    assert asked_tokens(recipe(tasks=labelled, generate={"reasoning": "none"}), short) == 2
    assert asked_tokens(recipe(tasks=labelled, generate={"max_tokens": 50}), short) == 50
