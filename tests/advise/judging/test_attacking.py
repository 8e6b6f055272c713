"""Attacking a judge and comparing by one, over real HTTP, with an honest and a gullible judge as controls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from imbik.advise.judging.attacking import attack
from imbik.advise.judging.comparing import compare
from imbik.cli.main import application
from imbik.core.errors import ImbikError, UsageError
from imbik.core.types import Sensitivity
from imbik.evaluate.answers import Answer, Ran, keep
from imbik.evaluate.scores import SystemScores
from imbik.judge.attacks import attacks
from imbik.recipe import load_recipe, to_yaml
from imbik.testing import FakeTeacher, gullible, honest
from stagekit import make_run, make_task

RECIPE = """
name: deneme
tasks: {{source: rows.csv, kind: math, sensitivity: public}}
teachers: {{yargıç: {{use: openai, model: y, base_url: "{url}", concurrency: 8}}}}
{refine}
student: {{architecture: llama, hidden_size: 16, layers: 1, heads: 2}}
"""


def written(folder: Path, url: str, refine: str = "") -> Path:
    (folder / "rows.csv").write_text("question,answer\n1 + 1?,2\n", encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE.format(url=url, refine=refine), encoding="utf-8")
    return folder / "recipe.yaml"


@pytest.mark.parametrize(("judge", "low", "high"), [(honest, 0.0, 0.0), (gullible, 0.9, 1.0)])
def test_the_rate_is_none_of_an_honest_judge_and_nearly_all_of_a_gullible_one(
    tmp_path: Path, judge: Callable[..., str], low: float, high: float
) -> None:
    with FakeTeacher(judge) as server:
        recipe = written(tmp_path, server.base_url)
        found = attack(str(recipe), judge="yargıç", runs=tmp_path / "runs")
        assert server.count == 2 * (len(attacks()) + 2)
        assert low <= found.rate.value <= high
        assert found.rate.n == 2 * len(attacks())
        assert found.rate.low < found.rate.high
        again = attack(str(recipe), judge="yargıç", runs=tmp_path / "runs")
        assert again == found
        assert server.count == 2 * (len(attacks()) + 2), "the same content has the same fence, so nothing is paid twice"
        command = ["judge", "attack", str(recipe), "--judge", "yargıç", "--runs", str(tmp_path / "runs"), "-q"]
        done = CliRunner().invoke(application(), command)
        assert done.exit_code == 0, done.output
        assert "attempts moved a wrong answer to 4 or more: " in done.output
        assert ("those that worked: ignore-tr" in done.output) is (high > 0)


def test_a_judge_that_cannot_tell_is_not_measured(tmp_path: Path) -> None:
    always = '{"reasoning": "x", "scores": {"doğruluk": 5}}'
    with FakeTeacher(lambda _: always) as server:
        recipe = written(tmp_path, server.base_url)
        with pytest.raises(ImbikError, match="the bare wrong answer passes"):
            attack(str(recipe), judge="yargıç", runs=tmp_path / "runs")
        with pytest.raises(UsageError, match="the recipe has no judges"):
            attack(str(recipe), runs=tmp_path / "runs")
        with pytest.raises(UsageError, match="'yargic' is no teacher that can judge; did you mean 'yargıç'"):
            attack(str(recipe), judge="yargic", runs=tmp_path / "runs")


def test_two_systems_of_a_report_are_compared_in_both_orders(tmp_path: Path) -> None:
    tasks = [make_task(f"g{number}", f"{number} + 0?", answer=str(number)) for number in range(10)]
    run = make_run(tmp_path, [(task, "test") for task in tasks])
    report = run.stage("8_report")
    report.mkdir()
    ran = Ran(cost_to_run=SystemScores(), sensitivity=Sensitivity.PUBLIC)

    def system(name: str, right: int) -> None:
        answers = [
            Answer(id=task.id, set="test", answer=str(n if n < right else 99), seed=seed)
            for seed in (2, 1)
            for n, task in enumerate(tasks)
        ]
        keep(report, name, answers, ran)

    system("student", 8)
    system("baseline", 3)
    with FakeTeacher(honest) as server:
        recipe = written(tmp_path, server.base_url)
        (run.path / "recipe.yaml").write_text(to_yaml(load_recipe(recipe)), encoding="utf-8")
        found = compare(str(run.path), "student", "baseline", judge="yargıç")
        assert (found.wins, found.losses, found.same, found.split, found.no_verdict) == (5, 0, 5, 0, 0)
        assert found.share is not None
        assert (found.share.value, found.share.n) == (1.0, 5)
        assert server.count == 15, "five pairs in both orders, and five of equal answers once"
        assert compare(str(run.path), "student", "baseline", judge="yargıç", rows=4).wins <= 4
        assert [path.name for path in (run.path / "comparisons").iterdir()] == ["student-baseline-yargıç.json"]
        with pytest.raises(UsageError, match="no system 'studnt'; did you mean 'student'"):
            compare(str(run.path), "studnt", "baseline", judge="yargıç")
        command = ["judge", "compare", str(run.path), "student", "baseline", "--judge", "yargıç", "-q"]
        done = CliRunner().invoke(application(), command)
        assert done.exit_code == 0, done.output
        assert "'student' better on 5 of 10 rows, 'baseline' on 0, neither on 5" in done.output
        assert "not retention" in done.output
        assert server.count == 15, "five pairs in both orders, and five of equal answers once"
