"""A batch under way while rows are erased: what it brings for them is not stored, however it was worded."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from imbik.advise.forget.retain import retain
from imbik.advise.forget.work import forget
from imbik.core.errors import WaitingError
from imbik.core.runfolder import RunFolder, read_parts, write_parts
from imbik.core.types import Sensitivity, Task
from imbik.pipeline import run as run_recipe
from imbik.privacy.operator import Operator, Retention
from imbik.testing import BatchPlan, FakeTeacher

_RECIPE = """
name: deneme
tasks: {{source: rows.jsonl, kind: qa, sensitivity: public}}
teachers: {{buyuk: {{use: openai, model: sahte, base_url: "{url}", batch: true, batch_poll: 0.1}}}}
student: {{architecture: llama}}
refine: []
"""
_ROWS = [f"{number}. siparişim nerede?" for number in range(10)] + ["Ben İpek Iğdır, kartım nerede?"]


@pytest.fixture
def teacher() -> Iterator[FakeTeacher]:
    """One whose batches are under way until it is told otherwise."""
    with FakeTeacher(batch=BatchPlan(seconds=60)) as served:
        yield served


def hand_over(folder: Path, teacher: FakeTeacher, *changes: str) -> RunFolder:
    """A run that has handed its questions over and does not wait."""
    (folder / "recipe.yaml").write_text(_RECIPE.format(url=teacher.base_url), encoding="utf-8")
    lines = [msgspec.json.encode({"question": text, "answer": "x"}).decode() for text in _ROWS]
    (folder / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(WaitingError):
        go_on(folder, *changes, wait=False)
    assert teacher.count
    return RunFolder(folder / "runs" / "deneme")


def go_on(folder: Path, *changes: str, until: str = "generate", wait: bool = True) -> None:
    """The same command."""
    run_recipe(folder / "recipe.yaml", runs=folder / "runs", overrides=changes, until=until, wait=wait)


def said(run: RunFolder) -> str:
    """Everything that is stored, as text."""
    with closing(sqlite3.connect(run.store)) as base:
        return "\n".join(bytes(body).decode() for (body,) in base.execute("SELECT body FROM answers"))


def rows_under_way(run: RunFolder) -> int:
    """Questions in batches."""
    with closing(sqlite3.connect(run.store)) as base:
        return int(base.execute("SELECT count(*) FROM batch_rows").fetchone()[0])


def collect(folder: Path, teacher: FakeTeacher, *changes: str) -> None:
    """Let the batch end, and take what it brings."""
    teacher.batches.plan = BatchPlan()
    go_on(folder, *changes)


@pytest.mark.parametrize("instruction", ["", "Kısaca yaz."])
def test_nothing_of_an_erased_person_is_stored(tmp_path: Path, teacher: FakeTeacher, instruction: str) -> None:
    changes = [f'generate.instruction="{instruction}"'] if instruction else []
    run = hand_over(tmp_path, teacher, *changes)
    if instruction:
        go_on(tmp_path, until="tasks")  # from here on the recipe words it otherwise than the batch did
    before = rows_under_way(run)
    done = forget(run, ["İpek Iğdır"])
    assert done.receipt is not None
    lost = done.receipt.counts["questions of batches under way"]
    assert 0 < lost == before - rows_under_way(run)
    collect(tmp_path, teacher, *changes)
    assert "siparişim" in said(run)
    assert "Iğdır" not in said(run)


def test_nothing_of_a_row_over_time_is_stored(tmp_path: Path, teacher: FakeTeacher) -> None:
    run = hand_over(tmp_path, teacher)
    path = run.stage("1_tasks")
    rows = list(read_parts(path, Task))
    with closing(sqlite3.connect(run.store)) as base, base:
        assert base.execute("SELECT count(*) FROM answers").fetchone() == (0,)
    asked = rows_under_way(run)
    write_parts(path, (msgspec.structs.replace(task, sensitivity=Sensitivity.INTERNAL) for task in rows))
    report = retain(run.path.parent, Operator(retention=Retention(internal=1)), now=time.time() + 2 * 86_400)
    assert [item.rows for item in report.runs] == [len(rows)]
    assert asked > 0
    assert rows_under_way(run) == 0


def test_an_answer_to_another_row_that_names_the_person_is_not_stored(tmp_path: Path, teacher: FakeTeacher) -> None:
    run = hand_over(tmp_path, teacher)
    forget(run, ["İpek Iğdır"])
    answers = {"3. siparişim nerede?": "Onu ipek ığdır'a sorun."}
    teacher.answer = lambda messages: next(
        (told for asked, told in answers.items() if asked in messages[-1]["content"]), "Yolda."
    )
    collect(tmp_path, teacher)
    assert "Yolda." in said(run)
    assert "sorun" not in said(run)
