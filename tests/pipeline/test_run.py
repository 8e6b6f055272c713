"""The pipeline's promises: the same command again does nothing, changed work is redone from there, one writer."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.pipeline.conftest import write_sums

import imbik
from imbik.cli.console import finish
from imbik.core.errors import BarNotMetError, ImbikError, LockedError, RecipeError, RunFolderError, UsageError
from imbik.core.locks import writer_lock
from imbik.core.runfolder import RunFolder
from imbik.pipeline import STAGES, RunResult
from imbik.train import work as work_of_train
from imbik.train.course import TrainingRecord
from imbik.train.teaching import Assignment

Project = Callable[..., Path]
FOLDERS = {stage.name: stage.folder for stage in STAGES}


def statuses(result: RunResult) -> dict[str, str]:
    return {stage.name: stage.status for stage in result.stages}


def run(recipe: Path, **options: object) -> RunResult:
    return imbik.run(recipe, runs=recipe.parent / "runs", **options)  # type: ignore[arg-type]


def test_stages_are_one_ordered_list_of_numbered_folders() -> None:
    assert [stage.folder for stage in STAGES] == sorted(stage.folder for stage in STAGES)
    for number, stage in enumerate(STAGES, start=1):
        assert stage.folder.startswith(f"{number}_")


def test_a_run_goes_from_tasks_to_report_and_its_books_balance(project: Project) -> None:
    result = run(project())
    assert set(statuses(result).values()) == {"done"}
    assert result.report.exists()
    assert (result.run / "8_report" / "report.md").exists()
    assert result.scores is not None
    assert "student" in result.scores.systems
    assert "baseline" in result.scores.systems
    folder = RunFolder(result.run)
    for stage in result.stages:
        manifest = folder.manifest(FOLDERS[stage.name])
        assert manifest is not None
        assert manifest.books.balanced


def test_what_a_run_writes_only_its_owner_reads(project: Project) -> None:
    previous = os.umask(0)
    try:
        folder = run(project()).run
    finally:
        os.umask(previous)
    assert {path.name for path in folder.rglob("events.out.tfevents*")}, "what libraries write is looked at too"
    modes = {str(path): stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}
    assert {path for path, mode in modes.items() if mode != 0o600} == set()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_same_command_again_does_nothing_and_loads_no_more_than_it_needs(project: Project) -> None:
    recipe = project()
    first = run(recipe)
    code = (
        "import sys, imbik, pathlib\n"
        f"result = imbik.run({str(recipe)!r}, runs=pathlib.Path({str(recipe.parent / 'runs')!r}))\n"
        "assert not result.changed, result.stages\n"
        "heavy = {'torch', 'transformers', 'numpy', 'aiohttp', 'cryptography', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert first.changed


def test_a_changed_setting_redoes_from_where_it_matters_and_keeps_the_old(project: Project) -> None:
    recipe = project()
    run(recipe)
    again = run(recipe, overrides=["train.steps=6"])
    assert statuses(again) == {
        "tasks": "current",
        "generate": "current",
        "refine": "current",
        "train": "done",
        "export": "done",
        "evaluate": "done",
    }
    assert any(path.name.startswith("6_student-") for path in (again.run / "old").iterdir())


def test_a_run_that_stops_before_the_report_does_not_show_the_old_one(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = project()
    run(recipe)
    result = run(recipe, until="train", overrides=["train.steps=6"])
    assert result.report.exists()
    assert result.scores is None
    finish(result, dry_run=False, quiet=False)
    told = capsys.readouterr().out
    assert "report:" not in told
    assert "parameters" not in told
    assert "next: imbik run" in told
    assert run(recipe, overrides=["train.steps=6"]).scores is not None


def test_from_redoes_and_until_stops(project: Project) -> None:
    recipe = project()
    result = run(recipe, until="refine")
    assert list(statuses(result)) == ["tasks", "generate", "refine"]
    again = run(recipe, until="refine", from_stage="refine")
    assert statuses(again) == {"tasks": "current", "generate": "current", "refine": "done"}
    with pytest.raises(UsageError, match="did you mean 'refine'"):
        run(recipe, until="refin")


def test_from_a_stage_after_until_is_wrong_usage(project: Project) -> None:
    recipe = project()
    with pytest.raises(UsageError, match="--from train begins after --until refine ends"):
        run(recipe, from_stage="train", until="refine")
    assert not (recipe.parent / "runs").exists()


def test_a_dry_run_writes_nothing_and_says_what_would_run(project: Project) -> None:
    recipe = project()
    result = run(recipe, dry_run=True)
    assert set(statuses(result).values()) == {"planned"}
    assert not (recipe.parent / "runs").exists()
    run(recipe, until="refine")
    again = run(recipe, dry_run=True)
    planned = statuses(again)
    assert planned["refine"] == "current"
    assert planned["train"] == "planned"
    assert again.estimate is not None
    assert set(again.estimate.seconds) == {"train", "export", "evaluate"}
    assert again.estimate.total_seconds == sum(s.forecast for s in again.stages if s.status == "planned")


def test_more_rows_move_no_old_row_to_another_set(project: Project) -> None:
    recipe = project()
    result = run(recipe, until="tasks")
    before = (result.run / "1_tasks" / "splits.jsonl").read_text(encoding="utf-8").splitlines()
    write_sums(recipe.parent / "toplama.csv", rows=200)
    again = run(recipe, until="tasks")
    assert statuses(again) == {"tasks": "done"}
    after = (again.run / "1_tasks" / "splits.jsonl").read_text(encoding="utf-8").splitlines()
    assert set(before) <= set(after)
    assert len(after) == 200


def test_a_second_writer_is_refused_and_told_who_holds_the_lock(project: Project) -> None:
    recipe = project()
    with writer_lock(recipe.parent / "runs" / "toplama"), pytest.raises(LockedError, match="process"):
        run(recipe)


def test_a_run_folder_of_a_newer_version_is_refused(project: Project) -> None:
    recipe = project()
    result = run(recipe, until="tasks")
    (result.run / ".imbik").write_text('{"format": 99}', encoding="utf-8")
    with pytest.raises(RunFolderError, match="newer imbik"):
        run(recipe)


def test_a_damaged_manifest_is_named(project: Project) -> None:
    recipe = project()
    result = run(recipe, until="tasks")
    (result.run / "1_tasks" / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"manifest\.json"):
        run(recipe)


def test_a_run_folder_runs_again_by_its_own_recipe(project: Project) -> None:
    result = run(project(), until="refine")
    again = imbik.run(result.run, until="refine")
    assert again.run == result.run
    assert not again.changed


def test_a_teacher_trained_by_a_recipe_runs_first(project: Project, tmp_path: Path) -> None:
    rows = "".join(f"{index} numaralı {word} nerede,{word}\n" for index in range(60) for word in ("kart", "havale"))
    text = (
        project()
        .read_text(encoding="utf-8")
        .replace("toplama.csv", "etiketli.csv")
        .replace("kind: math", "kind: classification")
    )
    (tmp_path / "etiketli.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    (tmp_path / "hoca.yaml").write_text(text.replace("name: toplama", "name: hoca"), encoding="utf-8")
    student = text.replace("name: toplama", "name: ogrenci").replace(
        "generate: {from: reference}", "teachers: {hoca: {use: run, recipe: hoca.yaml}}\ngenerate: {instruction: ''}"
    )
    recipe = tmp_path / "ogrenci.yaml"
    recipe.write_text(student, encoding="utf-8")
    result = run(recipe, until="generate")
    assert [child.run.name for child in result.children] == ["hoca"]
    assert statuses(result) == {"tasks": "done", "generate": "done"}
    assert not run(recipe, until="generate").changed


def test_a_recipe_that_needs_itself_is_refused(project: Project, tmp_path: Path) -> None:
    text = (
        project()
        .read_text(encoding="utf-8")
        .replace("generate: {from: reference}", "teachers: {hoca: {use: run, recipe: recipe.yaml}}")
    )
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match="needs itself"):
        run(recipe)


@pytest.mark.parametrize(
    ("extra", "options", "said"),
    [
        ("refine: [nosuchcheck]", {}, "no plug-in 'nosuchcheck'"),
        ("evaluate: {against: [teecher]}", {}, "no system 'teecher'"),
        ("student: {architecture: llama, hidden_size: 16, heads: 3}", {}, "not a multiple"),
        ("", {"until": "trian"}, "no stage 'trian'"),
        ("", {"from_stage": "nope"}, "no stage 'nope'"),
    ],
)
def test_a_recipe_is_checked_before_the_teacher_it_needs_is_trained(
    family: Callable[[str], Path], extra: str, options: dict[str, str], said: str
) -> None:
    recipe = family(extra)
    with pytest.raises(ImbikError, match=said):
        run(recipe, **options)
    assert not (recipe.parent / "runs").exists()


def test_all_teachers_recipes_are_checked_before_the_first_is_trained(family: Callable[[str], Path]) -> None:
    recipe = family("")
    broken = (recipe.parent / "hoca.yaml").read_text().replace("name: hoca", "name: ikinci\nrefine: [nosuchcheck]")
    (recipe.parent / "ikinci.yaml").write_text(broken)
    recipe.write_text(
        recipe.read_text().replace("recipe: hoca.yaml}", "recipe: hoca.yaml}, b: {use: run, recipe: ikinci.yaml}")
    )
    with pytest.raises(ImbikError, match="nosuchcheck"):
        run(recipe)
    assert not (recipe.parent / "runs").exists()


@pytest.mark.parametrize(("inner", "name"), [("ogrenci", "ogrenci"), ("hoca", "hoca")])
def test_two_recipes_never_share_a_run_folder(family: Callable[[str], Path], inner: str, name: str) -> None:
    """Neither a recipe and its teacher's, nor two teachers'."""
    recipe = family("")
    text = (recipe.parent / "hoca.yaml").read_text()
    (recipe.parent / "ikinci.yaml").write_text(text.replace("name: hoca", f"name: {inner}"))
    recipe.write_text(
        recipe.read_text().replace("recipe: hoca.yaml}", "recipe: hoca.yaml}, b: {use: run, recipe: ikinci.yaml}")
    )
    with pytest.raises(RecipeError, match=f"name '{name}'.*same run folder") as refused:
        run(recipe)
    assert "give one of them another `name:`" in refused.value.next
    assert not (recipe.parent / "runs").exists()


def test_one_recipe_may_make_two_teachers(family: Callable[[str], Path]) -> None:
    recipe = family("")
    recipe.write_text(
        recipe.read_text().replace("recipe: hoca.yaml}", "recipe: hoca.yaml}, b: {use: run, recipe: hoca.yaml}")
    )
    assert [child.run.name for child in run(recipe, dry_run=True).children] == ["hoca", "hoca"]


def second_teacher(recipe: Path, made_by: str) -> None:
    """Give a recipe of `family` a teacher `b` beside `hoca`."""
    text = recipe.read_text(encoding="utf-8")
    both = f"recipe: hoca.yaml}}, b: {{use: run, recipe: {made_by}}}"
    recipe.write_text(text.replace("recipe: hoca.yaml}", both), encoding="utf-8")


@pytest.fixture
def family(project: Project, tmp_path: Path) -> Callable[[str], Path]:
    """A student's recipe, with more YAML of a test, whose teacher is trained by `hoca.yaml` beside it."""

    def make(extra: str) -> Path:
        text = project().read_text(encoding="utf-8")
        (tmp_path / "hoca.yaml").write_text(text.replace("name: toplama", "name: hoca"), encoding="utf-8")
        own = [line for line in text.splitlines() if not extra or not line.startswith(extra.split(":")[0])]
        student = "\n".join(own).replace("name: toplama", "name: ogrenci")
        teachers = "teachers: {hoca: {use: run, recipe: hoca.yaml}}\ngenerate: {teacher: hoca}"
        path = tmp_path / "ogrenci.yaml"
        path.write_text(student.replace("generate: {from: reference}", teachers) + f"\n{extra}\n", encoding="utf-8")
        return path

    return make


