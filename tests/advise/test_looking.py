"""Listing, showing and clearing runs: nothing is changed but `old/`, and what cannot be read is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imbik.advise.gc import collect
from imbik.advise.runs import FOLDERS, find_run, listing, run_paths
from imbik.advise.show import funnel, newest_rows, sample_rows, stage_folder
from imbik.core.errors import LockedError, RunFolderError, UsageError
from imbik.core.files import write_lines
from imbik.core.locks import writer_lock
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Message, Sample, Task, Verdict
from imbik.pipeline import STAGES
from small_runs import SmallRun


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """A finished small run without a report."""
    return SmallRun(tmp_path_factory.mktemp("looking"), rows=40)


def test_the_folders_are_the_pipelines_own() -> None:
    assert {stage.name: stage.folder for stage in STAGES} == FOLDERS


def test_a_run_is_found_by_path_name_and_recipe(made: SmallRun, monkeypatch: pytest.MonkeyPatch) -> None:
    home = made.run.path.parent
    recipe = home.parent / "recipe.yaml"
    for text in (str(made.run.path), "kucuk", str(recipe), str(recipe.parent)):
        assert find_run(text, home).path == made.run.path.resolve()
    monkeypatch.setenv("IMBIK_RUNS", str(home))
    assert find_run("kucuk").name == "kucuk"


def test_a_misspelt_run_names_the_one_that_was_meant(made: SmallRun, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="did you mean 'kucuk'"):
        find_run("kucukk", made.run.path.parent)
    with pytest.raises(RunFolderError, match="there are no runs under"):
        find_run("kucuk", tmp_path)


def test_listing_says_what_cannot_be_read(made: SmallRun, tmp_path: Path) -> None:
    good = RunFolder(tmp_path / "yeni")
    good.create()
    newer = RunFolder(tmp_path / "newer")
    newer.create()
    (newer.path / ".imbik").write_text(json.dumps({"format": 99}))
    (tmp_path / "no-run").mkdir()
    found = {line.name: line for line in listing(tmp_path)}
    assert set(found) == {"yeni", "newer"}
    assert "newer imbik" in found["newer"].problem
    assert found["yeni"].last_stage == "nothing yet"
    done = listing(made.run.path.parent)
    assert [line.last_stage for line in done] == ["train"]
    assert list(run_paths(tmp_path / "absent")) == []


def test_the_funnel_balances(made: SmallRun) -> None:
    lines = funnel(made.run)
    assert [line.stage for line in lines] == ["tasks", "generate", "refine", "train"]
    assert all(line.books.balanced for line in lines)


def test_rows_of_each_stage(made: SmallRun) -> None:
    tasks = sample_rows(made.run, "tasks", 2)
    assert len(tasks) == 2
    assert "elma" in tasks[0].texts["user"]
    assert tasks[0].texts["known answer"]
    assert [row.id for row in newest_rows(made.run, 1)] == [sample_rows(made.run, "refine", 1)[0].id]
    assert stage_folder("3") == stage_folder("refine") == stage_folder("3_refined") == "3_refined"
    with pytest.raises(UsageError, match="did you mean 'refine'"):
        stage_folder("refin")
    with pytest.raises(RunFolderError, match="has not run"):
        sample_rows(made.run, "evaluate", 1)
    with pytest.raises(RunFolderError, match="keeps no rows of text"):
        sample_rows(made.run, "train", 1)


def test_rejected_rows_come_with_their_reason_and_without_escapes(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r")
    run.create()
    folder = run.begin("3_refined", "h")
    task = Task(id="1\x1b[2J", kind="qa", messages=(Message(role="user", content="soru \u202e\x1b[31m?"),))
    no = Verdict(by="answer", keep=False, reason="5 is not 7")
    sample = Sample(task=task, teacher="t", number=0, completion=Completion(answer="5"), verdicts=(no,))
    write_lines(folder / "part-00000.jsonl", [])
    write_lines(folder / "rejected-00000.jsonl", [sample])
    (shown,) = sample_rows(run, "refine", 5)
    assert shown.mark == "rejected"
    assert shown.texts["reason"] == "answer: 5 is not 7"
    text = shown.id + "".join(shown.texts.values())
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_gc_takes_old_and_nothing_else(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r")
    run.create()
    for stage_hash in ("a", "b", "c"):
        (run.begin("2_answers", stage_hash) / "rows").write_text("x" * 100)
    kept = sorted(path for path in run.path.rglob("*") if path.is_file() and "old" not in path.parts)
    (said,) = collect([run], only_say=True)
    assert (run.path / "old").exists()
    (done,) = collect([run])
    assert said == done
    assert done.outputs == 2
    assert done.bytes >= 200
    assert not (run.path / "old").exists()
    assert [path for path in kept if not path.exists()] == []
    assert collect([run]) == []


def test_gc_waits_for_no_writer_and_follows_no_link(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r")
    run.create()
    (tmp_path / "precious").mkdir()
    (run.path / "old").symlink_to(tmp_path / "precious")
    assert collect([run]) == []
    (run.path / "old").unlink()
    (run.path / "old").mkdir()
    with writer_lock(run.path), pytest.raises(LockedError):
        collect([run])
