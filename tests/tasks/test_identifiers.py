"""Rows with personal data rise to confidential in the first stage, wherever in them it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from imbik.core.errors import OperatorFileError
from imbik.core.executor import LocalExecutor
from imbik.core.files import write_lines
from imbik.core.progress import Progress, SilentReporter
from imbik.core.runfolder import RunFolder
from imbik.core.types import Message, Recorded, Sensitivity, Task, TextReference, TurnsReference
from imbik.privacy.detect import Detection
from imbik.privacy.detectors.email import Email
from imbik.privacy.operator import Operator
from imbik.stage import Asker, StageContext, StageResult
from imbik.tasks.identifiers import raised
from imbik.tasks.read import read_tasks
from imbik.tasks.stage import TasksStage

ASKER: Asker = None  # type: ignore[assignment]  # this stage asks nobody
NUMBER = "TC 12345678950"
PLAIN = Task(id="1", kind="qa", messages=(Message(role="user", content="İyi mi?"),), sensitivity=Sensitivity.PUBLIC)


def run_stage(recipe: Any, folder: Path) -> tuple[RunFolder, StageResult]:
    run = RunFolder(folder / "runs" / recipe.name)
    run.path.parent.mkdir(parents=True, exist_ok=True)
    run.create()
    context = StageContext(recipe, run, run.begin("1_tasks", "h"), ASKER, LocalExecutor(), Progress(SilentReporter()))
    return run, TasksStage().run(context)


@pytest.mark.parametrize(
    "change",
    [
        {"messages": (Message(role="system", content="x"), Message(role="user", content=NUMBER))},
        {"passage": NUMBER},
        {"fields": {"not": NUMBER}},
        {"recorded": (Recorded(name="a", text=NUMBER),)},
        {"reference": TextReference(text=NUMBER)},
        {"reference": TextReference(text="evet", reasoning=NUMBER)},
        {"reference": TurnsReference(turns=(NUMBER, "evet"))},
        {"schema": NUMBER},
        {"category": NUMBER},
        {"tags": ("a", NUMBER)},
    ],
)
def test_a_number_in_any_text_of_a_row_raises_it(change: dict[str, Any]) -> None:
    task = msgspec.structs.replace(PLAIN, **change)
    tasks, notes = raised([PLAIN, task], Detection(Operator()), "x.csv")
    assert [item.sensitivity for item in tasks] == [Sensitivity.PUBLIC, Sensitivity.CONFIDENTIAL]
    assert notes == [
        "1 of 2 rows holds identifiers (tckn 1) and counts as confidential: they leave only for where the operator's "
        "file lets such rows go. imbik privacy scan x.csv shows where they are"
    ]


@pytest.mark.parametrize("level", [Sensitivity.CONFIDENTIAL, Sensitivity.SPECIAL])
def test_nothing_is_lowered_and_such_rows_are_not_looked_at(level: Sensitivity, monkeypatch: Any) -> None:
    monkeypatch.setattr(Detection, "find", None)
    task = msgspec.structs.replace(PLAIN, sensitivity=level, passage=NUMBER)
    assert raised([task], Detection(Operator()), "x.csv") == ([task], [])


def test_the_stage_counts_what_it_raised_and_the_run_is_as_private(tmp_path: Path, recipe: Any) -> None:
    rows = [{"question": f"{n} kere 2?", "answer": str(2 * n)} for n in range(1, 40)]
    rows += [{"question": "Tel 0532 123 45 67 kimin?", "answer": "a@b.com.tr"}, {"question": "x", "answer": NUMBER}]
    write_lines(tmp_path / "s.jsonl", rows)
    run, result = run_stage(recipe("s.jsonl"), tmp_path)
    assert result.sensitivity is Sensitivity.CONFIDENTIAL
    raised_rows = [task for task, _ in read_tasks(run) if task.sensitivity is not Sensitivity.PUBLIC]
    assert len(raised_rows) == 2
    line = next(text for text in result.warnings if "identifiers" in text)
    assert line.startswith("2 of 41 rows hold identifiers (")
    assert all(part in line for part in ("phone 1", "email 1", "tckn 1", "imbik privacy scan s.jsonl"))


def test_the_operators_detectors_are_part_of_the_hash(
    tmp_path: Path, recipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(tmp_path / "s.jsonl", [{"question": f"{NUMBER} {n}", "answer": "a"} for n in range(5)])
    made, stage = recipe("s.jsonl"), TasksStage()
    before = stage.settings(made, ASKER)
    file = tmp_path / "elsewhere" / "operator.yaml"
    file.parent.mkdir()
    file.write_text("detectors: {leave_out: [tckn]}\n")
    monkeypatch.setenv("IMBIK_OPERATOR", str(file))
    assert stage.settings(made, ASKER) != before
    assert run_stage(made, tmp_path)[1].sensitivity is Sensitivity.PUBLIC
    monkeypatch.setattr(Email, "version", 99)
    assert stage.settings(made, ASKER)["detectors"]["email"] == 99  # type: ignore[index]
    file.write_text("detectors: {leave_out: [tcnk]}\n")
    with pytest.raises(OperatorFileError, match="did you mean 'tckn'"):
        stage.settings(made, ASKER)


def test_a_detector_that_fails_stops_the_stage(tmp_path: Path, recipe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Email, reading: object) -> list[tuple[int, int]]:
        raise RuntimeError("no")

    monkeypatch.setattr(Email, "spans", broken)
    write_lines(tmp_path / "s.jsonl", [{"question": "a@b.com.tr", "answer": "a"}])
    with pytest.raises(RuntimeError):
        run_stage(recipe("s.jsonl"), tmp_path)
