"""A run with a budget, from the command line to the ledger: pilot, stop, going on, report, forecast, notice."""

from __future__ import annotations

import csv
import json
import stat
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from asking import FAST
from imbik.advise.spend import spend_line, spend_rows
from imbik.ask import ledger
from imbik.ask.engine import AskEngine
from imbik.cli.main import run_command
from imbik.core.errors import BudgetSpentError, ImbikError, RecipeError
from imbik.core.executor import LocalExecutor
from imbik.core.money import totals
from imbik.core.progress import Progress, SilentReporter
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Sample
from imbik.evaluate.answers import Answer
from imbik.evaluate.trail import spend
from imbik.pipeline import run
from imbik.pipeline.money import cost
from imbik.pipeline.preflight import preflight
from imbik.privacy.operator import Operator
from imbik.recipe import Recipe, load_recipe
from imbik.tasks.costs import Pilot, summary, total_of
from imbik.tasks.questions import question_of
from imbik.tasks.read import kind_of, read_tasks
from imbik.testing import FakeTeacher, Rule

ROWS = 200
RECIPE = """
name: butce
tasks: {{source: rows.csv, kind: qa, sensitivity: public, split: {{validation: 0.1, test: 0.2}}}}
teachers:
  buyuk: {{use: openai, model: sahte, base_url: {url}, concurrency: 8, price: {{input: 1000, output: 20000}}}}
generate: {{max_tokens: 24, instruction: '', longer: {{times: 0}}}}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 64}}
{budget}
"""


