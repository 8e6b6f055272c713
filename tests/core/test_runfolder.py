"""A run folder keeps what was made, refuses what it cannot read, and knows its own partial work."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from imbik.core.errors import RunFolderError
from imbik.core.results import Books
from imbik.core.runfolder import FORMAT_VERSION, PART_ROWS, Manifest, RunFolder, read_parts, run_around, write_parts
from imbik.core.types import Recorded, Sensitivity


def manifest(stage_hash: str = "h") -> Manifest:
    """A manifest of a stage of two rows."""
    return Manifest(
        stage="refine",
        version=1,
        hash=stage_hash,
        inputs={"generate": "r"},
        root="r2",
        books=Books(rows_in=2, rows_out=1, rejected=1, reasons={"answer": 1}),
        sensitivity=Sensitivity.INTERNAL,
        seconds=0.5,
        imbik="0.1.0",
        finished="2026-01-01T00:00:00+00:00",
    )


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """An empty run folder."""
    folder = RunFolder(tmp_path / "runs" / "destek")
    folder.create()
    return folder


def test_a_manifest_comes_back(run: RunFolder) -> None:
    run.begin("3_refined", "h")
    assert run.manifest("3_refined") is None
    run.finish("3_refined", manifest())
    assert run.manifest("3_refined") == manifest()
    assert run.store == run.path.parent / "answers.sqlite"
    assert run.name == "destek"


def test_partial_work_of_the_same_hash_is_kept(run: RunFolder) -> None:
    folder = run.begin("2_answers", "h")
    (folder / "half").write_text("1")
    assert (run.begin("2_answers", "h") / "half").exists()
    assert not (run.path / "old").exists()


def test_partial_work_of_another_hash_moves_aside(run: RunFolder) -> None:
    (run.begin("2_answers", "h") / "half").write_text("1")
    assert not (run.begin("2_answers", "other") / "half").exists()
    assert [p.name for p in (run.path / "old").glob("*/half")] == ["half"]


def test_finished_work_is_never_overwritten(run: RunFolder) -> None:
    for _ in range(3):
        run.begin("2_answers", "h")
        run.finish("2_answers", manifest())
    run.begin("2_answers", "h")
    assert len(list((run.path / "old").glob("2_answers-*/manifest.json"))) == 3


@pytest.mark.parametrize(
    ("found", "words"), [(FORMAT_VERSION + 1, "newer imbik"), (0, "older than any")], ids=["newer", "older"]
)
def test_another_version_is_refused(run: RunFolder, found: int, words: str) -> None:
    (run.path / ".imbik").write_text(json.dumps({"format": found}))
    with pytest.raises(RunFolderError, match=words) as raised:
        run.check()
    assert raised.value.next


def test_a_folder_of_unknown_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1_tasks").mkdir()
    with pytest.raises(RunFolderError, match="no .imbik marker"):
        RunFolder(tmp_path).create()


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run folder"):
        RunFolder(tmp_path).check()


@pytest.mark.parametrize("count", [0, 1, PART_ROWS, PART_ROWS + 1])
def test_parts_hold_every_row_in_order(tmp_path: Path, count: int) -> None:
    rows = [Recorded(name=str(i), text="x") for i in range(count)]
    assert write_parts(tmp_path, iter(rows)) == count
    assert list(read_parts(tmp_path, Recorded)) == rows
    assert len(list(tmp_path.glob("part-*.jsonl"))) == max(1, -(-count // PART_ROWS))


def test_books_balance_only_when_nothing_vanished() -> None:
    assert Books(rows_in=5, rows_out=1, rejected=1, failed=2, pending=1).balanced
    assert not Books(rows_in=5, rows_out=4).balanced


def test_a_run_is_typed_by_its_path_from_here_and_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spaced = RunFolder(tmp_path / "runs" / "müşteri desteği")
    monkeypatch.chdir(tmp_path)
    assert RunFolder(tmp_path / "runs" / "destek").typed == "runs/destek"
    assert spaced.typed == "'runs/müşteri desteği'"
    monkeypatch.chdir(tmp_path.parent.parent)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert shlex.split(spaced.typed) == [str(spaced.path)]


def test_the_run_around_a_file_is_found(run: RunFolder, tmp_path: Path) -> None:
    found = run_around(run.stage("6_student") / "student" / "seed-1" / "checkpoints")
    assert found is not None
    assert found.path == run.path
    assert run_around(tmp_path / "x") is None
