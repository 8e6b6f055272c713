"""Asking over real HTTP: order, outcomes, retries, one payment a question, and what is never asked again."""

# ruff: noqa: SIM117 - the inner block shows what lives inside the teacher's life

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from asking import FAST, ask, make_engine, outcomes, question, questions
from imbik.advise.prove import prove
from imbik.ask.engine import AskEngine
from imbik.ask.retry import RetryPolicy
from imbik.core.errors import RunFolderError, TeacherUnreachableError, UsageError
from imbik.core.executor import LocalExecutor
from imbik.core.progress import Progress, SilentReporter
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Outcome, Sensitivity
from imbik.privacy.addresses import Address, Endpoint, endpoint
from imbik.privacy.audit import read_audit, verify
from imbik.privacy.operator import LocalEndpoint, Operator
from imbik.privacy.routes import Routes
from imbik.privacy.transport import UnreachableError
from imbik.recipe import build
from imbik.testing import FakeTeacher, Rule

GOOD = Outcome.ANSWERED


def test_answers_come_in_the_order_of_the_questions(tmp_path: Path) -> None:
    with FakeTeacher(latency=0.05, rules=[Rule("none", when="soru 0", latency=0.2)]) as teacher:
        with make_engine(tmp_path, teacher.base_url) as engine:
            answers = ask(engine, questions(50))
    assert [item.answer for item in answers] == [f"Duydum: soru {number}" for number in range(50)]
    assert answers[0].seconds >= 0.2
    assert teacher.most_under_way > 10


def test_stored_answers_are_not_asked_again_whatever_the_run_is_called(tmp_path: Path) -> None:
    with FakeTeacher() as teacher:
        with make_engine(tmp_path, teacher.base_url) as engine:
            first = ask(engine, questions(20))
            assert ask(engine, questions(20)) == first
        with make_engine(tmp_path, teacher.base_url, run="baska") as engine:
            assert ask(engine, questions(20)) == first
    assert teacher.count == 20


def test_rows_answered_from_the_store_share_audit_lines(tmp_path: Path) -> None:
    with FakeTeacher() as teacher:
        with make_engine(tmp_path, teacher.base_url) as engine:
            ask(engine, questions(54))
        with make_engine(tmp_path, teacher.base_url, run="baska") as engine:
            ask(engine, questions(54))
    lines = [line for line in read_audit(tmp_path / "baska" / "audit.jsonl") if line.verdict]
    assert {(line.verdict, line.sensitivity, line.purpose) for line in lines} == {("stored", "public", "generate")}
    assert {line.place for line in lines} == {str(endpoint(teacher.base_url))}
    assert len({row for line in lines for row in line.rows}) == 54
    assert len(lines) < 20
    assert "54 rows were answered from the store of earlier runs" in prove(RunFolder(tmp_path / "baska"))


def test_identical_questions_of_one_call_are_paid_once(tmp_path: Path) -> None:
    with FakeTeacher(latency=0.05) as teacher, make_engine(tmp_path, teacher.base_url) as engine:
        answers = ask(engine, [question("aynı", row=f"satır {number}") for number in range(30)])
    assert teacher.count == 1
    assert {item.answer for item in answers} == {"Duydum: aynı"}
    lines = [line for line in read_audit(tmp_path / "deneme" / "audit.jsonl") if line.verdict]
    assert len({line.rows for line in lines}) == 30  # every row whose words left has its line


def audited(run: Path) -> int:
    """How many rows the audit chain names as having been allowed to leave."""
    lines = [line for line in read_audit(run / "audit.jsonl") if line.verdict == "allowed"]
    return len({row for line in lines for row in line.rows})


def test_identical_questions_to_a_host_by_name_all_stand_in_the_audit(tmp_path: Path) -> None:
    with FakeTeacher(latency=0.1) as teacher:
        with make_engine(tmp_path, f"http://localhost:{teacher.port}/v1") as engine:
            assert outcomes(ask(engine, [question("aynı", row=f"satır {number}") for number in range(5)])) == [GOOD] * 5
    assert teacher.count == 1
    assert audited(tmp_path / "deneme") == 5


