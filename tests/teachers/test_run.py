"""Another run's student as teacher."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from imbik.core.errors import ModelError
from imbik.core.files import write_json
from imbik.core.questions import Question, Sampling
from imbik.core.runfolder import RunFolder
from imbik.core.students import Best
from imbik.core.types import Message, Sensitivity
from imbik.models.load import fingerprint
from imbik.teachers import LocalTeacher, TeacherContext
from imbik.teachers.run import RunTeacher
from imbik.testing.tiny_models import make_model

RECIPE = """
name: usta
tasks: {source: rows.jsonl, kind: math}
teachers: {t: {use: recorded}}
student: {architecture: llama}
"""


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A run folder with two trained seeds, of which the second is the best, and its recipe beside the runs."""
    (tmp_path / "usta.yaml").write_text(RECIPE)
    run = RunFolder(tmp_path / "runs" / "usta")
    run.create()
    for seed in (1, 2):
        weights = run.path / "6_student" / "student" / f"seed-{seed}" / "weights"
        make_model(weights, seed=seed, sensitivity=Sensitivity.CONFIDENTIAL)
    write_json(run.path / "6_student" / "best.json", Best(seed=2))
    return run.path


def teacher(base: Path, **settings: str) -> RunTeacher:
    return RunTeacher(RunTeacher.Settings(**settings), TeacherContext(name="usta", base=base, runs=base / "runs"))


@pytest.mark.parametrize("settings", [{"recipe": "usta.yaml"}, {"run": "usta"}, {"run": "runs/usta"}])
def test_the_best_student_answers(trained: Path, tmp_path: Path, settings: dict[str, str]) -> None:
    made = teacher(tmp_path, **settings)
    best = trained / "6_student" / "student" / "seed-2" / "weights"
    assert isinstance(made, LocalTeacher)
    assert made.folder == best
    assert made.identity == fingerprint(best)
    assert made.sensitivity is Sensitivity.CONFIDENTIAL
    asked = Question(
        messages=(Message(role="user", content="bir"),),
        row="1",
        sensitivity=Sensitivity.PUBLIC,
        sampling=Sampling(max_tokens=3),
    )
    assert len(made.answer([asked])) == 1


def test_weights_that_do_not_say_are_confidential(trained: Path, tmp_path: Path) -> None:
    (trained / "6_student" / "student" / "seed-2" / "weights" / "imbik.json").unlink()
    assert teacher(tmp_path, run="usta").sensitivity is Sensitivity.CONFIDENTIAL


def test_a_run_without_a_student(trained: Path, tmp_path: Path) -> None:
    (trained / "6_student" / "best.json").unlink()
    with pytest.raises(ModelError, match="no trained student yet") as caught:
        _ = teacher(tmp_path, recipe="usta.yaml").identity
    assert caught.value.next == "imbik run usta.yaml"
    with pytest.raises(ModelError, match="no trained student yet"):
        _ = teacher(tmp_path, run="nowhere").folder


def test_one_of_recipe_and_run() -> None:
    for settings in ({}, {"recipe": "a.yaml", "run": "a"}):
        with pytest.raises(ValidationError, match="either"):
            RunTeacher.Settings(**settings)
