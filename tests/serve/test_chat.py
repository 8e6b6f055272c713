"""Talking to a student: single questions for most kinds, a conversation where it was taught one."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import RunFolderError, UsageError
from imbik.core.types import Outcome
from imbik.serve.chat import ChatSession
from small_runs import COLOURS, SmallRun


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    return SmallRun(tmp_path_factory.mktemp("run"), kind="classification", teacher=False)


def test_a_classifier_answers_with_its_likely_classes(colours: SmallRun) -> None:
    with ChatSession(colours.run) as session:
        (reply,) = session.say("kırmızı top nerede?")
        (again,) = session.say("kırmızı top nerede?")
    assert reply.system == "student"
    assert reply.answer in COLOURS
    assert reply.outcome is Outcome.ANSWERED
    assert reply.likely[0][0] == reply.answer
    assert sum(share for _, share in reply.likely) == pytest.approx(1, abs=1e-5)
    assert again.answer == reply.answer  # nothing of the first question is left


def test_a_conversation_is_remembered_until_forgotten(tmp_path: Path) -> None:
    small = SmallRun(tmp_path, kind="conversation", teacher=False)
    with ChatSession(small.run) as session:
        session.say("Merhaba")
        assert [message.role for message in session._task("Nasılsın?").messages] == ["user", "assistant", "user"]
        session.forget()
        assert [message.role for message in session._task("Nasılsın?").messages] == ["user"]


def test_what_cannot_be_answered_is_said(colours: SmallRun, tmp_path: Path) -> None:
    with ChatSession(colours.run) as session, pytest.raises(UsageError, match="nothing to answer"):
        session.say("  ")
    with pytest.raises(UsageError, match="no teacher to talk to"):
        ChatSession(colours.run, teacher=True)
    unfinished = SmallRun(tmp_path, teacher=False)
    (unfinished.run.path / "6_student" / "best.json").unlink()
    with pytest.raises(RunFolderError, match="no trained student yet"):
        ChatSession(unfinished.run)