def test_a_row_that_joined_before_the_host_had_an_address_is_still_gated_and_audited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, looked_up = Routes._addresses, 0

    async def late(self: Routes, target: Endpoint) -> list[Address]:
        nonlocal looked_up
        looked_up += 1
        await asyncio.sleep(0.01)
        if looked_up <= 4:
            raise UnreachableError("no address")
        return await real(self, target)

    monkeypatch.setattr(Routes, "_addresses", late)
    asked = [question("aynı", row=f"satır {number}") for number in range(3)]
    asked.append(question("aynı", row="gizli", sensitivity=Sensitivity.CONFIDENTIAL))
    with FakeTeacher(latency=0.1) as teacher, make_engine(tmp_path, teacher.base_url) as engine:
        assert outcomes(ask(engine, asked)) == [GOOD] * 3 + [Outcome.BLOCKED]
    assert teacher.count == 1
    assert audited(tmp_path / "deneme") == 3


def test_questions_are_taken_lazily_and_a_window_at_a_time(tmp_path: Path) -> None:
    taken = 0

    def endless() -> Iterator[Question]:
        nonlocal taken
        while True:
            taken += 1
            yield question(f"soru {taken}")

    with FakeTeacher() as teacher, make_engine(tmp_path, teacher.base_url, concurrency=4) as engine:
        stream = engine.ask("buyuk", endless(), purpose="generate")
        assert taken == 0
        for _ in range(10):
            next(stream)
        assert taken <= 10 + 256
        stream.close()  # type: ignore[attr-defined]


def test_never_more_requests_at_a_time_than_the_recipe_says(tmp_path: Path) -> None:
    with FakeTeacher(latency=0.02) as teacher, make_engine(tmp_path, teacher.base_url, concurrency=3) as engine:
        ask(engine, questions(20))
    assert teacher.most_under_way == 3


@pytest.mark.parametrize(
    ("rule", "outcome", "requests"),
    [
        (Rule("refusal"), Outcome.REFUSED, 1),
        (Rule("filtered"), Outcome.FILTERED, 1),
        (Rule("empty"), Outcome.MALFORMED, 3),
        (Rule("cut_json"), Outcome.MALFORMED, 3),
    ],
)
def test_outcomes_are_typed(tmp_path: Path, rule: Rule, outcome: Outcome, requests: int) -> None:
    with FakeTeacher(rules=[rule]) as teacher, make_engine(tmp_path, teacher.base_url) as engine:
        (answer,) = ask(engine, questions(1))
    assert answer.outcome is outcome
    assert answer.reason
    assert teacher.count == requests


def test_an_unreadable_answer_is_asked_again_by_the_next_run_a_refusal_is_not(tmp_path: Path) -> None:
    with FakeTeacher(rules=[Rule("empty", when="boş"), Rule("refusal", when="ret")]) as teacher:
        with make_engine(tmp_path, teacher.base_url) as engine:
            assert outcomes(ask(engine, [question("boş"), question("ret")])) == [Outcome.MALFORMED, Outcome.REFUSED]
        teacher.set_rules()
        teacher.reset()
        with make_engine(tmp_path, teacher.base_url) as engine:
            assert outcomes(ask(engine, [question("boş"), question("ret")])) == [GOOD, Outcome.REFUSED]
    assert dict(teacher.asked) == {"boş": 1}


def test_a_good_answer_under_a_lower_limit_takes_the_place_of_an_unreadable_one(tmp_path: Path) -> None:
    with FakeTeacher(rules=[Rule("empty")]) as teacher:
        with make_engine(tmp_path, teacher.base_url) as engine:
            assert outcomes(ask(engine, [question("boş", max_tokens=2048)])) == [Outcome.MALFORMED]
        teacher.set_rules()
        teacher.reset()
        for _ in range(3):
            with make_engine(tmp_path, teacher.base_url) as engine:
                assert outcomes(ask(engine, [question("boş", max_tokens=1024)])) == [GOOD]
    assert teacher.count == 1  # paid once


