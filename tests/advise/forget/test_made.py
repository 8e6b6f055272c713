"""What was made of erased rows is named: tokens, weights, exports, students that learned from students."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.advise.forget.made import pieces, remaining_tokenizers, remaining_weights, students_elsewhere, weights_of
from imbik.core.files import write_text
from imbik.core.runfolder import RunFolder
from imbik.models.train_tokenizer import MIN_TASKS
from imbik.privacy.person import Person
from imbik.recipe import load_recipe
from imbik.testing.tiny_models import make_tokenizer

WHO = Person(["Zekeriya Demirkıran"])
HEAD = "tasks: {source: x.jsonl, kind: qa}\nstudent: {architecture: llama}\n"


def make_run(runs: Path, name: str, lines: str = "generate: {from: reference}\n", head: str = HEAD) -> RunFolder:
    """A run with a recipe and the folder of a student."""
    run = RunFolder(runs / name)
    run.create()
    write_text(run.path / "recipe.yaml", f"name: {name}\n{head}{lines}")
    (run.stage("6_student") / "student" / "seed-1" / "weights").mkdir(parents=True)
    return run


def test_a_vocabulary_that_many_rows_taught_the_name_is_named(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    make_tokenizer(run.path / "tokenizer", texts=["zekeriya demirkıran geldi gitti"], vocabulary=420)
    assert pieces(run.path / "tokenizer" / "tokenizer.json", WHO) >= 2
    assert pieces(run.path / "tokenizer" / "tokenizer.json", Person(["Fatma Öztürk"])) == 0
    found = list(remaining_tokenizers(run, load_recipe(run.path / "recipe.yaml"), WHO))
    assert [item.path for item in found] == ["a/tokenizer/tokenizer.json"]
    assert "--from train" in found[0].next
    assert not WHO.in_token(found[0].why)
    assert MIN_TASKS == 20


def test_a_loaded_model_brought_its_vocabulary_along(tmp_path: Path) -> None:
    head = "tasks: {source: x.jsonl, kind: qa}\nstudent: {model: 'embedded:base'}\n"
    run = make_run(tmp_path, "a", head=head)
    make_tokenizer(run.path / "tokenizer", texts=["zekeriya demirkıran"], vocabulary=400)
    assert not list(remaining_tokenizers(run, load_recipe(run.path / "recipe.yaml"), WHO))


def test_a_vocabulary_trimmed_to_the_rows_is_named(tmp_path: Path) -> None:
    head = "tasks: {source: x.jsonl, kind: qa}\nstudent: {model: 'embedded:base', keep: {vocabulary: used}}\n"
    run = make_run(tmp_path, "a", head=head)
    make_tokenizer(run.path / "tokenizer", texts=["zekeriya demirkıran geldi gitti"], vocabulary=420)
    found = list(remaining_tokenizers(run, load_recipe(run.path / "recipe.yaml"), WHO))
    assert [item.path for item in found] == ["a/tokenizer/tokenizer.json"]
    assert "trimmed to these rows" in found[0].why


def test_weights_of_this_recipe_and_of_replaced_ones(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    run.retire("6_student")
    (run.stage("6_student") / "text_only" / "seed-2").mkdir(parents=True)
    (run.stage("6_student") / "base" / "seed-2").mkdir(parents=True)
    (run.stage("7_export") / "safetensors").mkdir(parents=True)
    assert len(weights_of(run)) == 2
    assert not list(remaining_weights(run, 0))
    found = {item.path.split("/", 1)[1]: item.next for item in remaining_weights(run, 3)}
    assert found["6_student/text_only/seed-2"] == "imbik run a --from train, then imbik gc a"
    assert "take back the copies" in found["7_export/safetensors"]
    assert [how for path, how in found.items() if path.startswith("old/")] == ["imbik gc a"]


@pytest.mark.parametrize(
    "teacher",
    [
        "{use: run, run: a}",
        "{use: run, recipe: ../a.yaml}",
        "{use: in_process, model: ../a/6_student/student/seed-1/weights}",
    ],
)
def test_students_of_other_runs_at_any_remove(tmp_path: Path, teacher: str) -> None:
    first = make_run(tmp_path, "a")
    write_text(tmp_path / "a.yaml", f"name: a\n{HEAD}generate: {{from: reference}}\n")
    make_run(tmp_path, "b", f"teachers: {{t: {teacher}}}\n")
    make_run(tmp_path, "c", "teachers: {t: {use: run, run: b}}\n")
    make_run(tmp_path, "d")
    found = students_elsewhere(first)
    assert [item.path for item in found] == ["b", "c"]
    assert "'a'" in found[0].why
    assert "'b'" in found[1].why


def test_a_student_that_began_as_these_weights(tmp_path: Path) -> None:
    first = make_run(tmp_path, "a")
    weights = first.stage("6_student") / "student" / "seed-1" / "weights"
    head = f"tasks: {{source: x.jsonl, kind: qa}}\nstudent: {{model: '{weights}'}}\n"
    make_run(tmp_path, "b", head=head)
    assert [item.path for item in students_elsewhere(first)] == ["b"]


def test_a_run_whose_recipe_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    first = make_run(tmp_path, "a")
    write_text(make_run(tmp_path, "b").path / "recipe.yaml", "name: [")
    assert "not known" in students_elsewhere(first)[0].why
