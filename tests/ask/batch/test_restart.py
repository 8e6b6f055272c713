"""Batches and kill -9: wherever a run is killed, the same command collects, and nothing is handed over twice."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from asking import outcomes, question, questions
from batchkit import FORMATS, ask, batch_engine
from imbik.advise.breach import breach, span
from imbik.advise.forget.databases import count_stored, erase_answers_stored
from imbik.ask.key import question_key
from imbik.core.errors import WaitingError
from imbik.core.runfolder import RunFolder
from imbik.core.types import Outcome
from imbik.privacy.account import what_left
from imbik.privacy.audit import read_audit
from imbik.testing import BatchPlan, FakeTeacher
from imbik.testing.anthropic_messages import AnthropicMessages
from imbik.testing.batches import Batch

_POINTS = {
    "gathered": ("imbik.ask.batch.leading.Leader", "carry", False),
    "written down": ("imbik.ask.batch.records", "write", True),
    "sent": ("imbik.privacy.transport.Transport", "send_parcel", True),
    "made": ("imbik.ask.batch.leading.Leader", "_named", False),
    "named": ("imbik.ask.batch.leading.Leader", "_collected", False),
    "half collected": ("imbik.ask.batch.results.Results", "_keep", True),
    "collected": ("imbik.ask.batch.records", "finish", False),
}
_KILLED = """
import importlib, inspect, os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
folder, url, form, place, name, after = Path(sys.argv[2]), *sys.argv[3:]
module, _, owner = place.rpartition(".")
try:
    target = importlib.import_module(place)
except ModuleNotFoundError:
    target = getattr(importlib.import_module(module), owner)
real = getattr(target, name)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

async def later(*given, **named):
    if after == "True":
        await real(*given, **named)
    die()

def now(connection, *given):
    if after == "True":
        real(connection, *given)
        connection.execute("COMMIT")
    die()

setattr(target, name, later if inspect.iscoroutinefunction(real) else now)
import imbik.ask.batch.results
imbik.ask.batch.results._BLOCK = 7
from asking import outcomes, question, questions
from batchkit import ask, batch_engine
with batch_engine(folder, url, form, budget="1 USD") as engine:
    ask(engine, questions(20))