def test_an_unreadable_answer_leaves_a_paid_one_that_was_cut_off(tmp_path: Path) -> None:
    with FakeTeacher(lambda _: "bir iki üç dört") as teacher:
        with make_engine(tmp_path, teacher.base_url) as engine:
            assert outcomes(ask(engine, [question("uzun", max_tokens=2)])) == [Outcome.TRUNCATED]
        teacher.set_rules(Rule("empty"))
        with make_engine(tmp_path, teacher.base_url) as engine:
            assert outcomes(ask(engine, [question("uzun", max_tokens=9)])) == [Outcome.MALFORMED]
        teacher.set_rules()
        teacher.reset()
        with make_engine(tmp_path, teacher.base_url) as engine:
            assert outcomes(ask(engine, [question("uzun", max_tokens=2)])) == [Outcome.TRUNCATED]
            assert teacher.count == 0
            assert outcomes(ask(engine, [question("uzun", max_tokens=9)])) == [GOOD]
            assert outcomes(ask(engine, [question("uzun", max_tokens=9)])) == [GOOD]
    assert teacher.count == 1


def test_raising_the_limit_asks_only_truncated_rows_again(tmp_path: Path) -> None:
    def talk(messages: object) -> str:
        return "bir iki üç" if "kısa" in str(messages) else "bir iki üç dört beş altı"

    with FakeTeacher(talk) as teacher:
        with make_engine(tmp_path, teacher.base_url) as engine:
            asked = [question("kısa", max_tokens=4), question("uzun", max_tokens=4)]
            assert outcomes(ask(engine, asked)) == [GOOD, Outcome.TRUNCATED]
            assert outcomes(ask(engine, asked)) == [GOOD, Outcome.TRUNCATED]
            assert teacher.count == 2
        with make_engine(tmp_path, teacher.base_url) as engine:
            answers = ask(engine, [question("kısa", max_tokens=9), question("uzun", max_tokens=9)])
            assert outcomes(answers) == [GOOD, GOOD]
            assert answers[1].answer == "bir iki üç dört beş altı"
        with make_engine(tmp_path, teacher.base_url) as engine:
            assert outcomes(ask(engine, [question("uzun", max_tokens=4)])) == [GOOD]
    assert dict(teacher.asked) == {"kısa": 1, "uzun": 2}


def long(number: int, limit: int, *longer: int) -> Question:
    """A question under a limit, to be asked again under larger ones."""
    return msgspec.structs.replace(question(f"uzun {number}", max_tokens=limit), longer=longer)


def test_a_cut_off_answer_is_asked_again_with_a_larger_limit_and_no_other_row_is(tmp_path: Path) -> None:
    def talk(messages: Any) -> str:
        return "bir iki üç" if "uzun 0" in messages[-1]["content"] else "bir iki üç dört beş altı"

    price = {"input": "0", "output": "1000000"}  # a dollar a token
    with FakeTeacher(talk) as teacher:
        with make_engine(tmp_path, teacher.base_url, price=price) as engine:
            first, second = ask(engine, [long(0, 4, 8), long(1, 4, 8)])
            assert outcomes([first, second]) == [GOOD, GOOD]
            assert second.answer == "bir iki üç dört beş altı"
            assert (first.cost, second.cost) == (3, 4 + 6)
        assert [body["max_tokens"] for body in teacher.bodies if "uzun 1" in str(body)] == [4, 8]
        teacher.reset()
        with make_engine(tmp_path, teacher.base_url, price=price) as engine:
            assert [item.cost for item in ask(engine, [long(0, 4, 8), long(1, 4, 8)])] == [3, 10]
    assert teacher.count == 0


