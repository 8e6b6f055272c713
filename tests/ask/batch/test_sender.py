"""Asking in batches, in both formats over real HTTP: order, splitting, what is asked again, money, and the gate."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from asking import outcomes, question, questions
from batchkit import FORMATS, ask, batch_engine
from imbik.ask.batch.sender import BatchSender
from imbik.ask.budget import Purse
from imbik.ask.held import Held
from imbik.core.errors import PluginError, TeacherUnreachableError, WaitingError
from imbik.core.plugins import PluginBlock, load_plugin, typed_settings
from imbik.core.types import Outcome, Sensitivity
from imbik.privacy.audit import read_audit
from imbik.tasks.costs import summary
from imbik.teachers import TeacherContext
from imbik.teachers.catalogue.prices import Price
from imbik.testing import BatchPlan, FakeTeacher


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    """Both wire formats."""
    return request.param


def test_answers_come_in_order_at_half_price_and_serve_live_runs(tmp_path: Path, form: str) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=0.2), price=("2", "10")) as teacher:
        with batch_engine(tmp_path, teacher.base_url, form) as engine:
            found = ask(engine, questions(40))
            (line,) = engine.spending()
        assert [item.answer for item in found] == [f"Duydum: soru {n}" for n in range(40)]
        assert len(teacher.batches.made) == 1
        assert sum(item.cost for item in found) == line.paid == teacher.books.usd > 0
        assert (line.answers, line.lost, line.possible) == (40, 0, 0)
        with batch_engine(tmp_path, teacher.base_url, form, batch=False) as engine:
            again = ask(engine, questions(40))
        assert [item.answer for item in again] == [item.answer for item in found]
        assert [item.cost for item in again] == [item.cost for item in found]
        assert teacher.count == 40


def test_files_are_split_by_requests_and_by_bytes(tmp_path: Path, form: str) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=0.1, most=15)) as teacher:
        with batch_engine(tmp_path / "a", teacher.base_url, form, batch_requests=15) as engine:
            found = ask(engine, questions(40))
        sizes = sorted(len(batch.rows) for batch in teacher.batches.made.values())
        assert sizes == [10, 15, 15]
        with batch_engine(tmp_path / "b", teacher.base_url, form, batch_requests=15, batch_bytes=4096) as engine:
            long = [*questions(9), question("x" * 5_000)]
            ended = ask(engine, long)
    assert [item.answer for item in found] == [f"Duydum: soru {n}" for n in range(40)]
    assert outcomes(ended) == [Outcome.ANSWERED] * 9 + [Outcome.FAILED]
    assert "longer than the 4,096 bytes" in ended[-1].reason
    assert len(teacher.batches.made) == 3 + 1


def test_rows_without_an_answer_go_into_the_next_batch_twice_at_most(tmp_path: Path, form: str) -> None:
    plan = BatchPlan(seconds=0.1, errored=4, expired=5, missing=7)
    with (
        FakeTeacher(batch=plan, price=("2", "10")) as teacher,
        batch_engine(tmp_path, teacher.base_url, form) as engine,
    ):
        found = ask(engine, questions(20))
        (line,) = engine.spending()
        rows = [len(batch.rows) for batch in teacher.batches.made.values()]
        assert rows[:2] == [20, sum(plan.ending(n) != "succeeded" for n in range(1, 21))]
        assert len(rows) == 3
        assert max(teacher.asked.values()) == 3
        answered = outcomes(found).count(Outcome.ANSWERED)
        assert answered == 20 - sum(plan.ending(n) != "succeeded" for n in range(1, rows[2] + 1))
        failed = [item.reason for item in found if item.outcome is Outcome.FAILED]
        assert failed
        assert all(reason.startswith("failed in 3 batches: ") for reason in failed)
        assert line.paid == teacher.books.usd
        assert line.lost == sum(plan.ending(n) == "missing" for size in rows for n in range(1, size + 1))


def test_a_row_that_may_not_leave_is_in_no_file_and_every_row_has_a_line(tmp_path: Path, form: str) -> None:
    asked = [question("soru açık"), question("gizli soru", sensitivity=Sensitivity.CONFIDENTIAL)]
    asked += [question("TC kimlik no 10000000146 olan kişi"), question("öbür soru")]
    with FakeTeacher(batch=BatchPlan(seconds=0.1)) as teacher:
        with batch_engine(tmp_path, teacher.base_url, form) as engine:
            found = ask(engine, asked)
        (batch,) = teacher.batches.made.values()
        assert [body["messages"][-1]["content"] for _, body in batch.rows] == ["soru açık", "öbür soru"]
        assert all("10000000146" not in str(body) for body in teacher.bodies)
    assert outcomes(found) == [Outcome.ANSWERED, Outcome.BLOCKED, Outcome.BLOCKED, Outcome.ANSWERED]
    lines = [line for line in read_audit(tmp_path / "deneme" / "audit.jsonl") if line.verdict]
    assert sorted(line.verdict for line in lines) == ["allowed", "allowed", "blocked", "blocked"]
    assert {len(line.rows) for line in lines} == {1}


def test_money_is_held_at_half_price_before_a_file_leaves_and_settled_after(tmp_path: Path, form: str) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=0.3), price=("2", "10")) as teacher:
        with batch_engine(tmp_path, teacher.base_url, form) as engine:
            most = engine.most("buyuk", questions(1)[0]) / 2
        # three questions fit at a time; what an answer gives back lets more of them into the next batch
        with batch_engine(tmp_path, teacher.base_url, form, budget=f"{most * 3 + Decimal('0.001')} USD") as engine:
            found = ask(engine, questions(9))
            (line,) = engine.spending()
            assert outcomes(found) == [Outcome.ANSWERED] * 9
            assert next(len(batch.rows) for batch in teacher.batches.made.values()) == 3
            assert line.paid == teacher.books.usd
            assert line.possible == 0


def test_nothing_of_a_collected_batch_stays_at_the_provider(tmp_path: Path, form: str) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=0.1, errored=4)) as teacher:
        with batch_engine(tmp_path / "a", teacher.base_url, form) as engine:
            assert Outcome.ANSWERED in outcomes(ask(engine, questions(8)))
        assert not teacher.batches.files
        assert len(teacher.batches.gone) >= len(teacher.batches.made)
        gone = list(teacher.batches.gone)
        with batch_engine(tmp_path / "b", teacher.base_url, form, batch_keep=True) as engine:
            ask(engine, questions(3))
        assert teacher.batches.gone == gone


def test_files_that_cannot_be_deleted_are_told_and_cost_no_answer(tmp_path: Path, form: str) -> None:
    said: list[str] = []
    with (
        FakeTeacher(batch=BatchPlan(seconds=0.1, kept=True)) as teacher,
        batch_engine(tmp_path, teacher.base_url, form, say=said.append) as engine,
    ):
        assert outcomes(ask(engine, questions(3))) == [Outcome.ANSWERED] * 3
    assert any("still has the files of batch" in line for line in said)


def test_too_much_under_way_is_waited_for(tmp_path: Path) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=0.1, full=2), price=("2", "10")) as teacher:
        with batch_engine(tmp_path, teacher.base_url, budget="1 USD") as engine:
            found = ask(engine, questions(5))
            (line,) = engine.spending()
        assert outcomes(found) == [Outcome.ANSWERED] * 5
        assert len(teacher.batches.made) == 3
        assert (line.paid, line.possible) == (teacher.books.usd, 0)
        assert not teacher.batches.files


def test_too_much_under_way_is_no_failure_where_nobody_waits(tmp_path: Path) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=0.1, full=1)) as teacher:
        with batch_engine(tmp_path, teacher.base_url, wait=False) as engine:
            assert set(outcomes(ask(engine, questions(5)))) == {Outcome.PENDING}
            stopped = engine.stopped()
        assert isinstance(stopped, WaitingError)
        assert "too much under way for a batch of 5 questions" in stopped.what
        with batch_engine(tmp_path, teacher.base_url) as engine:
            assert outcomes(ask(engine, questions(5))) == [Outcome.ANSWERED] * 5


def test_what_cannot_wait_is_asked_at_once(tmp_path: Path) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=60)) as teacher, batch_engine(tmp_path, teacher.base_url) as engine:
        for purpose in ("pilot", "chat", "audition"):
            assert outcomes(ask(engine, [question(f"{purpose}?")], purpose)) == [Outcome.ANSWERED]
        assert not teacher.batches.made


@pytest.mark.parametrize("use", ["deepseek", "vllm", "gemini", "azure"])
def test_a_provider_that_is_not_known_to_take_batches_is_refused(use: str) -> None:
    raw = {"model": "m", "batch": True} | ({"resource": "kurum"} if use == "azure" else {})
    block = PluginBlock(use=use, raw=raw)
    context = TeacherContext(name="t", base=Path(), runs=Path())
    with pytest.raises(PluginError, match="not known to take batches"):
        load_plugin("teachers", block.use)(typed_settings("teachers", block), context)


def test_the_pilot_forecasts_what_a_batch_will_cost(tmp_path: Path) -> None:
    with FakeTeacher(price=("2", "10")) as teacher, batch_engine(tmp_path, teacher.base_url) as engine:
        asked = ask(engine, questions(20), "pilot")
        found = summary(asked, engine.share("buyuk"))
        assert found is not None
        assert found.mean == pytest.approx(float(sum(item.cost for item in asked)) / 20 / 2)
        price = Price(input=Decimal(2), output=Decimal(10), cached=Decimal(1), batch=Decimal("0.5")).in_batches()
        assert (price.input, price.output, price.cached, price.cache_write) == (1, 5, Decimal("0.5"), None)


def test_a_provider_that_takes_no_batch_ends_the_teacher_and_no_money_stays_held(tmp_path: Path, form: str) -> None:
    with FakeTeacher(batch=BatchPlan(most=5)) as teacher:
        with batch_engine(tmp_path, teacher.base_url, form, budget="1 USD") as engine:
            found = ask(engine, questions(20))
            stopped = engine.stopped()
            assert engine.spending() == []
        assert set(outcomes(found)) == {Outcome.PENDING}
        assert "does not take a batch of 20 questions" in str(stopped)
        assert "batch_requests" in str(stopped)
        with batch_engine(tmp_path, teacher.base_url, form, batch_requests=5) as engine:
            assert set(outcomes(ask(engine, questions(20)))) == {Outcome.ANSWERED}


def test_a_refused_key_and_a_server_that_is_gone_are_said(tmp_path: Path, form: str) -> None:
    with FakeTeacher(key="gizli-anahtar") as teacher:
        with batch_engine(tmp_path, teacher.base_url, form) as engine:
            assert set(outcomes(ask(engine, questions(3)))) == {Outcome.PENDING}
            assert "Incorrect API key" in str(engine.stopped())
        url = teacher.base_url
    with batch_engine(tmp_path, url, form) as engine:
        assert set(outcomes(ask(engine, questions(3)))) == {Outcome.PENDING}
        assert "cannot be reached" in str(engine.stopped())


def test_a_teacher_that_ends_while_a_question_waits_for_money_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody hands that question over any more: it must not wait for ever, and its money is given back."""
    senders: list[BatchSender] = []
    begin, hold = BatchSender.__init__, Purse.hold

    def begun(sender: BatchSender, *given: object, **named: object) -> None:
        begin(sender, *given, **named)  # type: ignore[arg-type]
        senders.append(sender)

    async def held(purse: Purse, *given: object, **named: object) -> Held:
        found = await hold(purse, *given, **named)  # type: ignore[arg-type]
        senders[0]._end(TeacherUnreachableError("the key was revoked"))
        return found

    monkeypatch.setattr(BatchSender, "__init__", begun)
    monkeypatch.setattr(Purse, "hold", held)
    with FakeTeacher(batch=BatchPlan(seconds=0.1), price=("2", "10")) as teacher:
        with batch_engine(tmp_path, teacher.base_url, "openai", budget="5 USD") as engine:
            assert outcomes(ask(engine, questions(3))) == [Outcome.PENDING] * 3
            assert not engine.spending()
        assert not teacher.batches.made