"""


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    """Both wire formats."""
    return request.param


def run_until_killed(folder: Path, url: str, form: str, point: str) -> None:
    """A process that asks 20 questions and kills itself at a point of it."""
    helpers = str(Path(__file__).resolve().parents[2])
    words = [sys.executable, "-c", _KILLED, helpers, str(folder), url, form, *map(str, _POINTS[point])]
    worker = subprocess.run(words, timeout=60, check=False, capture_output=True)
    assert worker.returncode == -signal.SIGKILL, worker.stderr.decode()[-2000:]


@pytest.mark.parametrize(
    ("point", "form"),
    [
        ("written down", "openai"),
        ("sent", "openai"),  # the file is there, and no batch was made of it
        ("made", "openai"),
        ("written down", "anthropic"),
        ("sent", "anthropic"),
        ("named", "anthropic"),
        ("half collected", "anthropic"),
        ("collected", "openai"),
    ],
)
def test_no_kill_hands_a_question_over_twice(tmp_path: Path, form: str, point: str) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=0.2), price=("2", "10")) as teacher:
        run_until_killed(tmp_path, teacher.base_url, form, point)
        with batch_engine(tmp_path, teacher.base_url, form, budget="1 USD") as engine:
            found = ask(engine, questions(20))
            (line,) = engine.spending()
        assert [item.answer for item in found] == [f"Duydum: soru {n}" for n in range(20)]
        assert set(teacher.asked.values()) == {1}
        assert (line.paid, line.possible, line.answers) == (teacher.books.usd, 0, 20)


def test_who_does_not_wait_is_told_what_is_under_way_and_collects_it_later(tmp_path: Path) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=60), price=("2", "10")) as teacher:
        with batch_engine(tmp_path, teacher.base_url, wait=False, batch_requests=15) as engine:
            found = ask(engine, questions(20))
            stopped = engine.stopped()
        assert set(outcomes(found)) == {Outcome.PENDING}
        assert isinstance(stopped, WaitingError)
        assert stopped.what.startswith(f"2 batches of 20 questions are under way at 127.0.0.1:{teacher.port}")
        with batch_engine(tmp_path, teacher.base_url, wait=False) as engine:
            assert set(outcomes(ask(engine, questions(20)))) == {Outcome.PENDING}
        with batch_engine(tmp_path, teacher.base_url, run="oteki", batch=False) as engine:
            found = ask(engine, [question("soru 3"), question("başka")])
            assert outcomes(found) == [Outcome.PENDING, Outcome.ANSWERED]
            assert "in a batch of run 'deneme'" in str(engine.stopped())
        teacher.batches.plan = BatchPlan()
        with batch_engine(tmp_path, teacher.base_url, wait=False) as engine:
            assert set(outcomes(ask(engine, questions(20)))) == {Outcome.ANSWERED}
        assert set(teacher.asked.values()) == {1}


def test_a_budget_that_is_held_by_a_batch_nobody_waits_for_is_no_spent_budget(tmp_path: Path) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=60)) as teacher:
        with batch_engine(tmp_path, teacher.base_url, wait=False, budget="0.02 USD") as engine:
            found = ask(engine, questions(20))
            assert isinstance(engine.stopped(), WaitingError)
        assert set(outcomes(found)) == {Outcome.PENDING}
        assert 0 < teacher.count < 20
        teacher.batches.plan = BatchPlan()
        with batch_engine(tmp_path, teacher.base_url, budget="0.02 USD") as engine:
            assert set(outcomes(ask(engine, questions(20)))) == {Outcome.ANSWERED}
        assert set(teacher.asked.values()) == {1}


def test_what_a_batch_brings_for_an_erased_row_is_not_stored(tmp_path: Path) -> None:
    store, asked = tmp_path / "answers.sqlite", questions(5)
    with FakeTeacher(batch=BatchPlan(seconds=60)) as teacher:
        with batch_engine(tmp_path, teacher.base_url, wait=False) as engine:
            ask(engine, asked)
            keys = [question_key(engine.identity("buyuk"), item, local=False) for item in asked]
        erase_answers_stored(store, {keys[2]})
        teacher.batches.plan = BatchPlan()
        with batch_engine(tmp_path, teacher.base_url) as engine:
            assert set(outcomes(ask(engine, [*asked[:2], *asked[3:]]))) == {Outcome.ANSWERED}
        assert teacher.count == 5
    assert [count_stored(store, {key}) for key in keys] == [1, 1, 0, 1, 1]


@pytest.mark.parametrize("early", [False, True])
def test_rows_of_a_batch_that_stood_before_count_as_left_then(tmp_path: Path, early: bool) -> None:
    run = RunFolder(tmp_path / "deneme")
    with FakeTeacher(batch=BatchPlan(seconds=60)) as teacher:
        with batch_engine(tmp_path, teacher.base_url, wait=False) as engine:
            ask(engine, questions(12))
        shutil.rmtree(tmp_path / "deneme")  # with its audit chain: the new one does not know that they left
        teacher.batches.plan = BatchPlan(seconds=0 if early else 1)
        with batch_engine(tmp_path, teacher.base_url) as engine:
            if early:  # what the batch brings is stored before anybody asks for it
                ask(engine, [question("başka")])
            assert set(outcomes(ask(engine, questions(12)))) == {Outcome.ANSWERED}
    lines = list(read_audit(run.path / "audit.jsonl"))
    noted = [row for line in lines if line.verdict == "collected" for row in line.rows]
    assert len(set(noted)) == len(noted) == 12
    place = f"http://127.0.0.1:{teacher.port}"
    assert {(line.place, line.reason) for line in lines if line.verdict == "collected"} == {(place, "public")}
    said = what_left(run.path)
    batch = "in a batch handed over under this run's name on "
    assert f"12 public rows had left for {place} before, {batch}" in said
    assert "Nothing left" not in said
    assert "store" not in said
    assert len(breach(run, span("2020-01-01")).sent) == 12 + early


def test_a_batch_that_this_runs_chain_knows_is_counted_once(tmp_path: Path, form: str) -> None:
    run = RunFolder(tmp_path / "deneme")
    with FakeTeacher(batch=BatchPlan(seconds=60)) as teacher:
        with batch_engine(tmp_path, teacher.base_url, form, wait=False) as engine:
            ask(engine, questions(12))
        teacher.batches.plan = BatchPlan()
        with batch_engine(tmp_path, teacher.base_url, form) as engine:
            assert set(outcomes(ask(engine, questions(12)))) == {Outcome.ANSWERED}
    said = what_left(run.path)
    assert said.startswith(f"12 public rows were allowed to http://127.0.0.1:{teacher.port} (audit chain of ")
    assert len(breach(run, span("2020-01-01")).sent) == 12


@pytest.mark.parametrize("late", [False, True])
def test_a_row_that_left_in_a_batch_and_came_back_without_an_answer_left_all_the_same(
    tmp_path: Path, late: bool
) -> None:
    run, plan = RunFolder(tmp_path / "deneme"), BatchPlan(seconds=60, errored=1)
    with FakeTeacher(batch=plan) as teacher:
        with batch_engine(tmp_path, teacher.base_url, wait=False) as engine:
            ask(engine, questions(2))
        shutil.rmtree(run.path)
        teacher.batches.plan = replace(plan, seconds=0)
        with batch_engine(tmp_path, teacher.base_url) as engine:
            if late:
                ask(engine, [question("başka")])  # until then the batch has ended, and nobody has asked for its rows
            assert set(outcomes(ask(engine, questions(2)))) == {Outcome.FAILED}
        handed_over = [sent for made in teacher.batches.made.values() for sent, *_ in made.rows]
    assert len(handed_over) == 3 * (2 + late)  # none more often than the three times that a row is handed over
    lines = list(read_audit(run.path / "audit.jsonl"))
    assert {row for line in lines if line.left for row in line.rows} != set()


def test_a_batch_that_never_arrived_is_no_leaving(tmp_path: Path) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=0.2)) as teacher:
        run_until_killed(tmp_path, teacher.base_url, "openai", "written down")
        with batch_engine(tmp_path, teacher.base_url, budget="1 USD") as engine:
            assert set(outcomes(ask(engine, questions(20)))) == {Outcome.ANSWERED}
    assert not [line for line in read_audit(tmp_path / "deneme" / "audit.jsonl") if line.left]


def test_a_kill_while_questions_are_gathered_costs_nothing(tmp_path: Path) -> None:
    with FakeTeacher(batch=BatchPlan(seconds=0.1), price=("2", "10")) as teacher:
        run_until_killed(tmp_path, teacher.base_url, "openai", "gathered")
        assert teacher.count == 0
        with batch_engine(tmp_path, teacher.base_url, budget="1 USD") as engine:
            assert engine.spending() == []
            found = ask(engine, questions(20))
            (line,) = engine.spending()
    assert set(outcomes(found)) == {Outcome.ANSWERED}
    assert (line.possible, line.lost, line.paid) == (0, 0, teacher.books.usd)


@pytest.mark.parametrize("deleted", [False, True])
def test_a_batch_of_another_program_that_cannot_be_read_is_passed_over(tmp_path: Path, deleted: bool) -> None:
    with FakeTeacher(batch=BatchPlan(), price=("2", "10")) as teacher:
        run_until_killed(tmp_path, teacher.base_url, "anthropic", "sent")
        foreign = Batch("msgbatch_x", AnthropicMessages(), ("", ""), [("x", {})], {}, broken=1, deleted=deleted)
        foreign.results = [("x", "expired", {})]
        teacher.batches.made["msgbatch_x"] = foreign
        with batch_engine(tmp_path, teacher.base_url, "anthropic", budget="1 USD") as engine:
            assert set(outcomes(ask(engine, questions(20)))) == {Outcome.ANSWERED}
        assert set(teacher.asked.values()) == {1}
