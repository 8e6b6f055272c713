"""What cannot be collected costs only what it must, is told without a row's words, and can be given up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from asking import outcomes, question, questions
from batchkit import FORMATS, ask, batch_engine
from imbik.advise.batches import give_up, under_way
from imbik.core.errors import UsageError, WaitingError
from imbik.core.runfolder import RunFolder
from imbik.core.types import Outcome
from imbik.testing import BatchPlan, FakeTeacher


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    """Both wire formats."""
    return request.param


def test_a_batch_that_is_gone_is_given_up_and_counts_as_possibly_paid(tmp_path: Path, form: str) -> None:
    run = RunFolder(tmp_path / "deneme")
    with FakeTeacher(batch=BatchPlan(seconds=60), price=("2", "10")) as teacher:
        with batch_engine(tmp_path, teacher.base_url, form, wait=False, budget="1 USD") as engine:
            ask(engine, questions(10))
        (line,) = under_way(run)
        teacher.batches.made.clear()
        with batch_engine(tmp_path, teacher.base_url, form, budget="1 USD") as engine:
            assert set(outcomes(ask(engine, questions(10)))) == {Outcome.PENDING}
            told = str(engine.stopped())
        assert "the provider knows no such batch" in told
        assert f"imbik batches deneme --give-up {line[0]}" in told
        with batch_engine(tmp_path, teacher.base_url, form, batch=False) as engine:
            ask(engine, questions(1))
            assert isinstance(engine.stopped(), WaitingError)
            assert "imbik batches deneme" in str(engine.stopped())
        gone = give_up(run, line[0])
        assert gone.questions == 10
        assert gone.possible > 0
        assert list(under_way(run)) == []
        with pytest.raises(UsageError, match="no batch"):
            give_up(run, line[0])
        teacher.batches.plan = BatchPlan()
        with batch_engine(tmp_path, teacher.base_url, form, budget="1 USD") as engine:
            assert set(outcomes(ask(engine, questions(10)))) == {Outcome.ANSWERED}
            (spent,) = engine.spending()
    assert (spent.possible, spent.lost, spent.answers) == (gone.possible, 10, 10)
    assert spent.paid > Decimal(0)


def test_a_broken_line_costs_only_its_row(tmp_path: Path, form: str) -> None:
    with FakeTeacher(batch=BatchPlan(broken=4), price=("2", "10")) as teacher:
        with batch_engine(tmp_path, teacher.base_url, form) as engine:
            found = outcomes(ask(engine, questions(10)))
            told = str(engine.stopped())
        assert sorted(found) == sorted([Outcome.ANSWERED] * 8 + [Outcome.PENDING] * 2)
        assert "2 of 10 questions of batch" in told
        assert "lines of the results cannot be read" in told
        assert teacher.count == 10
        with batch_engine(tmp_path, teacher.base_url, form, batch=False) as engine:
            kept = outcomes(ask(engine, questions(10)))
        assert kept.count(Outcome.ANSWERED) == 8
        assert teacher.count == 10


def test_what_a_provider_says_of_a_row_is_told_without_its_words(tmp_path: Path) -> None:
    asked = [question("Nurhayat Kocabaş kartını yitirdi 4711"), question("İpek Iğdır taşındı")]
    plan = BatchPlan(seconds=60, errored=1, says="bad prompt: {}")
    with FakeTeacher(batch=plan) as teacher:
        with batch_engine(tmp_path, teacher.base_url, wait=False) as engine:
            ask(engine, asked)
        teacher.batches.plan = replace(plan, seconds=0)
        with batch_engine(tmp_path, teacher.base_url) as engine:
            found = ask(engine, asked)
    for item in found:
        assert "HTTP 500: bad prompt: …" in item.reason
        assert not [word for word in ("Nurhayat", "Kocabaş", "4711", "Iğdır", "taşındı") if word in item.reason]


def test_words_of_a_whole_batch_are_told_in_words_of_the_trade() -> None:
    from imbik.privacy.quiet import words_of_the_trade

    said = "HTTP 400: invalid request in line 3 of the file: Nurhayat Kocabaş 10000000146"
    assert words_of_the_trade(said) == "HTTP 400: invalid request in line 3 of the file: …"


def test_an_endpoint_without_batches_is_told_so(tmp_path: Path) -> None:
    with FakeTeacher() as teacher, batch_engine(tmp_path, f"{teacher.base_url}/x") as engine:
        ask(engine, questions(2))
        told = str(engine.stopped())
    assert "does not take a batch of 2 questions" in told
    assert "is there a batch API" in told
    assert "teachers.buyuk.batch=false" in told