def test_what_stays_cut_off_keeps_its_text_and_is_never_asked_again_under_the_same_limit(tmp_path: Path) -> None:
    def think(_: object) -> dict[str, str]:
        return {"content": " ".join(["hmm"] * 90), "reasoning_content": "Önce düşünelim."}

    with FakeTeacher(think) as teacher:
        for _ in range(2):
            with make_engine(tmp_path, teacher.base_url) as engine:
                (answer,) = ask(engine, [long(0, 10, 20, 40)])
                assert answer.outcome is Outcome.TRUNCATED
                assert answer.answer == " ".join(["hmm"] * 40)
                assert answer.reasoning == "Önce düşünelim."
                assert "40 tokens" in answer.reason
        assert [body["max_tokens"] for body in teacher.bodies] == [10, 20, 40]
        with make_engine(tmp_path, teacher.base_url) as engine:
            assert outcomes(ask(engine, [long(0, 40, 100)])) == [GOOD]
    assert teacher.count == 4


def test_reasoning_that_took_the_whole_limit_is_said(tmp_path: Path) -> None:
    def think(_: object) -> dict[str, str]:
        return {"content": "", "reasoning_content": "Önce", "finish_reason": "length"}

    with FakeTeacher(think) as teacher, make_engine(tmp_path, teacher.base_url) as engine:
        (answer,) = ask(engine, questions(1))
    assert answer.outcome is Outcome.TRUNCATED
    assert answer.reasoning == "Önce"
    assert "all of it on reasoning" in answer.reason


def test_a_longer_limit_that_fails_leaves_the_cut_off_answer(tmp_path: Path) -> None:
    def talk(_: object) -> str:
        return "bir iki üç dört"

    with FakeTeacher(talk, rules=[Rule("404", after=2, when="uzun")]) as teacher:
        with make_engine(tmp_path, teacher.base_url) as engine:
            ask(engine, [question("kısa", max_tokens=9)])
            (answer,) = ask(engine, [long(0, 2, 3, 9)])
    assert answer.outcome is Outcome.TRUNCATED
    assert answer.answer == "bir iki üç"
    assert "asked again under 9" in answer.reason
    assert "404" in answer.reason


def test_one_call_with_two_limits_for_one_question(tmp_path: Path) -> None:
    with FakeTeacher(lambda _: "bir iki üç dört", latency=0.02) as teacher:
        with make_engine(tmp_path, teacher.base_url) as engine:
            asked = [question("uzun", row="a", max_tokens=2), question("uzun", row="b", max_tokens=9)]
            assert outcomes(ask(engine, asked)) == [Outcome.TRUNCATED, GOOD]
    assert teacher.count == 2


@pytest.mark.parametrize("fault", ["500", "503", "reset", "wrong_length", "429"])
def test_passing_troubles_are_tried_again(tmp_path: Path, fault: str) -> None:
    rules = [Rule(fault, after=5, times=4)]  # type: ignore[arg-type]
    with FakeTeacher(rules=rules) as teacher, make_engine(tmp_path, teacher.base_url, concurrency=4) as engine:
        assert outcomes(ask(engine, questions(20))) == [GOOD] * 20
    assert teacher.count == 24


def test_sustained_throttling_loses_no_row(tmp_path: Path) -> None:
    rules = [Rule("429", times=40, retry_after=0.01)]
    with FakeTeacher(rules=rules) as teacher, make_engine(tmp_path, teacher.base_url, concurrency=16) as engine:
        assert outcomes(ask(engine, questions(30))) == [GOOD] * 30
    assert teacher.count == 70


def test_retry_after_is_honoured(tmp_path: Path) -> None:
    with FakeTeacher(rules=[Rule("429", times=1, retry_after=0.4)]) as teacher:
        with make_engine(tmp_path, teacher.base_url) as engine:
            started = time.monotonic()
            assert outcomes(ask(engine, questions(1))) == [GOOD]
    assert time.monotonic() - started >= 0.4