class Said(SilentReporter):
    """Keeps what a person is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def answer(messages: list[dict[str, Any]]) -> str:
    """One to ten words, by the question; a word costs two cents."""
    return " ".join(["evet"] * (1 + int(str(messages[-1]["content"]).split()[-1].strip("?")) % 10))


@pytest.fixture
def teacher() -> Any:
    with FakeTeacher(answer) as server:
        yield server


def written(folder: Path, teacher: FakeTeacher, budget: str) -> Path:
    """A recipe with its rows."""
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["soru", "cevap"])
        writer.writerows([f"Şu sayının adı nedir, söyler misin {n}", "evet"] for n in range(ROWS))
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.format(url=teacher.base_url, budget=budget), encoding="utf-8")
    return path


def go(recipe: Path, *overrides: str, until: str = "generate") -> list[str]:
    """Run, and what was said."""
    said = Said()
    try:
        run(recipe, runs=recipe.parent / "runs", overrides=overrides, until=until, reporter=said)
    finally:
        go.said = said.lines  # type: ignore[attr-defined]
    return said.lines


def spent(folder: Path) -> Decimal:
    return sum(totals(ledger.read(folder / "runs" / "answers.sqlite", "butce")), Decimal(0))


def test_a_pilot_foretells_what_the_rest_costs(tmp_path: Path, teacher: FakeTeacher) -> None:
    recipe = written(tmp_path, teacher, "budget: {total: 50 USD}")
    told = next(line for line in go(recipe) if line.startswith("pilot:"))
    assert "20 answers of 'buyuk' cost" in told
    assert teacher.count == len(teacher.asked) == 160, "the pilot's rows are ordinary ones and asked once"
    event = next(
        json.loads(line)
        for line in (tmp_path / "runs" / "butce" / "events.jsonl").read_text().splitlines()
        if '"pilot"' in line and '"event":"pilot"' in line
    )
    lines = {line.purpose: line for line in ledger.read(tmp_path / "runs" / "answers.sqlite", "butce")}
    assert Decimal(event["low"]) <= lines["generation"].paid <= Decimal(event["high"])
    assert lines["pilot"].answers == 20
    assert lines["generation"].answers == 140


def test_a_bulk_that_cannot_fit_is_never_begun(tmp_path: Path, teacher: FakeTeacher) -> None:
    recipe = written(tmp_path, teacher, "budget: {total: 8 USD}")
    with pytest.raises(BudgetSpentError, match="it was not begun") as caught:
        go(recipe)
    assert teacher.count == 20
    assert caught.value.exit_code == 5
    wanted = caught.value.next.split('budget.total="')[1].split(" USD")[0]
    go(recipe, f"budget.total={wanted} USD")
    assert teacher.count == len(teacher.asked) == 160


@pytest.mark.parametrize("fault", ["refusal", "truncated", "cut_json"])
def test_where_no_pilot_row_is_answered_the_rest_is_not_paid(tmp_path: Path, fault: str) -> None:
    with FakeTeacher(answer, rules=[Rule(fault)]) as teacher:
        recipe = written(tmp_path, teacher, "budget: {total: 400 USD}")
        with pytest.raises(ImbikError, match="none of the 20 pilot questions to 'buyuk' was answered well") as caught:
            go(recipe)
        assert caught.value.exit_code == 1
        assert len(teacher.asked) == 20
        teacher.set_rules()
        go(recipe, "budget.pilot=0")
        assert len(teacher.asked) == 160, "a person may think otherwise"


@pytest.mark.parametrize("batch", [False, True])
def test_where_every_pilot_question_is_refused_alike_the_rest_is_not_asked(tmp_path: Path, batch: bool) -> None:
    with FakeTeacher(answer, rules=[Rule("400")]) as teacher:
        recipe = written(tmp_path, teacher, "budget: {total: 400 USD}")
        with pytest.raises(ImbikError, match="pilot questions to 'buyuk' failed in the same way.*HTTP 400") as caught:
            go(recipe, f"teachers.buyuk.batch={str(batch).lower()}")
        assert "budget.pilot=0" in caught.value.next
        assert len(teacher.asked) <= 20


def test_a_single_good_answer_of_the_pilot_is_enough_to_go_on(tmp_path: Path) -> None:
    with FakeTeacher(answer, rules=[Rule("refusal", times=19)]) as teacher:
        go(written(tmp_path, teacher, "budget: {total: 400 USD}"))
        assert len(teacher.asked) == 160


def test_a_budget_that_ends_in_the_bulk_leaves_rows_pending_and_goes_on(tmp_path: Path, teacher: FakeTeacher) -> None:
    recipe = written(tmp_path, teacher, "budget: {total: 8 USD, reserve_for_evaluation: 0, pilot: 0}")
    with pytest.raises(BudgetSpentError) as caught:
        go(recipe)
    assert any("pending" in line for line in go.said)  # type: ignore[attr-defined]
    assert any("50% of the budget" in line for line in go.said)  # type: ignore[attr-defined]
    assert any("80% of the budget" in line for line in go.said)  # type: ignore[attr-defined]
    before = spent(tmp_path)
    assert before <= 8
    assert "questions to come will cost about" in str(caught.value), "what the missing rows will cost"
    wanted = caught.value.next.split('budget.total="')[1].split(" USD")[0]
    go(recipe, f"budget.total={wanted} USD")
    assert teacher.count == len(teacher.asked) == 160, "the advice was enough, and nothing was paid twice"


def test_the_budget_is_no_part_of_what_shapes_a_stage(tmp_path: Path, teacher: FakeTeacher) -> None:
    recipe = written(tmp_path, teacher, "budget: {total: 50 USD, pilot: 0}")
    go(recipe)
    changed = run(recipe, runs=tmp_path / "runs", overrides=["budget.total=90"], until="generate")
    assert not changed.changed


def test_a_copied_recipe_buys_nothing_twice_and_says_what_it_reused(tmp_path: Path, teacher: FakeTeacher) -> None:
    recipe = written(tmp_path, teacher, "budget: {total: 50 USD, pilot: 0}")
    go(recipe)
    go(recipe, "name=kopya")
    loaded = load_recipe(recipe)
    first, second = (RunFolder(tmp_path / "runs" / name) for name in ("butce", "kopya"))
    with engine(loaded, first) as asker:
        paid = spend(loaded, first, [], asker)
    with engine(loaded, second) as asker:
        reused = spend(loaded, second, [], asker)
    assert paid.paid == paid.total == paid.generation == reused.reused > 0
    assert (reused.total, paid.reused) == (0, 0)


def engine(recipe: Recipe, folder: RunFolder) -> AskEngine:
    progress = Progress(SilentReporter())
    return AskEngine(
        recipe=recipe, run=folder, executor=LocalExecutor(), progress=progress, operator=Operator(), policy=FAST
    )  # fmt: skip


def test_ledger_and_stage_files_agree(tmp_path: Path, teacher: FakeTeacher) -> None:
    recipe = written(tmp_path, teacher, "budget: {total: 50 USD}")
    go(recipe)
    loaded, folder = load_recipe(recipe), RunFolder(tmp_path / "runs" / "butce")
    kind, test = kind_of(loaded, folder), [task for task, name in read_tasks(folder) if name == "test"]
    with engine(loaded, folder) as asker:
        questions = [question_of(loaded, kind, "buyuk", task, 0) for task in test]
        answers = [
            Answer(id=task.id, set="test", cost=completion.cost, usage=completion.usage)
            for task, completion in zip(test, asker.ask("buyuk", questions, purpose="evaluation"), strict=True)
        ]
        found = spend(loaded, folder, answers, asker)
    taught = sum((sample.completion.cost for sample in read_parts(folder.stage("2_answers"), Sample)), Decimal(0))
    assert found.generation == taught
    assert found.evaluation == sum((item.cost for item in answers), Decimal(0)) > 0
    assert found.total == found.paid == taught + found.evaluation
    assert (found.reused, found.possible, found.unpriced) == (0, 0, [])
    assert {(line.stage, line.purpose) for line in found.lines} == {
        ("generate", "generation"), ("generate", "pilot"), ("evaluate", "evaluation"),
    }  # fmt: skip
    assert spend_line(folder).endswith("of 50.00 USD spent")
    assert [row[1] for row in spend_rows(folder)] == ["evaluation", "generation", "pilot"]
    assert len({len(row[4].partition(".")[2]) for row in spend_rows(folder)}) == 1, "a column that can be added up"


def test_the_forecast_knows_prices_and_then_the_pilot(tmp_path: Path, teacher: FakeTeacher) -> None:
    recipe = written(tmp_path, teacher, "budget: {total: 50 USD}")
    folder = RunFolder(tmp_path / "runs" / "butce")
    before = preflight(load_recipe(recipe), folder).estimate.money
    assert before is not None
    assert before.rows == 0
    assert before.low < before.value < before.high
    go(recipe)
    after = cost(load_recipe(recipe), 140, 0, 0, folder.path)
    assert after is not None
    assert after.rows == 20
    lines = {line.purpose: line for line in ledger.read(folder.store, "butce")}
    assert after.low <= lines["generation"].paid <= after.high


@pytest.mark.parametrize(
    ("total", "says"), [("0.01", "will hardly cover all questions"), ("80", "may not cover"), ("5000", "")]
)
def test_a_budget_that_the_forecast_exceeds_is_said_before(
    tmp_path: Path, teacher: FakeTeacher, total: str, says: str
) -> None:
    recipe = load_recipe(written(tmp_path, teacher, f"budget: {{total: {total} USD}}"))
    found = preflight(recipe, RunFolder(tmp_path / "runs" / "butce"))
    assert says in "".join(line for line in found.warnings if line.startswith("budget:"))
    assert bool(says) == any(line.startswith("budget:") for line in found.warnings), found.estimate.money
    assert not teacher.count


def test_a_price_that_nobody_knows_is_refused_before_anything_is_asked(tmp_path: Path, teacher: FakeTeacher) -> None:
    recipe = written(tmp_path, teacher, "budget: {total: 50 USD}")
    recipe.write_text(recipe.read_text().replace(", price: {input: 1000, output: 20000}", ""), encoding="utf-8")
    with pytest.raises(RecipeError, match="price of teacher 'buyuk' is not known"):
        go(recipe)
    assert not teacher.count


def test_a_recipe_names_no_command_and_odd_budgets_are_refused_in_words(tmp_path: Path, teacher: FakeTeacher) -> None:
    for budget, says in (
        ("{total: 50, at_end: 'rm -rf x'}", "--notify"),
        ("{total: 50 EUR}", "another currency"),
        ("50", "total: 50"),
        ("{total: 50, pilot: 2}", "fewer than 5"),
        ("{total: 50, reserve_for_evaluation: 15}", "15%"),
    ):
        with pytest.raises(RecipeError, match=says):
            load_recipe(written(tmp_path, teacher, f"budget: {budget}"))


def test_budgets_survive_being_written_into_the_run_folder(tmp_path: Path, teacher: FakeTeacher) -> None:
    recipe = written(tmp_path, teacher, "budget: {total: 0.1 USD, reserve_for_evaluation: 12.5%, pilot: 0}")
    with pytest.raises(BudgetSpentError):
        go(recipe)
    assert load_recipe(tmp_path / "runs" / "butce").budget == load_recipe(recipe).budget


@pytest.mark.parametrize(("total", "code", "status"), [(50, 0, "DONE"), (8, 5, "BUDGET_SPENT")])
def test_a_command_of_the_users_is_told_how_the_run_ended(
    tmp_path: Path, teacher: FakeTeacher, monkeypatch: pytest.MonkeyPatch, total: int, code: int, status: str
) -> None:
    recipe = written(tmp_path, teacher, f"budget: {{total: {total}, pilot: 0}}")
    script = tmp_path / "haber ver.py"
    names = "IMBIK_EXIT_CODE IMBIK_STATUS IMBIK_RUN IMBIK_SPENT_USD"
    script.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f"open(sys.argv[1], 'w').write('\\n'.join(os.environ[n] for n in '{names}'.split()))\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    told = tmp_path / "haber.txt"
    command = ["imbik", "run", str(recipe), "--runs", str(tmp_path / "runs"), "--until", "generate", "--quiet"]
    monkeypatch.setattr(sys, "argv", [*command, "--notify", f"'{script}' {told}"])
    assert run_command() == code
    lines = told.read_text().split("\n")
    assert lines[:2] == [str(code), status]
    assert lines[2] == str(tmp_path / "runs" / "butce")
    assert Decimal(lines[3]) == spent(tmp_path) > 0


def test_a_command_that_is_not_there_is_found_out_before_the_night(
    tmp_path: Path, teacher: FakeTeacher, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = written(tmp_path, teacher, "")
    words = ["imbik", "run", str(recipe), "--runs", str(tmp_path / "runs"), "--until", "tasks", "--quiet"]
    monkeypatch.setattr(sys, "argv", words)
    for command in ("/yok/boyle/komut", "boyle-komut-yok 1"):
        monkeypatch.setenv("IMBIK_NOTIFY", command)
        assert run_command() == 2
        assert f"there is no program '{command.split()[0]}'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", ["false", "BOZUK"])
def test_a_command_that_fails_changes_nothing(
    tmp_path: Path,
    teacher: FakeTeacher,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    if command == "BOZUK":  # it is there and may be started, and what it needs is not
        broken = tmp_path / "bozuk"
        broken.write_text("#!/yok/boyle/yorumlayici\n")
        broken.chmod(0o755)
        command = str(broken)
    recipe = written(tmp_path, teacher, "")
    words = ["imbik", "run", str(recipe), "--runs", str(tmp_path / "runs"), "--until", "tasks", "--quiet"]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setenv("IMBIK_NOTIFY", command)
    assert run_command() == 0
    assert f"! --notify: '{command}'" in capsys.readouterr().err


def test_interval_of_a_sum_covers_as_often_as_it_says() -> None:
    """Skewed costs (one row in ten reasons at length), twenty pilot rows, a thousand to come."""
    import random

    random.seed(7)
    inside = 0
    for _ in range(400):
        costs = [random.expovariate(1) + 1 for _ in range(520)]
        shown = costs[:20]
        mean = sum(shown) / 20
        deviation = (sum((value - mean) ** 2 for value in shown) / 19) ** 0.5
        found = total_of(Pilot(rows=20, mean=mean, deviation=deviation, input_tokens=0, output_tokens=0), 500)
        inside += float(found.low) <= sum(costs[20:]) <= float(found.high)
    assert 0.90 <= inside / 400 <= 0.98


def test_too_few_answers_say_nothing() -> None:
    assert summary([]) is None