def test_a_budget_that_suffices_is_never_called_spent(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imbik.ask.budget._POLL_SECONDS", 0.0005)
    with FakeTeacher(batch=BatchPlan(seconds=0.1), price=("2", "10")) as teacher:
        with batch_engine(tmp_path, teacher.base_url, form) as engine:
            most = engine.most("buyuk", questions(1)[0]) / 2
        # far more questions wait for money than fit, so some look just when a file takes over what is held
        asked, budget = questions(60), f"{most * 12} USD"
        with batch_engine(tmp_path, teacher.base_url, form, budget=budget) as engine:
            found = ask(engine, asked)
            (line,) = engine.spending()
            assert set(outcomes(found)) == {Outcome.ANSWERED}, engine.stopped()
    assert len(teacher.batches.made) > 1
    assert line.paid == teacher.books.usd


def test_a_provider_that_says_not_now_is_waited_for_and_the_file_is_sent_once(tmp_path: Path, form: str) -> None:
    with FakeTeacher(batch=BatchPlan(busy=8)) as teacher:
        with batch_engine(tmp_path, teacher.base_url, form, batch_keep=True) as engine:
            assert set(outcomes(ask(engine, questions(5)))) == {Outcome.ANSWERED}
        (batch,) = teacher.batches.made.values()
        assert len(batch.rows) == 5
        files = sum(b"/v1/chat/completions" in content for content in teacher.batches.files.values())
        assert files == (form == "openai")
