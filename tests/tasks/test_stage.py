"""The tasks stage in a run folder: its books, its files, its hash, and sets that outlive a change of the file."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imbik.core.errors import InputError, RunFolderError
from imbik.core.executor import LocalExecutor
from imbik.core.files import read_json, write_lines
from imbik.core.progress import Progress, SilentReporter
from imbik.core.runfolder import RunFolder, write_parts
from imbik.core.types import Completion, Sample, Sensitivity
from imbik.recipe import Recipe, load_recipe, to_yaml
from imbik.stage import Asker, StageContext, StageResult
from imbik.tasks.kinds.classification import Classification
from imbik.tasks.likeness import Likeness
from imbik.tasks.load import source_files
from imbik.tasks.read import (
    held_out,
    kind_of,
    read_quarantine,
    read_samples,
    read_sets,
    read_tasks,
)
from imbik.tasks.split import Assignment
from imbik.tasks.stage import TasksStage

ASKER: Asker = None  # type: ignore[assignment]  # this stage asks nobody


def run_stage(recipe: Recipe, folder: Path, mark: str = "h") -> tuple[RunFolder, StageResult]:
    """Run the stage as the pipeline does."""
    run = RunFolder(folder / "runs" / recipe.name)
    run.path.parent.mkdir(parents=True, exist_ok=True)
    run.create()
    context = StageContext(recipe, run, run.begin("1_tasks", mark), ASKER, LocalExecutor(), Progress(SilentReporter()))
    return run, TasksStage().run(context)


def write_csv(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("mesaj", "niyet"), *rows])


def messages(count: int, start: int = 0) -> list[tuple[str, str]]:
    return [(f"{n} numaralı kart nerede?", ("kart_kayıp", "iade")[n % 2]) for n in range(start, start + count)]


def test_the_folder_holds_tasks_sets_and_what_was_left_out(tmp_path: Path, recipe: Any) -> None:
    write_csv(tmp_path / "m.csv", [*messages(200), ("", "iade"), ("x\x00", "iade")])
    made = recipe("m.csv", "classification", sensitivity="internal")
    run, result = run_stage(made, tmp_path)
    assert result.books.balanced
    assert (result.books.rows_in, result.books.rows_out, result.books.rejected) == (202, 200, 2)
    assert result.books.reasons == {"the question is empty": 1, "holds NUL characters": 1}
    assert result.sensitivity is Sensitivity.INTERNAL
    assert len(set(result.leaves)) == 200
    pairs = list(read_tasks(run))
    assert [task.text for task, _ in pairs] == [text for text, _ in messages(200)]
    assert {name: len(tasks) for name, tasks in held_out(run).items()} == {"validation": 20, "test": 20}
    assert [bad.line for bad in read_quarantine(run)] == [202, 203]
    assert read_json(run.stage("1_tasks") / "likeness.json", Likeness).sets["test"].rows == 20
    kind = kind_of(made, run)
    assert isinstance(kind, Classification)
    assert kind.labels == ("iade", "kart_kayıp")
    assert all(path.stat().st_mode & 0o077 == 0 for path in run.stage("1_tasks").iterdir())


def test_the_hash_follows_files_and_settings_but_not_the_recipes_lines(tmp_path: Path, recipe: Any) -> None:
    write_csv(tmp_path / "m.csv", messages(20))
    stage = TasksStage()
    first = stage.settings(recipe("m.csv", {"use": "classification"}), ASKER)
    assert stage.settings(recipe("m.csv", {"use": "classification"}, turns="last", loss_on="all"), ASKER) == first
    moved = recipe("m.csv", {"use": "classification", "__where__": "recipe.yaml:77"})
    assert stage.settings(moved, ASKER) == first
    assert stage.settings(recipe("m.csv", {"use": "classification"}, language="en"), ASKER) != first
    write_csv(tmp_path / "m.csv", messages(21))
    assert stage.settings(recipe("m.csv", {"use": "classification"}), ASKER) != first
    msgspec.json.encode(first)
    with pytest.raises(InputError, match="no such file"):
        stage.settings(recipe("n.csv"), ASKER)


def test_recorded_files_are_part_of_the_hash(tmp_path: Path, recipe: Any) -> None:
    (tmp_path / "x.jsonl").write_text('{"id": "1", "question": "a"}')
    (tmp_path / "r.jsonl").write_text('{"id": "1", "answer": "b"}')
    made = recipe("x.jsonl", teachers={"r": {"use": "recorded", "files": ["r.jsonl"]}})
    before = TasksStage().settings(made, ASKER)
    (tmp_path / "r.jsonl").write_text('{"id": "1", "answer": "c"}')
    assert TasksStage().settings(made, ASKER) != before


@pytest.mark.parametrize("wrap", [lambda text: [text], lambda text: {"r": text}])
def test_a_run_folders_own_recipe_finds_recorded_files_and_nothing_changed(
    tmp_path: Path, recipe: Any, wrap: Any
) -> None:
    (tmp_path / "x.jsonl").write_text('{"id": "1", "question": "a"}')
    (tmp_path / "r.jsonl").write_text('{"id": "1", "answer": "b"}')
    made = recipe("x.jsonl", teachers={"r": {"use": "recorded", "files": wrap("r.jsonl")}})
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "recipe.yaml").write_text(to_yaml(made))
    again = load_recipe(tmp_path / "runs")
    assert source_files(again) == source_files(made) == [tmp_path / "x.jsonl", tmp_path / "r.jsonl"]
    assert TasksStage().settings(again, ASKER) == TasksStage().settings(made, ASKER)


def test_rows_of_next_month_move_no_old_row(tmp_path: Path, recipe: Any) -> None:
    made = recipe("m.csv", "classification")
    write_csv(tmp_path / "m.csv", messages(100))
    run, _ = run_stage(made, tmp_path, "1")
    first = read_sets(run)
    write_csv(tmp_path / "m.csv", messages(300, start=-200))
    run, _ = run_stage(made, tmp_path, "2")
    second = read_sets(run)
    assert {key: second[key] for key in first} == first
    assert sum(name == "test" for name in second.values()) == 30
    write_csv(tmp_path / "m.csv", messages(50))
    run_stage(made, tmp_path, "3")
    write_csv(tmp_path / "m.csv", messages(300, start=-200))
    run, _ = run_stage(made, tmp_path, "4")
    assert read_sets(run) == second


def test_the_same_input_gives_the_same_output(tmp_path: Path, recipe: Any) -> None:
    write_csv(tmp_path / "m.csv", messages(60))
    outputs = []
    for name in ("a", "b"):
        run, result = run_stage(recipe("m.csv", "classification"), tmp_path / name)
        files = sorted(path for path in run.stage("1_tasks").iterdir() if path.name != ".begun.json")
        outputs.append(([path.read_bytes() for path in files], result.leaves))
    assert outputs[0] == outputs[1]


def test_labels_that_cannot_be_learned_are_named(tmp_path: Path, recipe: Any) -> None:
    write_csv(tmp_path / "m.csv", [*messages(60), ("tek satır", "nadir")])
    _, result = run_stage(recipe("m.csv", "classification"), tmp_path)
    assert any("1 of 3 labels have fewer than 2 training rows ('nadir')" in note for note in result.warnings)


def test_samples_come_with_their_sets(tmp_path: Path, recipe: Any) -> None:
    write_csv(tmp_path / "m.csv", messages(40))
    made = recipe("m.csv", "classification")
    run, _ = run_stage(made, tmp_path)
    samples = [
        Sample(task=task, teacher="t", number=0, completion=Completion())
        for task, name in read_tasks(run)
        if name != "test"
    ]
    with pytest.raises(RunFolderError, match="not here yet"):
        list(read_samples(run, made))
    write_parts(run.begin("3_refined", "h"), iter(samples))
    assert [(s.id, name) for s, name in read_samples(run, made)] == [(s.id, read_sets(run)[s.task.id]) for s in samples]
    with pytest.raises(RunFolderError, match="not here yet"):
        list(read_samples(run, made.model_copy(update={"review": object()})))


@pytest.mark.parametrize("change", ["missing", "twice", "extra"])
def test_a_torn_folder_is_never_misread(tmp_path: Path, recipe: Any, change: str) -> None:
    write_csv(tmp_path / "m.csv", messages(30))
    run, _ = run_stage(recipe("m.csv", "classification"), tmp_path)
    path = run.stage("1_tasks") / "splits.jsonl"
    found = [Assignment(id=key, set=name) for key, name in read_sets(run).items()]
    extra = Assignment(id="x", set="train")
    write_lines(path, {"missing": found[1:], "twice": [*found, found[0]], "extra": [*found, extra]}[change])
    with pytest.raises(RunFolderError):
        list(read_tasks(run))


def test_ten_thousand_rows_take_seconds(tmp_path: Path, recipe: Any) -> None:
    rows = [{"soru": f"{n}. kişi {n % 97} elma aldı, kaç elması var?", "cevap": str(n)} for n in range(10_000)]
    (tmp_path / "x.jsonl").write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    started = time.process_time()
    _, result = run_stage(recipe("x.jsonl"), tmp_path)
    assert result.books.rows_out == 10_000
    assert time.process_time() - started < 5
