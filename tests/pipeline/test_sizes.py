"""Sizes without loading: formulas equal what torch counts, for every architecture imbik makes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from imbik.core.runfolder import RunFolder
from imbik.models.init import ARCHITECTURES, intermediate_size
from imbik.pipeline import sizes
from imbik.pipeline.preflight import preflight
from imbik.pipeline.sizes import Size, size_in_name, size_of_config, size_of_folder, student_size, teacher_size
from imbik.recipe import build
from imbik.recipe.training import Student
from imbik.testing.tiny_models import make_model

RECIPE = {"name": "s", "tasks": {"source": "a.csv", "kind": "qa"}, "generate": {"from": "reference"}}


@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_the_formula_counts_what_torch_counts(architecture: str, tmp_path: Path) -> None:
    model = make_model(tmp_path / "m", architecture=architecture, hidden_size=32, layers=3, heads=4)
    exact = size_of_folder(tmp_path / "m")
    assert exact is not None
    assert exact.parameters == model.parameters
    formula = size_of_config(sizes.read_object(tmp_path / "m" / "config.json"), pretrained=True)
    assert formula.parameters == pytest.approx(model.parameters, rel=0.05)
    assert (formula.hidden_size, formula.layers) == (32, 3)


@pytest.mark.parametrize("hidden", [8, 24, 32, 100, 256])
@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_students_size_has_the_mlp_that_is_made(architecture: str, hidden: int) -> None:
    """GPT-2's own default is another width than the one imbik makes."""

    def size(width: int) -> Size | None:
        student = {"architecture": architecture, "hidden_size": hidden, "heads": 1, "intermediate_size": width}
        return student_size(build({**RECIPE, "student": student}))

    assert size(0) == size(intermediate_size(Student(architecture=architecture, hidden_size=hidden)))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("meta-llama/Llama-3.2-1B-Instruct", 1e9),
        ("qwen2.5-0.5b", 0.5e9),
        ("SmolLM2-135M", 135e6),
        ("llama-3-70b", 70e9),
        ("gpt-4o", None),
        ("mistral-large", None),
    ],
)
def test_a_name_may_tell_the_size(name: str, count: float | None) -> None:
    found = size_in_name(name)
    assert (found.parameters if found else None) == count


def test_a_run_teacher_is_as_large_as_its_recipes_student(tmp_path: Path) -> None:
    inner = "name: t\ntasks: {source: a.csv, kind: qa}\ngenerate: {from: reference}\nstudent: {architecture: llama}\n"
    (tmp_path / "teacher.yaml").write_text(inner)
    outer = build(
        {
            "name": "s",
            "tasks": {"source": "a.csv", "kind": "qa"},
            "teachers": {"t": {"use": "run", "recipe": "teacher.yaml"}},
            "student": {"architecture": "llama", "hidden_size": 16, "tokenizer": "teacher"},
        },
        base=tmp_path,
    )
    teacher, student = teacher_size(outer, "t"), student_size(outer)
    assert teacher is not None
    assert student is not None
    assert teacher.pretrained
    assert not student.pretrained
    assert student.vocabulary == teacher.vocabulary == 2048
    assert teacher.parameters > student.parameters


def test_the_size_of_a_run_teacher_is_sought_where_the_runs_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--runs` and `run(runs=…)` hold for the forecast as for the run."""
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "elsewhere"
    (here / "t").mkdir(parents=True)
    (here / "t" / "recipe.yaml").write_text(json.dumps({**RECIPE, "name": "t", "student": {"architecture": "llama"}}))
    teachers = {"t": {"use": "run", "run": "t"}}
    outer = build({**RECIPE, "generate": {}, "teachers": teachers, "student": {"architecture": "llama"}}, base=tmp_path)
    assert teacher_size(outer, "t") is None
    found = teacher_size(outer, "t", here)
    assert found == replace(student_size(outer), pretrained=True)
    said = preflight(outer, RunFolder(here / "s")).warnings
    assert any("teachers.t has" in text and "no more than the student's" in text for text in said)


def test_a_hub_model_that_is_not_here_is_not_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert sizes.folder_here("org/model-7b", tmp_path) is None
    snapshot = tmp_path / "models--org--model-7b" / "snapshots" / "abc"
    make_model(snapshot)
    assert sizes.folder_here("org/model-7b", tmp_path) == snapshot
    assert sizes.model_size("org/model-7b", tmp_path) != Size(7_000_000_000, True)
