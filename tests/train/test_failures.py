"""What a person is told when training diverges can be pasted."""

from __future__ import annotations

from pathlib import Path

from imbik.core.runfolder import RunFolder
from imbik.train.failures import diverged


def test_the_rows_of_a_diverged_training_are_shown_by_a_line_that_names_the_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "runs" / "destek")
    run.create()
    checkpoints = run.stage("6_student") / "student" / "seed-1" / "checkpoints"
    (checkpoints / "step-12").mkdir(parents=True)
    error = diverged("the loss is nan", 15, (), checkpoints, 3e-3)
    assert "the weights of step 12 are kept" in error.what
    assert error.next == f"--set train.learning_rate=0.001, or look at those rows: imbik show {run.path} refine"


def test_outside_of_a_run_only_the_setting_is_told(tmp_path: Path) -> None:
    assert diverged("the loss is nan", 1, (), tmp_path, 3e-3).next == "--set train.learning_rate=0.001"
