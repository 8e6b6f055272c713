"""A search end to end: trials are runs that read what they share, a killed search goes on, the best is told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imbik.core.errors import RecipeError, TrainingError
from imbik.core.files import file_digest
from imbik.core.runfolder import RunFolder
from imbik.models.load import load
from imbik.pipeline import STAGES
from imbik.pipeline.adopt import adopt, let_go, origins
from imbik.recipe import Recipe, load_recipe
from imbik.search.findings import Findings
from imbik.search.page import html_page
from imbik.search.work import _FIRST, first_stage, search
from imbik.testing.tiny_models import make_model

Project = Callable[..., Path]


def hold(recipe: Path, **options: object) -> tuple[Findings, RunFolder]:
    return search(recipe, runs=recipe.parent / "runs", **options)  # type: ignore[arg-type]


def weights(run: RunFolder) -> list[str]:
    """Digests of all trials' weights."""
    found = sorted(run.path.glob("trials/*/6_student/student/seed-1/weights/*.safetensors"))
    return [file_digest(path) for path in found]


def test_trials_make_only_what_they_change_and_the_same_command_goes_on(project: Project) -> None:
    recipe = project()
    made, run = hold(recipe)
    assert [trial.state for trial in made.trials] == ["done", "done"]
    for trial in made.trials:
        folder = RunFolder(run.path / "trials" / f"{trial.number:04d}")
        assert set(trial.read) == {"1_tasks", "2_answers", "3_refined"}
        assert (folder.path / "1_tasks").resolve() == run.path / "1_tasks"
        manifest = folder.manifest("6_student")
        assert manifest is not None
        assert manifest.origins == trial.read
        rate = load_recipe(folder.path / "recipe.yaml").train.learning_rate
        assert trial.values["train.learning_rate"] == rate
        assert not (folder.path / "8_report").exists()  # the loss on validation rows is all that was asked for
    assert not (run.path / "6_student").exists()
    best = made.trials[made.front[0]]
    assert best.found[0] == min(trial.found[0] for trial in made.trials)
    written = load_recipe(run.path / "search" / "best.yaml")
    assert (written.name, written.train.learning_rate) == ("toplama-best", best.values["train.learning_rate"])
    assert written.evaluate.on == "test"
    told = json.loads((run.path / "search" / "search.json").read_text(encoding="utf-8"))
    assert told["front"] == made.front
    assert "toplama" in (run.path / "search" / "search.html").read_text(encoding="utf-8")

    before = weights(run)
    again, _ = hold(recipe)
    assert again == made
    assert weights(run) == before


def test_what_every_trial_would_fail_by_ends_the_search(project: Project) -> None:
    recipe = project("accuracy of export:gguf")
    with pytest.raises(RecipeError, match="no system 'export:gguf' was measured"):
        hold(recipe, overrides=["train.steps=1"])
    assert "search" not in [path.name for path in (recipe.parent / "runs" / "toplama").iterdir()]


def test_every_section_of_a_recipe_has_the_stage_that_it_changes_first() -> None:
    own = {"name", "base", "search"}
    assert set(_FIRST) == set(Recipe.model_fields) - own
    names = [stage.name for stage in STAGES]
    assert names[first_stage(["train.learning_rate", "evaluate.rows"])] == "train"
    assert names[first_stage(["refine.0.threshold", "train.steps"])] == "refine"


def test_a_stage_is_read_through_a_link_and_never_written_through_it(tmp_path: Path, project: Project) -> None:
    from imbik import run as run_recipe

    ready = load_recipe(project(), ["train.learning_rate=1e-2"])
    run = RunFolder(run_recipe(ready, runs=tmp_path / "runs", until="tasks").run)
    trial = RunFolder(run.path / "trials" / "0000")
    trial.create()
    manifest = run.manifest("1_tasks")
    assert manifest is not None
    assert adopt(trial, "1_tasks", "another hash") is None
    assert adopt(trial, "1_tasks", manifest.hash) == manifest
    assert origins(trial) == {"1_tasks": "../../1_tasks"}
    assert (trial.store, trial.account) == (run.store, "toplama")
    let_go(trial, "1_tasks")
    assert not trial.stage("1_tasks").exists()
    assert run.manifest("1_tasks") == manifest
    assert origins(trial) == {}
    assert adopt(run, "1_tasks", manifest.hash) is None  # a run that is no trial reads from nobody


def test_the_page_escapes_what_it_shows() -> None:
    from imbik.search.findings import Goal, Trial

    nasty = "<script>alert(1)</script>"
    trial = Trial(number=0, state="done", values={"k": nasty}, found=(0.5,), why=nasty)
    page = html_page(Findings(nasty, 1, [Goal(nasty, "maximize")], {"k": nasty}, [trial], [0], {}))
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.nightly
def test_a_killed_search_goes_on_with_the_trial_that_ran(project: Project) -> None:
    recipe = project()
    runs = recipe.parent / "runs"
    command = [sys.executable, "-m", "imbik", "search", str(recipe), "--runs", str(runs), "--trials", "3"]
    command += ["--set", "train.steps=400"]
    run = runs / "toplama"
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        while not list(run.glob("trials/0001/6_student/student/seed-1/checkpoints/step-*")):
            time.sleep(0.05)
            assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    subprocess.run(["pkill", "-9", "-f", f"imbik run {run}"], check=False)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads((run / "search" / "search.json").read_text(encoding="utf-8"))
    assert [trial["state"] for trial in told["trials"]] == ["done"] * 3
    assert "best of 3" in done.stdout


@pytest.mark.nightly
def test_trials_that_all_fail_stop_the_search(project: Project) -> None:
    recipe = project()
    with pytest.raises(TrainingError, match="the first 3 trials failed"):
        hold(recipe, overrides=["train.batch_size=8", "train.max_length=1"], settings=["num_trials=5"])


def test_the_student_itself_may_be_searched(project: Project) -> None:
    recipe = project()
    for name, size in (("small", 8), ("large", 24)):
        make_model(recipe.parent / name, hidden_size=size, context=128)
    lines = recipe.read_text(encoding="utf-8").splitlines()
    changed = {
        "student:": "student: {model: {choice: [small, large]}}",
        "  learning_rate:": "  learning_rate: 0.01",
        "search:": "search: {num_trials: 2, objectives: [validation_loss], sampler: grid}",
    }
    text = [next((new for start, new in changed.items() if line.startswith(start)), line) for line in lines]
    recipe.write_text("\n".join(text), encoding="utf-8")
    made, run = hold(recipe)
    tried = {str(trial.values["student.model"]): trial.number for trial in made.trials if trial.state == "done"}
    assert set(tried) == {"small", "large"}
    for name, width in (("small", 8), ("large", 24)):
        folder = run.path / "trials" / f"{tried[name]:04d}" / "6_student" / "student" / "seed-1" / "weights"
        assert load(folder).network.config.hidden_size == width
    best = load_recipe(run.path / "search" / "best.yaml").student.model
    assert Path(best).name == min(tried, key=lambda name: made.trials[tried[name]].found[0])
