"""A judge in a whole run, over real HTTP: refused before, held back by the gate, out of money, killed, and gone on."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import imbik
from imbik.cli.main import application
from imbik.core.errors import BlockedError, BudgetSpentError, ExitCode, RecipeError
from imbik.core.files import read_json, read_lines
from imbik.core.results import Books
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Sample
from imbik.pipeline.preflight import preflight
from imbik.recipe import load_recipe
from imbik.refine.books import Counted
from imbik.testing import FakeTeacher, honest

ROWS = 40
RECIPE = """
name: yargılı
tasks: {{source: rows.csv, kind: math, sensitivity: {level}, split: {{validation: 0.1, test: 0.1}}}}
teachers:
  buyuk: {{use: openai, model: b, base_url: "{teacher}", concurrency: 4, price: {{input: 1, output: 1}}}}
  yargıç: {{use: openai, model: y, base_url: "{judge}", concurrency: 4, price: {{input: 100, output: 100}}}}
generate: {{teacher: buyuk}}
refine: [shape, {{use: judge, teacher: yargıç, rubric: [doğruluk, açıklık], {more}}}]
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2}}
{sections}
"""


def seven(messages: Sequence[Mapping[str, str]]) -> str:
    """Right for every other row."""
    number = int(messages[0]["content"].split()[0])
    return f"3 + 4 = 7\nCevap: {7 if number % 2 else 8}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with (tmp_path / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["question", "answer", "gizlilik"])
        for number in range(ROWS):
            level = "public" if number % 4 else "internal"
            writer.writerow([f"{number} numaralı kutuda 3 elma ile 4 armut var, kaç meyve eder?", "7", level])
    return tmp_path


def write(
    folder: Path, teacher: str, judge: str, *, level: str = "public", more: str = "at_least: 4", sections: str = ""
) -> Path:
    text = RECIPE.format(teacher=teacher, judge=judge, level=level, more=more, sections=sections)
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    return folder / "recipe.yaml"


def refined(folder: Path, *, overrides: Sequence[str] = ()) -> RunFolder:
    imbik.run(folder / "recipe.yaml", runs=folder / "runs", until="refine", overrides=overrides)
    return RunFolder(folder / "runs" / "yargılı")


def books(run: RunFolder) -> Books:
    manifest = run.manifest("3_refined")
    assert manifest is not None
    assert manifest.books.balanced
    return manifest.books


def counted(run: RunFolder) -> dict[str, Any]:
    found = read_json(run.stage("3_refined") / "checks.json", Counted)
    return {check.name: check for check in found.checks}


def test_a_judge_marks_every_row_and_a_second_run_asks_nothing(folder: Path) -> None:
    with FakeTeacher(seven) as teacher, FakeTeacher(honest) as judge:
        write(folder, teacher.base_url, judge.base_url, more="on_low: reject_uncalibrated")
        run = refined(folder)
        found = books(run)
        assert found.rows_in == 36
        assert (found.rows_out, found.reasons) == (found.rows_in - found.rejected, {"judge": found.rejected})
        assert 12 < found.rejected < 24
        assert all(sample.answer == "7" for sample in read_parts(run.stage("3_refined"), Sample))
        assert counted(run)["judge"].asked == {"yargıç answered": 36}
        assert set(judge.asked.values()) == {1}
        assert '"required": ["reasoning", "scores"]' in judge.bodies[0]["messages"][0]["content"]
        shown = CliRunner().invoke(application(), ["show", str(run.path), "refine", "-n", "1"]).output
        assert re.search(r"judge +asked +\d+ +\d+ +yargıç answered 36", shown)
        assert re.search(rf"judge +{found.rejected} +low \(below …\): doğruluk …, açıklık …", shown)
        assert "noted: judge: doğruluk 5, açıklık 5 (the fake judge" in shown
        refined(folder)
        write(folder, teacher.base_url, judge.base_url, more="at_least: 5")
        refined(folder)
        assert judge.count == 36
        assert teacher.count == 36


def test_a_judge_out_of_money_leaves_its_rows_pending_and_the_same_command_goes_on(folder: Path) -> None:
    with FakeTeacher(seven, price=("1", "1")) as teacher, FakeTeacher(honest, price=("100", "100")) as judge:
        sections = "budget: {total: 1.2 USD, reserve_for_evaluation: 0, pilot: 0}"
        write(folder, teacher.base_url, judge.base_url, sections=sections)
        with pytest.raises(BudgetSpentError) as error:
            refined(folder)
        assert error.value.exit_code is ExitCode.BUDGET_SPENT
        assert 0 < judge.count < 36
        run = RunFolder(folder / "runs" / "yargılı")
        assert run.manifest("3_refined") is None
        events = (run.path / "events.jsonl").read_text(encoding="utf-8")
        assert '"status":"pending","rows_in":36' in events.replace(" ", "")
        assert books(refined(folder, overrides=["budget.total=40 USD"])).rows_out == 36
        assert set(judge.asked.values()) == {1}


def test_a_killed_run_goes_on_and_pays_nothing_twice(folder: Path) -> None:
    with FakeTeacher(seven) as teacher, FakeTeacher(honest, latency=0.05) as judge:
        write(folder, teacher.base_url, judge.base_url, more="on_low: reject_uncalibrated")
        code = "import sys, pathlib, imbik; imbik.run(sys.argv[1], runs=pathlib.Path(sys.argv[2]), until='refine')"
        command = [sys.executable, "-c", code, str(folder / "recipe.yaml"), str(folder / "runs")]
        process = subprocess.Popen(command, env=os.environ)
        until = time.monotonic() + 30
        while judge.count < 12 and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert 12 <= judge.count < 36
        run = refined(folder)
        assert books(run).rows_in == 36
        assert sum(times - 1 for times in judge.asked.values()) <= 8, "those under way when it was killed, at most"
        assert not list(run.stage("3_refined").glob(".*.jsonl*"))
        kept = [sample.id for sample in read_parts(run.stage("3_refined"), Sample)]
        rejected = [s.id for p in run.stage("3_refined").glob("rejected-*.jsonl") for s in read_lines(p, Sample)]
        assert len({*kept, *rejected}) == len(kept) + len(rejected) == 36


def test_rows_that_may_not_reach_a_judge_are_said_before_and_after(folder: Path) -> None:
    with FakeTeacher(seven) as teacher, FakeTeacher(honest) as judge:
        operator = folder / "config" / "imbik" / "operator.yaml"
        operator.parent.mkdir(parents=True)
        operator.write_text(
            f"local: [{{host: 127.0.0.1, ports: [{teacher.port}], attestation: ours}}]\n", encoding="utf-8"
        )
        recipe = write(folder, teacher.base_url, judge.base_url, level="gizlilik")
        told = preflight(load_recipe(recipe), RunFolder(folder / "runs" / "yargılı")).warnings
        assert any("about 10 of 40 rows cannot be put to 'yargıç' by check 'judge'" in line for line in told)
        run = refined(folder)
        asked = counted(run)["judge"].asked
        assert asked["yargıç blocked"] + asked["yargıç answered"] == 36
        assert asked["yargıç blocked"] >= 6
        assert judge.count == asked["yargıç answered"]
        manifest = run.manifest("3_refined")
        assert manifest is not None
        assert any("questions to 'yargıç' were held back" in line for line in manifest.warnings)
        unjudged = [s for s in read_parts(run.stage("3_refined"), Sample) if s.task.sensitivity == "internal"]
        assert all(s.verdicts[-1].reason.startswith("not judged: no verdict (blocked: ") for s in unjudged)
        write(folder, teacher.base_url, judge.base_url, level="internal")
        with pytest.raises(BlockedError, match="no row may reach teacher 'yargıç'"):
            refined(folder)


def test_a_judge_without_json_is_asked_again_and_then_gives_no_verdict(folder: Path) -> None:
    met = set[str]()

    def stubborn(messages: Sequence[Mapping[str, str]]) -> str:
        """Chats at the first asking of every row, and at each of row 3."""
        text = messages[-1]["content"]
        first, never = text not in met, "\n3 numaralı kutuda" in text
        met.add(text)
        return "I would say 5." if first or never else honest(messages)

    with FakeTeacher(seven) as teacher, FakeTeacher(stubborn) as judge:
        write(folder, teacher.base_url, judge.base_url)
        run = refined(folder)
        asked = counted(run)["judge"].asked
        unheard = [s for s in read_parts(run.stage("3_refined"), Sample) if "not judged" in s.verdicts[-1].reason]
        assert asked["yargıç answered"] == 36 - len(unheard) >= 35
        assert max(judge.asked.values()) <= 3
        assert all("no verdict (malformed: the answer is not the JSON" in s.verdicts[-1].reason for s in unheard)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("refine.1.teacher=yargic", "did you mean 'yargıç'"),
        ("refine.1.rubric=rubrik.yaml", "names a file that is not there"),
        ("refine.1.rubric=[]", "one or more"),
        ("teachers.yargıç={use: recorded, answers: {a: b}}", "cannot ask 'yargıç': it has its answers already"),
        ("teachers.yargıç={use: ensemble, teachers: [buyuk]}", "cannot ask 'yargıç': it is made of several teachers"),
    ],
)
def test_a_judge_that_is_none_is_refused_before_anything_is_asked(folder: Path, override: str, said: str) -> None:
    write(folder, "http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1")
    with pytest.raises(RecipeError, match=said):
        refined(folder, overrides=[override])


def test_what_a_judge_costs_is_in_the_estimate(folder: Path) -> None:
    recipe = write(folder, "http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1")
    found = preflight(load_recipe(recipe), RunFolder(folder / "runs" / "yargılı")).estimate
    asked = found.beside["refine"]
    assert asked.calls == 36
    assert asked.input_tokens > 36 * 300
    assert asked.money is not None
    assert found.money is not None
    assert found.answering is not None
    assert found.money.value == found.answering.value + asked.money.value
    assert asked.money.value > 20 * found.answering.value
    assert found.of(["generate"]).beside == {}
    assert found.of(["refine"]).money == asked.money
    unpriced = load_recipe(recipe, ["teachers.yargıç={use: openai, model: y, base_url: 'https://x.example/v1'}"])
    assert preflight(unpriced, RunFolder(folder / "runs" / "yargılı")).estimate.money is None
