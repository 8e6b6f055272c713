"""`imbik review RUN --compare`: a real trained run, people over HTTP, and what is told and reported of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli.conftest import Imbik
from imbik.core.errors import ExitCode
from imbik.core.files import write_text
from imbik.core.runfolder import RunFolder
from imbik.privacy.trust import config_folder
from reviewkit import Caller, served_comparison

NAMES = "student,baseline"


@pytest.fixture
def mine(trained: Path, tmp_path: Path) -> RunFolder:
    """A copy of the trained run, which a test may change."""
    shutil.copytree(trained, tmp_path / "own")
    return RunFolder(tmp_path / "own" / "runs" / "my-run")


def judge_all(run: RunFolder, prefers: str) -> int:
    """One person chooses on every row; returns how many there were."""
    with served_comparison(run, NAMES.split(",")) as where:
        caller, seen = Caller(where, where.link("ayşe")), 0
        while row := caller.ask("/api/next")[1]["row"]:
            body = {"content": row["content"], "previous": row["previous"], "prefers": prefers}
            assert caller.ask("/api/choose", body)[0] == 200
            seen += 1
    return seen


def test_people_compare_a_real_students_answers(mine: RunFolder, imbik: Imbik, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = imbik("review", mine.path, "--compare", NAMES, "--status")
    assert ended.code == ExitCode.DONE
    assert ended.out.startswith("student and baseline: nobody has compared any of ")
    assert judge_all(mine, "left") == 0  # the rows are confidential, and nobody said that she may see them
    write_text(config_folder() / "operator.yaml", "reviewers: {ayşe: confidential}")
    seen = judge_all(mine, "tie")
    assert seen > 0
    assert (
        f"0 for student, 0 for baseline, {seen} ties" in imbik("review", mine.path, "--compare", NAMES, "--status").out
    )
    shown = imbik("show", mine.path, "review")
    assert shown.code == ExitCode.DONE
    assert shown.out.startswith("student and baseline: student is preferred 50% of the time")
    report = mine.stage("8_report") / "report.md"
    assert "What people prefer" not in report.read_text()
    closed = imbik("review", mine.path, "--compare", NAMES, "--close", "--export", mine.path.parent / "said.jsonl")
    assert closed.code == ExitCode.DONE
    assert f"{seen} preferences written" in closed.out
    assert len((mine.path.parent / "said.jsonl").read_text().splitlines()) == seen
    assert "| baseline | 50.0%" not in report.read_text()
    assert "| student, baseline | 50.0%" in report.read_text()
    # Made anew, with the same answers, the report still has what was said of them.
    monkeypatch.chdir(mine.path.parent.parent)
    assert imbik("run", "runs/my-run", "--from", "evaluate", "-q").code == ExitCode.DONE
    assert len(mine.replaced("8_report")) == 1
    assert "| student, baseline | 50.0%" in report.read_text()
    scores = json.loads((mine.stage("8_report") / "scores.json").read_text())
    assert "baseline" in scores["systems"]


def test_a_comparison_of_nothing_says_what_there_is(mine: RunFolder, imbik: Imbik) -> None:
    for written, said in (("student", "two systems"), ("student,techer", "no system 'techer'"), (",", "two systems")):
        ended = imbik("review", mine.path, "--compare", written, "--status")
        assert ended.code == ExitCode.USAGE
        assert said in ended.err
    assert imbik("review", mine.path, "--compare", NAMES).code == ExitCode.USAGE  # nobody is invited
