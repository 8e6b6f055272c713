"""Rows whose time is over are destroyed, each run and the store with a receipt; the rest stays."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from erasekit import aged, lay, stored_keys, tasks
from imbik.advise.forget.lineage import roots_verify
from imbik.advise.forget.receipt import Receipt, whole
from imbik.advise.forget.retain import retain
from imbik.advise.forget.work import forget
from imbik.advise.gc import collect
from imbik.cli.main import run_command
from imbik.core.errors import ExitCode, OperatorFileError
from imbik.core.files import read_json
from imbik.core.locks import writer_lock
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Task
from imbik.privacy.operator import Operator, Retention
from imbik.privacy.suppression import REASONS, Suppression

THIRTY = Operator(retention=Retention(internal=30))


def ids(run: RunFolder) -> list[str]:
    return [task.id for task in read_parts(run.stage("1_tasks"), Task)]


def test_old_rows_go_and_young_ones_stay(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    old, young = lay(runs, "eski", aged(31)), lay(runs, "yeni", aged(29))
    report = retain(runs, THIRTY)
    assert [(item.run, item.rows) for item in report.runs] == [("eski", 20)]
    assert ids(old) == []
    assert len(ids(young)) == 20
    assert all(roots_verify(old).values())
    listed = Suppression.load(runs)
    assert listed.reason("t00", tasks()[0].text, []) == REASONS["retain"]


def test_another_level_is_not_touched(tmp_path: Path) -> None:
    run = lay(tmp_path / "runs", "eski", aged(400))
    report = retain(run.path.parent, Operator(retention=Retention(confidential=30, special=1)))
    assert report.runs == ()
    assert len(ids(run)) == 20


def test_a_changed_recipe_does_not_make_rows_young(tmp_path: Path) -> None:
    run = lay(tmp_path / "runs", "eski", aged(31))
    kept = {path.name: path.read_bytes() for path in run.stage("1_tasks").iterdir()}
    run.retire("1_tasks")
    folder = run.begin("1_tasks", "h")
    for name, content in kept.items():
        (folder / name).write_bytes(content.replace(aged(31).encode(), aged(0).encode()))
    assert retain(run.path.parent, THIRTY).runs[0].rows == 20
    assert ids(run) == []


def test_clearing_away_what_was_replaced_does_not_make_rows_young(tmp_path: Path) -> None:
    run = lay(tmp_path / "runs", "eski", aged(31))
    for _ in range(2):
        kept = {path.name: path.read_bytes() for path in run.stage("1_tasks").iterdir()}
        run.retire("1_tasks")
        folder = run.begin("1_tasks", "h")
        for name, content in kept.items():
            (folder / name).write_bytes(content.replace(aged(31).encode(), aged(0).encode()))
        collect([run])
        assert not (run.path / "old").exists()
    forget(run, (), {"t00"})
    assert b"t00" not in (run.path / "ages.jsonl").read_bytes()
    assert retain(run.path.parent, THIRTY).runs[0].rows == 19
    assert ids(run) == []


def test_stored_answers_go_by_their_own_age(tmp_path: Path) -> None:
    run = lay(tmp_path / "runs", "yeni", aged(1))
    with closing(sqlite3.connect(run.store)) as base:
        keys = [key for (key,) in base.execute("SELECT key FROM answers LIMIT 7")]
        base.executemany("UPDATE answers SET stored = ? WHERE key = ?", [(time.time() - 31 * 86_400, k) for k in keys])
        base.commit()
    before = stored_keys(run.store)
    assert retain(run.path.parent, THIRTY, dry_run=True).stored == 7
    assert stored_keys(run.store) == before
    report = retain(run.path.parent, THIRTY)
    assert report.stored == 7
    assert stored_keys(run.store) == before - set(keys)
    assert report.receipt is not None
    path = run.path.parent / "receipts" / f"{report.receipt.id}.json"
    assert whole(read_json(path, Receipt))
    assert retain(run.path.parent, THIRTY).stored == 0


def test_a_run_in_use_is_left_for_the_next_time(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    busy, free = lay(runs, "a", aged(31)), lay(runs, "b", aged(31))
    with writer_lock(busy.path):
        report = retain(runs, THIRTY)
    assert [item.problem is not None for item in report.runs] == [True, False]
    assert len(ids(busy)) == 20
    assert ids(free) == []


def test_trials_of_a_run_are_runs(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    lay(runs, "ana", aged(1))
    trial = lay(runs / "ana" / "trials", "k1", aged(31))
    assert [(item.run, item.rows) for item in retain(runs, THIRTY).runs] == [("ana/trials/k1", 20)]
    assert ids(trial) == []


def test_without_a_period_nothing_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(OperatorFileError, match="no retention period") as caught:
        retain(tmp_path, Operator())
    assert caught.value.exit_code == ExitCode.USAGE


def test_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = lay(tmp_path / "runs", "eski", aged(31))
    operator = tmp_path / "operator.yaml"
    operator.write_text("retention: {internal: 30}\n")
    words = ["imbik", "privacy", "retain", "--runs", str(run.path.parent)]
    monkeypatch.setattr("sys.argv", words)
    assert run_command() == ExitCode.USAGE
    monkeypatch.setenv("IMBIK_OPERATOR", str(operator))
    monkeypatch.setattr("sys.argv", [*words, "--dry-run"])
    assert run_command() == ExitCode.DONE
    assert "20 rows are over time" in capsys.readouterr().out
    assert len(ids(run)) == 20
    monkeypatch.setattr("sys.argv", words)
    with writer_lock(run.path):
        assert run_command() == ExitCode.LOCKED
    assert run_command() == ExitCode.DONE
    out = capsys.readouterr().out
    assert "20 rows destroyed" in out
    assert "kart" not in out
    assert ids(run) == []
    assert run_command() == ExitCode.DONE
    assert "nothing is over time" in capsys.readouterr().out