def test_a_row_that_always_fails_is_a_failed_row_and_the_others_go_on(tmp_path: Path) -> None:
    rules = [Rule("500", when="soru 7")]
    with FakeTeacher(rules=rules) as teacher, make_engine(tmp_path, teacher.base_url, concurrency=1) as engine:
        answers = ask(engine, questions(10))
        assert outcomes(answers) == [GOOD] * 7 + [Outcome.FAILED] + [GOOD] * 2
        assert "6 attempts" in answers[7].reason
        assert "HTTP 500" in answers[7].reason
        teacher.set_rules()
        assert outcomes(ask(engine, questions(10))) == [GOOD] * 10  # failures are not stored


def test_a_hanging_row_fails_at_its_deadline(tmp_path: Path) -> None:
    rules = [Rule("hang", when="soru 3")]
    with FakeTeacher(rules=rules) as teacher:
        with make_engine(tmp_path, teacher.base_url, concurrency=1, timeout=0.1) as engine:
            answers = ask(engine, questions(5))
    assert outcomes(answers) == [GOOD, GOOD, GOOD, Outcome.FAILED, GOOD]
    assert "0.1 s" in answers[3].reason


def test_an_unreachable_teacher_ends_the_run_with_what_to_type(tmp_path: Path) -> None:
    with FakeTeacher() as teacher:
        gone = teacher.base_url
    with make_engine(tmp_path, gone) as engine, pytest.raises(TeacherUnreachableError) as error:
        ask(engine, questions(300))
    text = str(error.value)
    assert "teacher 'buyuk' cannot be reached after" not in text
    assert "cannot be reached" in text
    assert gone in text
    assert "same command again" in text


def test_a_teacher_that_stops_answering_ends_the_run_and_the_same_command_goes_on(tmp_path: Path) -> None:
    rules = [Rule("reset", after=40)]
    with FakeTeacher(rules=rules) as teacher:
        with make_engine(tmp_path, teacher.base_url, concurrency=8) as engine:
            with pytest.raises(TeacherUnreachableError, match="no longer answers"):
                ask(engine, questions(200))
        answered = 40
        teacher.set_rules()
        teacher.reset()
        with make_engine(tmp_path, teacher.base_url) as engine:
            assert outcomes(ask(engine, questions(200))) == [GOOD] * 200
    assert teacher.count == 200 - answered


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        (Rule("401"), "no key was sent.*`key: IMBIK_MY_KEY` under teachers.buyuk"),
        (Rule("404"), "base_url"),
        (Rule("redirect", target="http://192.0.2.1/"), "redirects to http://192.0.2.1/"),
    ],
)
def test_a_teacher_that_refuses_everybody_is_an_error_at_once(tmp_path: Path, rule: Rule, what: str) -> None:
    with FakeTeacher(rules=[rule]) as teacher, make_engine(tmp_path, teacher.base_url, concurrency=2) as engine:
        with pytest.raises(TeacherUnreachableError, match=what) as error:
            ask(engine, questions(100))
    assert teacher.count <= 4
    assert "sk-gizli" not in str(error.value)


def test_a_key_revoked_on_the_way_stops_and_keeps_what_was_paid(tmp_path: Path) -> None:
    with FakeTeacher(rules=[Rule("401", after=30)]) as teacher:
        with make_engine(tmp_path, teacher.base_url, concurrency=4) as engine:
            with pytest.raises(TeacherUnreachableError, match="Answers so far are stored"):
                ask(engine, questions(100))
        teacher.set_rules()
        teacher.reset()
        with make_engine(tmp_path, teacher.base_url) as engine:
            ask(engine, questions(100))
    assert teacher.count == 70