def test_a_required_bar_that_is_not_met_ends_with_its_own_code_after_the_report(project: Project) -> None:
    recipe = project()
    with pytest.raises(BarNotMetError):
        run(recipe, overrides=["evaluate.require.accuracy='>= 1.1'"])
    assert (recipe.parent / "runs" / "toplama" / "8_report" / "report.html").exists()


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the students that were really trained, as they are."""
    names: list[str] = []
    teach = work_of_train.teach

    def noted(task: Assignment, *rest: Any) -> TrainingRecord:
        names.append(task.name)
        return teach(task, *rest)

    monkeypatch.setattr(work_of_train, "teach", noted)
    return names


def test_another_seed_or_control_trains_only_what_is_new(project: Project, trained: list[str]) -> None:
    recipe = project()

    def train(*overrides: str, **options: Any) -> list[str]:
        trained.clear()
        run(recipe, until="train", overrides=[f"train.{text}" for text in overrides], **options)
        return list(trained)

    def weights(name: str) -> str:
        path = recipe.parent / "runs" / "toplama" / "6_student" / name / "training.json"
        return str(json.loads(path.read_text())["sha256"])

    assert train("seeds=[1]") == ["student seed 1"]
    first = weights("student/seed-1")
    assert train("seeds=[1,2]") == ["student seed 2"]
    assert weights("student/seed-1") == first
    assert train("seeds=[1,2]", "controls=[answers_only]") == []  # no reasoning: text_only, which equals the student
    assert train("seeds=[2]") == []
    second = weights("student/seed-2")
    assert train("seeds=[2]", from_stage="train") == ["student seed 2"], "--from asks for it anew"
    assert weights("student/seed-2") == second, "what was reused is what training makes"
    assert train("seeds=[2,1]", "learning_rate=2e-2") == ["student seed 2", "student seed 1"]
    write_sums(recipe.parent / "toplama.csv", 150)
    assert train("seeds=[2,1]", "learning_rate=2e-2") == ["student seed 2", "student seed 1"]


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_reused_student_is_whole(project: Project, trained: list[str], method: str) -> None:
    recipe = project()
    given = [f"train.method={method}"]
    assert run(recipe, until="train", overrides=given).changed
    result = run(recipe, overrides=[*given, "train.seeds=[1,2]"])
    assert trained == ["student seed 1", "student seed 2"]
    assert result.scores is not None
    assert set(result.scores.systems["student"].metrics["accuracy"].seeds) == {"1", "2"}


def test_a_changed_bar_judges_again_and_measures_nothing_again(project: Project) -> None:
    recipe = project()
    assert run(recipe).changed
    answers = recipe.parent / "runs" / "toplama" / "8_report" / "answers"
    before = {path: path.stat().st_mtime_ns for path in answers.iterdir()}
    for bar, code in (("'>= 1.1'", 3), ("'>= 0'", 0), ("'>= 1.2'", 3), ("'>= 1.2'", 3)):
        started = time.monotonic()
        ended = 0
        try:
            assert not run(recipe, overrides=[f"evaluate.require.accuracy={bar}"]).changed
        except BarNotMetError as missed:
            ended = missed.exit_code
        assert ended == code
        assert time.monotonic() - started < 1
    assert {path: path.stat().st_mtime_ns for path in answers.iterdir()} == before
    assert not (recipe.parent / "runs" / "toplama" / "old").exists()
