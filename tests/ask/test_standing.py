"""One question's bad luck ends no teacher; what no question would survive does, with what to type."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from imbik.ask.flight import Flight
from imbik.ask.retry import RetryPolicy, Trouble
from imbik.ask.standing import Standing
from imbik.core.plugins import PluginBlock, typed_settings
from imbik.core.questions import Question
from imbik.core.types import Message, Sensitivity
from imbik.teachers import TeacherContext
from imbik.teachers.openai import OpenAITeacher

POLICY = RetryPolicy(give_up=3, all_alike=2, patience=10)


def standing() -> Standing:
    raw = {"model": "m", "base_url": "http://127.0.0.1:9/v1", "key": "IMBIK_BUYUK_KEY"}
    settings = typed_settings("teachers", PluginBlock(use="openai", raw=raw))
    teacher = OpenAITeacher(settings, TeacherContext("buyuk", Path(), Path()))  # type: ignore[arg-type]
    return Standing("buyuk", teacher, POLICY)


def flight(row: int, *, attempts: int = 0, throttled: int = 0, since: float = 0.0) -> Flight:
    turns = (Message(role="user", content=f"soru {row}"),)
    question = Question(messages=turns, row=str(row), sensitivity=Sensitivity.PUBLIC)
    sent = time.monotonic() - since
    return Flight(bytes([row]), question, "generation", attempts=attempts, throttled=throttled, first_sent=sent)


@pytest.mark.parametrize("status", [401, 402, 429])
def test_no_key_or_no_credit_ends_a_teacher_that_answered_before(status: int) -> None:
    buyuk = standing()
    buyuk.answered()
    error = buyuk.refused(flight(1), status, Trouble("nein", again=False, hopeless=True), alone=False)
    assert error is not None
    assert "teacher 'buyuk' refuses: nein" in str(error)


def test_an_address_that_is_not_there_ends_only_a_teacher_that_never_answered() -> None:
    buyuk, gone = standing(), Trouble("HTTP 404", again=False, hopeless=True)
    assert buyuk.refused(flight(1), 404, gone, alone=False) is not None
    buyuk.answered()
    assert buyuk.refused(flight(2), 404, gone, alone=False) is None


def test_three_questions_forbidden_are_about_the_key_and_an_answer_between_them_starts_anew() -> None:
    buyuk, forbidden = standing(), Trouble("HTTP 403", again=False, hopeless=True)
    buyuk.answered()
    assert [buyuk.refused(flight(row), 403, forbidden, alone=False) for row in (1, 2, 1)] == [None] * 3
    buyuk.answered()
    assert [buyuk.refused(flight(row), 403, forbidden, alone=False) for row in (3, 4)] == [None] * 2
    error = buyuk.refused(flight(5), 403, forbidden, alone=False)
    assert error is not None
    assert "IMBIK_BUYUK_KEY" in error.next


def test_the_last_question_alone_is_forbidden_three_times() -> None:
    buyuk, forbidden = standing(), Trouble("HTTP 403", again=False, hopeless=True)
    buyuk.answered()
    assert buyuk.refused(flight(1, attempts=1), 403, forbidden, alone=True) is None
    assert buyuk.refused(flight(1, attempts=2), 403, forbidden, alone=False) is None
    assert buyuk.refused(flight(1, attempts=2), 403, forbidden, alone=True) is not None


def test_throttling_ends_a_teacher_only_where_nobody_was_answered_for_longer_than_patience() -> None:
    buyuk, busy = standing(), Trouble("HTTP 429", throttled=True)
    assert buyuk.throttled(flight(1, since=5), 1, busy) is None
    error = buyuk.throttled(flight(1, since=9.5), 1, busy)
    assert error is not None
    assert "refused everything for 10 s and wants 1 s" in str(error)
    buyuk.answered()
    assert buyuk.throttled(flight(1, since=9.5), 1, busy) is None


def test_questions_that_fail_end_a_teacher_at_once_or_after_several_in_a_row() -> None:
    buyuk, broken = standing(), Trouble("the connection broke")
    first = buyuk.failed(flight(1, attempts=3), broken, "after 3 attempts")
    assert first is not None, "nobody was ever answered"
    buyuk.answered()
    assert [buyuk.failed(flight(row, attempts=3), broken, "x") for row in (1, 2)] == [None, None]
    third = buyuk.failed(flight(3, attempts=3), broken, "after 3 attempts")
    assert third is not None
    assert "no longer answers: after 3 attempts: the connection broke" in str(third)


def test_a_teacher_that_only_throttles_takes_no_requests_rather_than_cannot_be_reached() -> None:
    error = standing().failed(flight(1, throttled=4), Trouble("HTTP 429"), "refused for now every time")
    assert "takes no requests for now: refused for now every time: HTTP 429" in str(error)


def test_one_reason_for_everybody_is_about_the_request_two_reasons_are_not() -> None:
    wrong = Trouble("model m does not exist", again=False)
    alike, apart = standing(), standing()
    assert alike.failed(flight(1), wrong, "x") is None
    assert "the first 2 questions to teacher 'buyuk' all failed in the same way" in str(
        alike.failed(flight(2), wrong, "x")
    )
    assert apart.failed(flight(1), Trouble("too long", again=False), "x") is None
    assert [apart.failed(flight(row), wrong, "x") for row in (2, 3)] == [None, None]