@pytest.mark.parametrize("fault", ["401", "402", "403"])
def test_a_revoked_key_or_no_credit_leaves_the_other_rows_pending_and_stored_answers_are_still_given(
    tmp_path: Path, fault: str
) -> None:
    with FakeTeacher(rules=[Rule("none", times=30), Rule(fault)]) as teacher:
        with make_engine(tmp_path, teacher.base_url, concurrency=4) as engine:
            answers = list(engine.ask("buyuk", questions(100), purpose="generation", leave_pending=True))
            assert outcomes(answers).count(GOOD) == 30
            assert outcomes(answers).count(Outcome.PENDING) == 70
            assert all("refuses" in item.reason for item in answers if item.outcome is Outcome.PENDING)
            assert teacher.count <= 30 + 8
            again = list(engine.ask("buyuk", questions(100), purpose="generation", leave_pending=True))
            assert again == answers
            assert isinstance(engine.stopped(), TeacherUnreachableError)
        teacher.set_rules()
        teacher.reset()
        with make_engine(tmp_path, teacher.base_url) as engine:
            assert outcomes(ask(engine, questions(100))) == [GOOD] * 100
            assert engine.stopped() is None
    assert teacher.count == 70


def test_one_forbidden_row_fails_alone(tmp_path: Path) -> None:
    with FakeTeacher(rules=[Rule("403", when="yasak")], latency=0.01) as teacher:
        with make_engine(tmp_path, teacher.base_url, concurrency=4) as engine:
            answers = ask(engine, [*questions(40), question("yasak"), *questions(90)[40:]])
            assert engine.stopped() is None
    assert outcomes(answers) == [GOOD] * 40 + [Outcome.FAILED] + [GOOD] * 50
    assert teacher.asked["yasak"] == 3


def test_a_missing_key_is_said_before_anything_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    with FakeTeacher() as teacher, make_engine(tmp_path, teacher.base_url, key="IMBIK_FAKE_KEY") as engine:
        with pytest.raises(UsageError, match="export IMBIK_FAKE_KEY="):
            ask(engine, questions(5))
    assert teacher.count == 0


def test_a_confidential_row_never_reaches_an_unlisted_endpoint(tmp_path: Path) -> None:
    mixed = [
        question(f"soru {number}", sensitivity=level)
        for number, level in enumerate([Sensitivity.PUBLIC, Sensitivity.CONFIDENTIAL, Sensitivity.SPECIAL] * 4)
    ]
    with FakeTeacher() as teacher:
        with make_engine(tmp_path, teacher.base_url) as engine:
            answers = ask(engine, mixed)
        assert outcomes(answers) == [GOOD, Outcome.BLOCKED, Outcome.BLOCKED] * 4
        assert "tasks.sensitivity" in answers[1].reason
        assert teacher.count == 4
        local = Operator(local=(LocalEndpoint(host="127.0.0.1", ports=(teacher.port,), attestation="ours"),))
        with make_engine(tmp_path, teacher.base_url, operator=local) as engine:
            assert outcomes(ask(engine, mixed)) == [GOOD] * 12
        assert teacher.count == 12
    lines = list(read_audit(tmp_path / "deneme" / "audit.jsonl"))
    assert [line.verdict for line in lines].count("blocked") == 8
    assert verify(tmp_path / "deneme" / "audit.jsonl") == len(lines)


def test_a_confidential_twin_of_a_public_question_is_still_blocked(tmp_path: Path) -> None:
    twins = [question("aynı", row="a"), question("aynı", row="b", sensitivity=Sensitivity.CONFIDENTIAL)]
    with FakeTeacher(latency=0.02) as teacher, make_engine(tmp_path, teacher.base_url) as engine:
        assert outcomes(ask(engine, twins)) == [GOOD, Outcome.BLOCKED]
        assert outcomes(ask(engine, twins)) == [GOOD, Outcome.BLOCKED]


