"""A budget holds against a server that bills whatever it can: what it would bill never exceeds the cap."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from asking import FAST, ask, question, questions
from imbik.ask import ledger
from imbik.ask.engine import AskEngine
from imbik.core.errors import BudgetSpentError, RecipeError
from imbik.core.executor import LocalExecutor
from imbik.core.money import dollars, usd
from imbik.core.progress import Progress, SilentReporter
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Outcome
from imbik.privacy.operator import LocalEndpoint, Operator
from imbik.recipe import build
from imbik.testing import FAULTS, FakeTeacher, Rule

PRICE = {"input": 1000, "output": 20_000}  # USD a million tokens: a word read costs 0.001, a word written 0.02


def engine(
    folder: Path,
    base_url: str,
    budget: Mapping[str, object] | None,
    *,
    operator: Operator | None = None,
    others: Mapping[str, object] | None = None,
    **teacher: Any,
) -> AskEngine:
    """An engine of a run with a budget; `teacher` are its settings, `others` further teachers."""
    data: dict[str, Any] = {
        "name": "deneme",
        "tasks": {"source": "x.jsonl", "kind": "qa"},
        "teachers": {
            "buyuk": {"use": "openai", "model": "sahte", "base_url": base_url, "price": PRICE, **teacher},
            **(others or {}),
        },
        "student": {"architecture": "llama"},
    }
    recipe = build(data if budget is None else {**data, "budget": budget}, base=folder)
    run, progress = RunFolder(folder / "deneme"), Progress(SilentReporter())
    owner = operator or Operator()
    return AskEngine(
        recipe=recipe, run=run, executor=LocalExecutor(), progress=progress, operator=owner, policy=FAST
    )  # fmt: skip


def spent(folder: Path) -> Decimal:
    """What the ledger says was, or may have been, paid."""
    with closing(sqlite3.connect(folder / "answers.sqlite")) as connection:
        return dollars(sum(line.paid + line.possible for line in ledger.lines(connection, "deneme")))


def billed(teacher: FakeTeacher) -> Decimal:
    """What the server would bill for all it was asked, refusals and failures too: it wrote everything it could."""
    total = Decimal(0)
    for body in teacher.bodies:
        read = sum(len(str(item["content"]).split()) for item in body["messages"])
        answer = teacher.answer(body["messages"])
        assert isinstance(answer, str)
        wrote = min(len(answer.split(" ")), int(body["max_tokens"]))
        total += read * Decimal("0.001") + wrote * Decimal("0.02")
    return total


def words(messages: list[dict[str, Any]]) -> str:
    """An answer of one to twenty words, by the question."""
    number = int(str(messages[-1]["content"]).split()[-1])
    return " ".join(["evet"] * (1 + number % 20))


def take(engine: AskEngine, asked: list[Any], purpose: str = "generation") -> list[Completion]:
    """All completions, rows that no money was left for as pending."""
    with engine:
        return list(engine.ask("buyuk", asked, purpose=purpose, leave_pending=True))


@pytest.mark.parametrize("total", ["0.9", "8", "25"])
def test_a_server_with_faults_never_bills_more_than_the_cap(tmp_path: Path, total: str) -> None:
    rules = [
        Rule("500", after=7, times=6), Rule("cut_json", after=20, times=6), Rule("reset", after=31, times=6),
        Rule("hang", after=50, times=4), Rule("wrong_length", after=60, times=4), Rule("empty", after=80, times=4),
        Rule("429", after=90, times=8, retry_after=0.01), Rule("503", after=110, times=3), Rule("refusal", after=140),
    ]  # fmt: skip
    with FakeTeacher(words, rules=rules, latency=0.005) as teacher:
        engine_ = engine(tmp_path, teacher.base_url, {"total": total}, concurrency=32, timeout=0.5)
        found = take(engine_, questions(160, max_tokens=24))
        cap = Decimal(total) * Decimal("0.85")  # the rest is kept for evaluation
        assert billed(teacher) <= cap
        refusals = 8 * Decimal("0.5")  # 429 is not paid
        assert billed(teacher) - refusals <= spent(tmp_path) <= cap
        assert any(completion.outcome is Outcome.PENDING for completion in found)
        assert len(found) == 160


def test_waits_for_what_is_under_way_before_it_gives_up(tmp_path: Path) -> None:
    """Eight questions fit only because each gives most of its reservation back."""
    with FakeTeacher(lambda _: "evet", latency=0.05) as teacher:
        each = Decimal("0.3") + Decimal("0.48")  # 300 bytes of room to read, 24 tokens to write
        asked = questions(8, max_tokens=24)
        budget = {"total": f"{each * 2} USD", "reserve_for_evaluation": 0}
        found = take(engine(tmp_path, teacher.base_url, budget, concurrency=8), asked)
        assert [completion.outcome for completion in found] == [Outcome.ANSWERED] * 8
        assert teacher.most_under_way <= 2, "never more at once than the budget covers at their worst"
        assert spent(tmp_path) == billed(teacher) == 8 * (2 * Decimal("0.001") + Decimal("0.02"))


def test_a_larger_budget_goes_on_and_pays_nothing_twice(tmp_path: Path) -> None:
    with FakeTeacher(words) as teacher:
        first = take(engine(tmp_path, teacher.base_url, {"total": 3}, concurrency=4), questions(60, max_tokens=24))
        pending = sum(completion.outcome is Outcome.PENDING for completion in first)
        assert 0 < pending < 60
        second = take(engine(tmp_path, teacher.base_url, {"total": 300}, concurrency=4), questions(60, max_tokens=24))
        assert [completion.outcome for completion in second] == [Outcome.ANSWERED] * 60
        assert set(teacher.asked.values()) == {1}
        assert spent(tmp_path) == billed(teacher)


def test_what_is_left_may_still_be_enough_for_a_cheaper_teacher(tmp_path: Path) -> None:
    with FakeTeacher(words) as teacher:
        cheap = {"use": "openai", "model": "ucuz", "base_url": teacher.base_url, "price": {"input": 10, "output": 200}}
        asked = questions(60, max_tokens=24)
        with engine(tmp_path, teacher.base_url, {"total": 3}, others={"kucuk": cheap}, concurrency=1) as found:
            with pytest.raises(BudgetSpentError, match="the next question to teacher 'buyuk'"):
                list(found.ask("buyuk", asked, purpose="generation"))
            answers = list(found.ask("kucuk", asked[:40], purpose="generation"))
        assert [completion.outcome for completion in answers] == [Outcome.ANSWERED] * 40
        assert spent(tmp_path) <= 3


def test_the_error_says_what_is_spent_and_what_to_type(tmp_path: Path) -> None:
    with FakeTeacher(words) as teacher, engine(tmp_path, teacher.base_url, {"total": 3}, concurrency=1) as found:
        with pytest.raises(BudgetSpentError) as caught:
            list(found.ask("buyuk", questions(60, max_tokens=24), purpose="generation"))
        text = str(caught.value)
        assert "the budget of 3.00 USD does not cover the next question to teacher 'buyuk'" in text
        assert "0.45 USD are kept for evaluation" in text
        assert '--set budget.total="4.5 USD"' in text
        assert caught.value.exit_code == 5


def test_evaluation_has_a_share_of_its_own_and_whatever_else_is_left(tmp_path: Path) -> None:
    with FakeTeacher(words) as teacher:
        budget = {"total": 4, "reserve_for_evaluation": "40%"}
        take(engine(tmp_path, teacher.base_url, budget, concurrency=1), questions(60, max_tokens=24))
        before = spent(tmp_path)
        assert Decimal("1.4") < before <= Decimal("2.4")
        later = [question(f"sınav {number}", max_tokens=24) for number in range(60)]
        take(engine(tmp_path, teacher.base_url, budget, concurrency=1), later, "evaluation")
        assert Decimal("3.2") < spent(tmp_path) <= 4


def test_stored_answers_cost_nothing_and_are_given_without_money(tmp_path: Path) -> None:
    with FakeTeacher(words) as teacher:
        take(engine(tmp_path, teacher.base_url, {"total": 300}), questions(20, max_tokens=24))
        paid = spent(tmp_path)
        again = take(engine(tmp_path, teacher.base_url, {"total": 0}), questions(22, max_tokens=24))
        assert [completion.outcome for completion in again] == [Outcome.ANSWERED] * 20 + [Outcome.PENDING] * 2
        assert spent(tmp_path) == paid
        with engine(tmp_path, teacher.base_url, {"total": 1}) as poor, pytest.raises(BudgetSpentError) as caught:
            list(poor.ask("buyuk", [question("yeni 1", max_tokens=24)], purpose="generation"))
        wanted = Decimal(caught.value.next.split('budget.total="')[1].split(" USD")[0])
        assert wanted > paid, "what is spent already counts in the advice"


def test_an_endpoint_that_refuses_or_is_not_there_costs_nothing(tmp_path: Path) -> None:
    with FakeTeacher(words, rules=[Rule("429", times=5, retry_after=0.01)]) as teacher:
        found = take(engine(tmp_path, teacher.base_url, {"total": 300}, concurrency=1), questions(3, max_tokens=24))
        assert [completion.outcome for completion in found] == [Outcome.ANSWERED] * 3
        assert spent(tmp_path) == billed(teacher) - 5 * (2 * Decimal("0.001") + Decimal("0.02"))
    before = spent(tmp_path)
    take(engine(tmp_path, teacher.base_url, {"total": 300}), [question("başka 1", max_tokens=24)])
    assert spent(tmp_path) == before, "no connection, nothing paid"


def test_a_price_that_nobody_knows_is_refused_unless_the_server_is_the_operators_own(tmp_path: Path) -> None:
    with FakeTeacher(words) as teacher:
        with engine(tmp_path, teacher.base_url, {"total": 5}, price=None) as unknown:
            with pytest.raises(RecipeError, match="price of teacher 'buyuk' is not known"):
                ask(unknown, questions(1))
            assert not teacher.count
        line = {"host": "127.0.0.1", "ports": [teacher.port], "attestation": "kendi sunucumuz, dışarı iletmez"}
        own = Operator(local=(LocalEndpoint.model_validate(line),))
        found = take(engine(tmp_path, teacher.base_url, {"total": 5}, price=None, operator=own), questions(2))
        assert [completion.outcome for completion in found] == [Outcome.ANSWERED] * 2
        assert spent(tmp_path) == 0


def test_without_a_budget_spending_is_written_down_all_the_same(tmp_path: Path) -> None:
    with FakeTeacher(words) as teacher:
        take(engine(tmp_path, teacher.base_url, None), questions(12, max_tokens=24))
        assert spent(tmp_path) == billed(teacher)


def test_a_killed_run_may_have_paid_for_what_was_under_way(tmp_path: Path) -> None:
    """kill -9 with eight requests under way: they count at their most, and the next process keeps to the cap."""
    with FakeTeacher(words, rules=[Rule("none", latency=30, after=10, times=8)]) as teacher:
        code = f"""
            import sys
            sys.path[:0] = {sys.path!r}
            from test_budget import engine, questions, take
            from pathlib import Path
            take(engine(Path({str(tmp_path)!r}), {teacher.base_url!r}, {{"total": 12}}, concurrency=8),
                 questions(40, max_tokens=24))
        """
        folder = str(Path(__file__).parent)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, *sys.path])}
        process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], env=environment)
        limit = time.monotonic() + 30
        while teacher.count < 18 and time.monotonic() < limit:
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert teacher.count == 18
        after_kill = spent(tmp_path)
        assert billed(teacher) <= after_kill
        with engine(tmp_path, teacher.base_url, {"total": 12}, concurrency=8) as found:
            list(found.ask("buyuk", questions(40, max_tokens=24), purpose="generation", leave_pending=True))
            told = found.stopped()
        assert after_kill < spent(tmp_path) <= Decimal("12") * Decimal("0.85")
        assert told is not None
        assert f"{usd(spent(tmp_path))} are spent" in told.what, "what was under way is told of too"
        assert billed(teacher) <= spent(tmp_path)


def test_every_fault_that_a_provider_bills_is_within_the_cap_by_the_servers_own_books(tmp_path: Path) -> None:
    """Two questions meet each fault; what the server has billed exceeds neither the cap nor what the ledger says."""
    paid = [name for name, fault in FAULTS.items() if fault.paid != "no" and name != "none"]
    rules = [Rule(name, when=f"tür {number:03d} ", times=2) for number, name in enumerate(paid)]
    asked = [question(f"tür {number:03d} {n}", max_tokens=24) for number in range(len(paid)) for n in range(2)]
    price = (Decimal(PRICE["input"]), Decimal(PRICE["output"]))
    with FakeTeacher(words, rules=rules, price=price) as teacher:
        take(engine(tmp_path, teacher.base_url, {"total": 40}, concurrency=32, timeout=0.3), asked)
        assert len(paid) >= 25
        assert 0 < teacher.books.usd <= spent(tmp_path) <= Decimal(40) * Decimal("0.85")
