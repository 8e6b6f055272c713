"""Talking to a student: single questions for most kinds, a conversation where it was taught one."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import RunFolderError, UsageError
from imbik.core.types import Sensitivity
from imbik.privacy.audit import read_audit
from imbik.serve.chat import Chat
from small_runs import COLOURS, SmallRun


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    return SmallRun(tmp_path_factory.mktemp("run"), kind="classification", teacher=False)


def test_a_classifier_answers_with_its_likely_classes(colours: SmallRun) -> None:
    with Chat(colours.run) as session:
        (reply,) = session.say("kırmızı top nerede?")
        (again,) = session.say("kırmızı top nerede?")
    said = reply.answered
    assert reply.by == "student"
    assert said.answer in COLOURS
    assert said.problem == ""
    assert said.likely[0] == (said.answer, said.confidence)
    assert sum(share for _, share in said.likely) == pytest.approx(1, abs=1e-5)
    assert again.answered == said  # nothing of the first question is left


def test_a_conversation_is_remembered_until_forgotten(tmp_path: Path) -> None:
    small = SmallRun(tmp_path, kind="conversation", teacher=False)
    with Chat(small.run) as session:
        list(session.say("Merhaba"))
        assert [message.role for message in session._task("Nasılsın?").messages] == ["user", "assistant", "user"]
        session.forget()
        assert [message.role for message in session._task("Nasılsın?").messages] == ["user"]


def test_a_teacher_is_asked_through_the_gate(tmp_path: Path) -> None:
    small = SmallRun(tmp_path)
    weights = small.run.path / "6_student" / "student" / "seed-1" / "weights"
    recipe = small.run.path / "recipe.yaml"
    text = (
        recipe.read_text(encoding="utf-8")
        .replace("use: openai", "use: in_process")
        .replace("model: big", f"model: {weights}")
    )
    recipe.write_text(text, encoding="utf-8")
    with Chat(small.run, "teacher", Sensitivity.SPECIAL) as session:
        replies = list(session.say("3 elma ile 2 armut?"))
    assert [reply.by for reply in replies] == ["student", "usta"]
    lines = read_audit(small.run.path / "audit.jsonl")  # one for each limit under which it was asked
    assert {(line.verdict, line.purpose, line.sensitivity) for line in lines} == {("allowed", "chat", "special")}


def test_a_students_words_are_as_secret_as_the_student(tmp_path: Path) -> None:
    small = SmallRun(tmp_path, kind="conversation", teacher=False)
    with Chat(small.run, sensitivity=Sensitivity.PUBLIC) as session:
        session.student.sensitivity = Sensitivity.SPECIAL
        assert session._task("Merhaba").sensitivity == Sensitivity.PUBLIC
        list(session.say("Merhaba"))
        assert session._task("Nasılsın?").sensitivity == Sensitivity.SPECIAL
        session.forget()
        assert session._task("Nasılsın?").sensitivity == Sensitivity.PUBLIC


def test_what_is_typed_is_confidential_and_stays_here(tmp_path: Path) -> None:
    small = SmallRun(tmp_path)
    recipe = small.run.path / "recipe.yaml"
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("model: big", "model: big\n    base_url: http://127.0.0.1:9/v1"), encoding="utf-8")
    with Chat(small.run, "usta") as session:
        _, reply = session.say("3 elma ile 2 armut?")
    assert "confidential rows may not go to" in reply.answered.problem


def test_what_is_typed_anew_is_another_row_for_the_audit(tmp_path: Path) -> None:
    small = SmallRun(tmp_path)
    for _ in range(2):  # two sessions
        with Chat(small.run) as session:
            ids = [session._task(text).id for text in ("3 elma", "4 elma", "3 elma")]
            assert ids[0] == ids[2] != ids[1]
            assert "elma" not in ids[0]
    with Chat(small.run) as session:
        assert session._task("5 elma").id not in ids


def test_what_cannot_be_answered_is_said(colours: SmallRun, tmp_path: Path) -> None:
    with Chat(colours.run) as session, pytest.raises(UsageError, match="nothing to answer"):
        list(session.say("  "))
    with pytest.raises(UsageError, match="no teacher"):
        Chat(colours.run, "teacher")
    unfinished = SmallRun(tmp_path)
    with pytest.raises(UsageError, match="did you mean 'usta'"):
        Chat(unfinished.run, "ustaa")
    (unfinished.run.path / "6_student" / "best.json").unlink()
    with pytest.raises(RunFolderError, match="no trained student yet"):
        Chat(unfinished.run)