def test_an_abandoned_stream_gives_its_claims_back(tmp_path: Path) -> None:
    with FakeTeacher(latency=0.02) as teacher, make_engine(tmp_path, teacher.base_url, concurrency=2) as engine:
        stream = engine.ask("buyuk", questions(100), purpose="generate")
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        with make_engine(tmp_path, teacher.base_url, run="baska") as other:
            assert outcomes(ask(other, questions(100))) == [GOOD] * 100
    assert teacher.count == 100


def two_teachers(folder: Path, one: dict[str, Any], other: dict[str, Any]) -> AskEngine:
    """An engine for two teachers, `bir` and `iki`."""
    data = {
        "name": "deneme",
        "tasks": {"source": "x.jsonl", "kind": "qa"},
        "teachers": {"bir": {"use": "openai", **one}, "iki": {"use": "openai", **other}},
        "generate": {"teacher": "bir"},
        "student": {"architecture": "llama"},
    }
    return AskEngine(
        recipe=build(data, base=folder),
        run=RunFolder(folder / "deneme"),
        executor=LocalExecutor(),
        progress=Progress(SilentReporter()),
        operator=Operator(),
        policy=FAST,
    )


def both(engine: AskEngine, asked: list[Question]) -> list[Completion]:
    """Ask two teachers at once, from one thread."""
    streams = [engine.ask(name, asked, purpose="generation") for name in ("bir", "iki")]
    return [answer for pair in zip(*streams, strict=True) for answer in pair]


def test_two_teachers_of_one_identity_asked_at_once_pay_once(tmp_path: Path) -> None:
    with FakeTeacher(latency=0.05) as teacher:
        block = {"model": "m", "base_url": teacher.base_url, "served_as": "aynı"}
        with two_teachers(tmp_path, block, {**block, "model": "n"}) as engine:
            assert outcomes(both(engine, questions(40))) == [GOOD] * 80
    assert teacher.count == 40


def test_teachers_of_one_endpoint_and_model_share_its_limit_and_other_models_do_not(tmp_path: Path) -> None:
    with FakeTeacher(latency=0.05) as teacher:
        block = {"model": "m", "base_url": teacher.base_url, "concurrency": 5}
        for other, most in (({"top_logprobs": 1}, 5), ({"model": "n"}, 10)):
            teacher.reset()
            with two_teachers(tmp_path / str(most), block, {**block, **other}) as engine:
                assert outcomes(both(engine, questions(30))) == [GOOD] * 60
            assert (teacher.count, teacher.most_under_way) == (60, most)


def test_a_row_that_is_refused_every_time_ends_at_its_deadline_while_others_are_answered(tmp_path: Path) -> None:
    rules = [Rule("429", when="soru 3", retry_after=0.02)]
    with FakeTeacher(rules=rules, latency=0.01) as teacher:
        with make_engine(tmp_path, teacher.base_url, deadline=0.5, concurrency=2) as engine:
            started = time.monotonic()
            answers = ask(engine, questions(8))
            assert time.monotonic() - started < 3
    assert outcomes(answers) == [GOOD] * 3 + [Outcome.FAILED] + [GOOD] * 4
    assert "deadline of 0.5 s" in answers[3].reason or "refused for now every time" in answers[3].reason


def test_a_hanging_server_holds_a_row_no_longer_than_its_deadline(tmp_path: Path) -> None:
    with FakeTeacher(rules=[Rule("hang", when="soru 1")]) as teacher:
        with make_engine(tmp_path, teacher.base_url, deadline=0.4, concurrency=1) as engine:
            started = time.monotonic()
            assert outcomes(ask(engine, questions(3))) == [GOOD, Outcome.FAILED, GOOD]
            assert time.monotonic() - started < 2


def test_an_answer_that_is_too_long_is_not_asked_for_again(tmp_path: Path) -> None:
    with FakeTeacher(rules=[Rule("huge", when="soru 1", bytes=50_000)]) as teacher:
        with make_engine(tmp_path, teacher.base_url, concurrency=1, reply_bytes=10_000) as engine:
            answers = ask(engine, questions(3))
    assert outcomes(answers) == [GOOD, Outcome.FAILED, GOOD]
    assert "longer than 10,000 bytes" in answers[1].reason
    assert teacher.count == 3


