"""What was exported is read again as the same rows: turns, answers, sets, Turkish letters and reasoning."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from exchangekit import lay, made, small, talk, turned_away, turns
from imbik.core.errors import InputError
from imbik.core.plugins import make
from imbik.core.types import Task, TextReference, TurnsReference
from imbik.exchange.rows import Wanted
from imbik.recipe import build
from imbik.tasks.load import load_tasks
from stagekit import make_sample


def imported(folder: Path, kind: str = "conversation") -> list[Task]:
    """The tasks of a recipe whose source is an export."""
    data = {
        "name": "yeni", "tasks": {"source": str(folder), "kind": kind, "sensitivity": "internal"},
        "generate": {"from": "reference"}, "student": {"architecture": "llama"},
    }  # fmt: skip
    recipe = build(data, base=folder)
    loaded = load_tasks(recipe, make("tasks/kinds", recipe.tasks.kind))
    assert not loaded.quarantine
    return sorted(loaded.tasks, key=lambda task: task.set)


@pytest.mark.parametrize("reasoning", ["inline", "think"])
@pytest.mark.parametrize("form", ["chatml", "alpaca", "sharegpt", "openai", "parquet", "hf"])
def test_an_export_is_a_source_of_the_same_rows(tmp_path: Path, form: str, reasoning: str) -> None:
    folder, done = made(small(tmp_path), form, wanted=Wanted(reasoning=reasoning))  # type: ignore[arg-type]
    tasks = imported(folder)
    first = turns("!Kısa yaz.", "İade süresi kaç gün?", "14 gün.", "Işık için de mi?")
    assert [task.set for task in tasks] == ["", "test", "validation"]
    assert [task.messages for task in tasks] == [
        first,
        *(turns(text) for text in ("t8: kaç gün?", "Çağrı ücreti ne kadar?")),
    ]
    assert [task.reference for task in tasks] == [
        TurnsReference(turns=("14 gün.", "Evet, 14 gün."), reasoning="Yasa ayrım yapmaz."),
        TurnsReference(turns=("30",)),
        TurnsReference(turns=("Dakikası 2,5 TL.",)),
    ]
    assert len(tasks) == done.total


@pytest.mark.parametrize("form", ["chatml", "alpaca", "sharegpt", "openai", "parquet", "hf"])
def test_what_is_imported_and_exported_again_is_the_same_file(tmp_path: Path, form: str) -> None:
    folder, _ = made(small(tmp_path / "a"), form)
    tasks = imported(folder)
    kept = [
        make_sample(
            msgspec.structs.replace(task, set="", id=task.id.split("#")[0]),
            0,
            task.reference.text,
            task.reference.reasoning,
        )
        for task in tasks
        if task.reference is not None
    ]
    again, done = made(lay(tmp_path / "b", kept), form)
    assert done.total == len(tasks)
    assert [(task.messages, task.reference) for task in imported(again)] == [
        (task.messages, task.reference) for task in tasks
    ]


def test_answers_of_one_turn_are_read_as_a_kind_of_plain_questions_too(tmp_path: Path) -> None:
    folder, _ = made(lay(tmp_path, [make_sample(talk("t1", "Işık hızı?"), 0, "300.000 km/s", "")]), "alpaca")
    (task,) = imported(folder, "generation")
    assert (task.text, task.reference) == ("Işık hızı?", TextReference(text="300.000 km/s"))


def test_pairs_are_no_rows_of_tasks_and_that_is_said(tmp_path: Path) -> None:
    task = talk("t1", "İade?")
    bad = turned_away(make_sample(task, 1, "Bilmem.", ""), "answer", "no")
    folder, _ = made(lay(tmp_path, [make_sample(task, 0, "14 gün.", "")], rejected=[[bad]]), "dpo")
    with pytest.raises(InputError, match="not text: column 'prompt' is a list"):
        imported(folder)
