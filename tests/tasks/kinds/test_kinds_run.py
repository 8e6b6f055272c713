"""Every recipe under recipes/kinds runs from tasks to report with a scripted teacher over real HTTP, and the metric
that it quotes is worse when answers are shuffled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import imbik
from imbik.core.plugins import make
from imbik.core.runfolder import RunFolder
from imbik.evaluate.measure import metrics_of
from imbik.recipe import Recipe, load_recipe
from imbik.tasks.load import load_tasks
from imbik.testing import FakeTeacher

KINDS = Path(__file__).resolve().parents[3] / "recipes" / "kinds"
RECIPES = sorted(KINDS.glob("*.yaml"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def script(recipe: Recipe) -> Any:
    """A teacher that knows the answers of the recipe's rows, by what each task asks last."""
    kind = make("tasks/kinds", recipe.tasks.kind)
    known: list[tuple[str, str]] = []
    for task in load_tasks(recipe, kind).tasks:
        assert task.reference is not None
        said = kind.render(task.reference.reasoning, task.reference.text, task)
        known.append((task.messages[-1].content, said))
    known.sort(key=lambda pair: -len(pair[0]))

    def answer(messages: Sequence[Mapping[str, str]]) -> str:
        return next(said for asked, said in known if asked in messages[-1]["content"])

    return answer


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_runs_from_tasks_to_report(path: Path, tmp_path: Path) -> None:
    shutil.copytree(KINDS, tmp_path / "kinds")
    file = tmp_path / "kinds" / path.name
    recipe = load_recipe(file)
    with FakeTeacher(script(recipe)) as teacher:
        addresses = [f"teachers.{name}.base_url={teacher.base_url}" for name in recipe.teachers]
        imbik.run(file, runs=tmp_path / "runs", overrides=addresses)
        assert teacher.count >= 20
    run = RunFolder(tmp_path / "runs" / recipe.name)
    for stage in ("1_tasks", "2_answers", "3_refined"):
        made = run.manifest(stage)
        assert made is not None
        assert made.books.balanced
        assert made.books.rows_out >= 20, made.books.reasons
        assert made.books.pending == made.books.failed == 0
    assert "# " in (run.path / "8_report" / "report.md").read_text(encoding="utf-8")
    scores = json.loads((run.path / "8_report" / "scores.json").read_text(encoding="utf-8"))
    quoted = next(iter(scores["systems"]["teacher"]["metrics"].values()))
    assert quoted["value"] == 1.0


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shuffled_answers_score_worse(path: Path) -> None:
    recipe = load_recipe(path)
    kind = make("tasks/kinds", recipe.tasks.kind)
    tasks = [task for task in load_tasks(recipe, kind).tasks if task.reference is not None]
    assert len(tasks) >= 20
    metric = next(iter(metrics_of(recipe).values()))
    answers = [task.reference.text for task in tasks if task.reference is not None]
    right = sum(metric.score(task, answer, kind) for task, answer in zip(tasks, answers, strict=True))
    moved = answers[1:] + answers[:1]
    wrong = sum(metric.score(task, answer, kind) for task, answer in zip(tasks, moved, strict=True))
    assert right == len(tasks)
    assert wrong < 0.7 * right
