"""Recorded answers: sample n is the n-th name, and what is not there is a failed sample with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imbik.core.plugins import PluginBlock, typed_settings
from imbik.core.questions import Question
from imbik.core.types import Message, Outcome, Recorded, Sensitivity
from imbik.teachers import LocalTeacher, TeacherContext
from imbik.teachers.recorded import RecordedTeacher


def made(**settings: Any) -> RecordedTeacher:
    """A recorded teacher called `eski`."""
    typed = typed_settings("teachers", PluginBlock(use="recorded", raw=settings))
    return RecordedTeacher(typed, TeacherContext("eski", Path(), Path()))  # type: ignore[arg-type]


def asked(sample: int, **texts: str) -> Question:
    """A question that carries its task's recorded answers."""
    return Question(
        messages=(Message(role="user", content="2+2?"),),
        row="r",
        sensitivity=Sensitivity.CONFIDENTIAL,
        sample=sample,
        recorded=tuple(Recorded(name=name, text=text) for name, text in texts.items()),
    )


def test_it_fulfils_the_contract_of_a_local_teacher() -> None:
    teacher = made(answers={"a": "x.y"})
    assert isinstance(teacher, LocalTeacher)
    assert (teacher.place, teacher.sensitivity) == ("recorded", Sensitivity.PUBLIC)


def test_sample_n_is_the_nth_name_whatever_the_order_in_the_row() -> None:
    teacher = made(answers={"a": "x.a", "b": "x.b"})
    found = teacher.answer([asked(0, b="iki", a="bir"), asked(1, b="iki", a="bir")])
    assert [item.answer for item in found] == ["bir", "iki"]
    assert {item.outcome for item in found} == {Outcome.ANSWERED}


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        (asked(0), "no answer is recorded under 'a'"),
        (asked(0, a="  "), "no answer is recorded under 'a'"),
        (asked(5, a="bir"), "sample 6 is asked for, and 2 answers are recorded"),
    ],
)
def test_what_is_not_there_fails_with_a_reason(question: Question, reason: str) -> None:
    (found,) = made(answers={"a": "a", "b": "b"}).answer([question])
    assert (found.outcome, found.reason) == (Outcome.FAILED, reason)


def test_names_come_from_files_columns_the_teacher_or_the_rows() -> None:
    assert made(files={"x": "x.jsonl", "y": "y.jsonl"}, answers={"x": "text"}).names == ("x", "y")
    assert made(files=["x.jsonl"], answers={"a": "text"}).names == ("a",)
    assert made(files=["x.jsonl"]).names == ("eski",)
    (found,) = made().answer([asked(0, gpt="kayıttan")])
    assert found.answer == "kayıttan"


def test_reasoning_between_tags_is_taken_apart() -> None:
    good, open_end = made(answers={"a": "a"}).answer([asked(0, a="<think>çünkü</think>dört"), asked(0, a="<think>çün")])
    assert (good.reasoning, good.answer) == ("çünkü", "dört")
    assert open_end.outcome is Outcome.TRUNCATED


def test_identity_changes_with_the_columns_only() -> None:
    assert made(answers={"a": "x"}).identity == made(answers={"a": "x"}, key="no").identity
    assert made(answers={"a": "x"}).identity != made(answers={"a": "y"}).identity
