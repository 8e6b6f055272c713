"""How secret a model is travels through every stage that uses it, and a change of mind about it reaches them all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from imbik.core.runfolder import RunFolder
from imbik.models.load import embedded_folder
from imbik.pipeline import run

STAGES = ("1_tasks", "2_answers", "3_refined", "5_logits", "6_student", "7_export", "8_report")
RECIPE = """
name: x
tasks: {source: {use: embedded, pool: 40, test: 4, B: 0, C: 0}, kind: math, sensitivity: public}
teachers: {t: {use: in_process, model: teach}}
generate: {from: reference}
refine: [shape]
student: {model: "embedded:base"}
capture: {teacher: t, top_k: 5}
train: {losses: [forward_kl], steps: 2, batch_size: 4, learning_rate: 1.0e-3, precision: fp32, threads: 1}
evaluate: {against: [baseline], latency_rows: 0, resamples: 100, max_tokens: 8}
"""


def lay(folder: Path, level: str) -> Path:
    """A recipe whose logits come from a model of this sensitivity."""
    shutil.copytree(embedded_folder("teacher"), folder / "teach")
    mark(folder, level)
    (folder / "r.yaml").write_text(RECIPE)
    return folder / "r.yaml"


def mark(folder: Path, level: str) -> None:
    (folder / "teach" / "imbik.json").write_text(json.dumps({"sensitivity": level}))


def levels(folder: RunFolder) -> list[str]:
    found = [folder.manifest(stage) for stage in STAGES]
    return [manifest.sensitivity.value if manifest else "" for manifest in found]


def of_student(run: Path) -> str:
    """What the student's own folder says of it."""
    about = run / "6_student" / "student" / "seed-1" / "weights" / "imbik.json"
    return str(json.loads(about.read_text())["sensitivity"])


def test_logits_of_a_secret_teacher_make_a_secret_student(tmp_path: Path) -> None:
    recipe = lay(tmp_path, "special")
    result = run(recipe, runs=tmp_path / "runs")
    assert levels(RunFolder(result.run)) == ["public"] * 3 + ["special"] * 4
    assert of_student(result.run) == "special"


def test_a_model_that_is_found_to_be_secret_is_so_in_all_that_was_made_of_it(tmp_path: Path) -> None:
    recipe = lay(tmp_path, "public")
    first = run(recipe, runs=tmp_path / "runs")
    assert set(levels(RunFolder(first.run))) == {"public"}
    mark(tmp_path, "special")
    again = run(recipe, runs=tmp_path / "runs")
    assert {stage.name: stage.status for stage in again.stages}["generate"] == "current"
    assert of_student(again.run) == "special"
    assert levels(RunFolder(again.run)) == ["public"] * 3 + ["special"] * 4