def test_nothing_is_made_before_the_first_question(tmp_path: Path) -> None:
    with make_engine(tmp_path, "http://127.0.0.1:1/v1") as engine:
        assert engine.identity("buyuk") == "openai http://127.0.0.1:1/v1 sahte"
        assert engine.model_folder("buyuk") is None
        assert engine.sensitivity("buyuk") is Sensitivity.PUBLIC
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_store_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "answers.sqlite").write_bytes(b"no database at all, but long enough to be one" * 50)
    with make_engine(tmp_path, "http://127.0.0.1:1/v1") as engine, pytest.raises(RunFolderError, match="damaged"):
        ask(engine, questions(1))


def test_throttling_without_end_ends_the_run(tmp_path: Path) -> None:
    patience = RetryPolicy(base=0.01, longest=0.05, patience=0.3)
    assert patience != FAST
    with (
        FakeTeacher(rules=[Rule("429")]) as teacher,
        make_engine(tmp_path, teacher.base_url, policy=patience) as engine,
    ):
        with pytest.raises(TeacherUnreachableError, match="takes no requests for now") as raised:
            ask(engine, questions(5))
    assert raised.value.next.startswith("wait until it does")
    assert "base_url" not in raised.value.next


def test_throttling_up_to_the_deadline_is_no_server_that_is_gone(tmp_path: Path) -> None:
    with FakeTeacher(rules=[Rule("429", retry_after=0.05)]) as teacher:
        with make_engine(tmp_path, teacher.base_url, deadline=0.3) as engine:
            with pytest.raises(TeacherUnreachableError, match="refused for now every time: .*429") as raised:
                ask(engine, questions(2))
    assert "concurrency" in raised.value.next
    assert "start the server" not in raised.value.next


def test_a_teacher_that_refuses_the_request_itself_is_asked_no_further(tmp_path: Path) -> None:
    with FakeTeacher(rules=[Rule("400")]) as teacher, make_engine(tmp_path, teacher.base_url, concurrency=4) as engine:
        with pytest.raises(TeacherUnreachableError, match="first 20 questions.*same way.*HTTP 400") as raised:
            ask(engine, questions(300))
    assert "teachers.buyuk" in raised.value.next
    assert 20 <= teacher.count <= 24
    with FakeTeacher() as teacher, make_engine(tmp_path, teacher.base_url) as engine:
        assert outcomes(ask(engine, questions(300))) == [GOOD] * 300


def test_questions_that_are_refused_beside_answered_ones_fail_alone(tmp_path: Path) -> None:
    rules = [Rule("none", when="soru 0"), Rule("400")]
    with FakeTeacher(rules=rules) as teacher, make_engine(tmp_path, teacher.base_url, concurrency=1) as engine:
        assert outcomes(ask(engine, questions(60))) == [GOOD] + [Outcome.FAILED] * 59
    assert teacher.count == 60


def test_a_row_that_is_no_text_fails_alone(tmp_path: Path) -> None:
    with FakeTeacher() as teacher, make_engine(tmp_path, teacher.base_url) as engine:
        answers = ask(engine, [question("a"), question("yarım \ud83d", row="r"), question("b")])
    assert outcomes(answers) == [GOOD, Outcome.FAILED, GOOD]
    assert "half a character" in answers[1].reason


def test_a_key_that_is_not_set_is_told_before_a_server_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMBIK_YOK_API_KEY", raising=False)
    engine = make_engine(tmp_path, "https://yok.invalid/v1", key="IMBIK_YOK_API_KEY")
    with engine, pytest.raises(UsageError, match="the key IMBIK_YOK_API_KEY of teacher 'buyuk' is not set") as error:
        ask(engine, questions(3))
    assert "no address" in error.value.what
    assert "export IMBIK_YOK_API_KEY=…" in error.value.next
