"""Every recipe under recipes/kinds runs from tasks to report with a scripted teacher over real HTTP, and the metric
that it quotes is worse when answers are shuffled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imbik
from imbik.core.plugins import available, make
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import LabelReference, Sample
from imbik.evaluate.measure import metrics_of
from imbik.evaluate.metrics import CorpusMetric
from imbik.recipe import Recipe, load_recipe
from imbik.testing import FakeTeacher, from_recipe

KINDS = Path(__file__).resolve().parents[3] / "recipes" / "kinds"
RECIPES = sorted(KINDS.glob("*.yaml"))
# Open texts that nothing is known of: no rule tells a false one, and no default check claims to.
UNCHECKED = {"generation", "translation", "conversation"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@contextmanager
def ran(path: Path, folder: Path, wrong: float) -> Iterator[tuple[RunFolder, FakeTeacher]]:
    """The run of a recipe whose teacher knows its rows, and gets a share of them wrong."""
    shutil.copytree(KINDS, folder / "kinds")
    file = folder / "kinds" / path.name
    recipe = load_recipe(file)
    with FakeTeacher(from_recipe(file, wrong)) as teacher:
        addresses = [f"teachers.{name}.base_url={teacher.base_url}" for name in recipe.teachers]
        imbik.run(file, runs=folder / "runs", overrides=addresses)
        yield RunFolder(folder / "runs" / recipe.name), teacher


def test_every_kind_has_a_recipe() -> None:
    assert {load_recipe(path).tasks.kind.use for path in RECIPES} == set(available("tasks/kinds"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_it_runs_from_tasks_to_report_and_shuffled_answers_score_worse(path: Path, tmp_path: Path) -> None:
    recipe = load_recipe(path)
    kind = recipe.tasks.kind.use
    with ran(path, tmp_path, 0.15) as (run, teacher):
        assert teacher.count >= 20
    for stage in ("1_tasks", "2_answers", "3_refined"):
        made = run.manifest(stage)
        assert made is not None
        assert made.books.balanced
        assert made.books.rows_out >= 12, made.books.reasons
        assert made.books.pending == made.books.failed == 0
    answered = list(read_parts(run.stage("2_answers"), Sample))
    kept = {sample.id for sample in read_parts(run.stage("3_refined"), Sample)}
    false = {sample.id for sample in answered if not _as_known(sample, make("tasks/kinds", recipe.tasks.kind))}
    assert false
    assert (false & kept == set()) is (kind not in UNCHECKED), "what the checks let through"
    given = [sample.answer for sample in answered]
    assert value(recipe, answered, given) > 0.6
    assert value(recipe, answered, given[1:] + given[:1]) < 0.7 * value(recipe, answered, given)
    report = (run.path / "8_report" / "report.md").read_text(encoding="utf-8")
    assert ("## By turn and by dialogue" in report) is (kind == "conversation")
    scores = json.loads((run.path / "8_report" / "scores.json").read_text(encoding="utf-8"))
    assert 0.3 < next(iter(scores["systems"]["teacher"]["metrics"].values()))["value"] <= 1.0
    assert set(scores["systems"]) >= {"teacher", "student"}


def _as_known(sample: Sample, kind: Any) -> bool:
    """Whether an answer means what the row says."""
    reference = sample.task.reference
    if reference is None or isinstance(reference, LabelReference):
        return reference is not None and sample.answer == reference.text
    return bool(kind.canonical(sample.answer, sample.task) == kind.canonical(reference.text, sample.task))


def value(recipe: Recipe, samples: Sequence[Sample], answers: Sequence[str]) -> float:
    """The kind's default metric for these answers to the samples' tasks."""
    kind = make("tasks/kinds", recipe.tasks.kind)
    metric = next(iter(metrics_of(recipe).values()))
    pairs = [(sample.task, answer) for sample, answer in zip(samples, answers, strict=True)]
    if not isinstance(metric, CorpusMetric):
        return sum(metric.score(task, answer, kind) for task, answer in pairs) / len(pairs)
    rows = [metric.statistics(task, answer, kind) for task, answer in pairs]
    columns = sorted({name for row in rows for name in row})
    sums = np.array([[sum(row.get(name, 0.0) for row in rows) for name in columns]])
    return float(metric.value(columns, sums)[0])
