"""Memory: a block, what is under way and the sketches; six times the samples need hardly more."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from imbik.core import plugins, runfolder
from imbik.core.questions import Question
from imbik.core.types import Completion, Sample, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.stage import RefineStage
from stagekit import FakeAsker, context_of, make_recipe, make_run, make_sample, make_task

TEXT = "Bir kutuda üç elma ile iki armut var. " * 20


class _Asking:
    """Asks one question and keeps all but every tenth."""

    Settings = plugins.PluginSettings
    version = 1
    scope = "asked"
    teachers = ("t",)

    def __init__(self, settings: plugins.PluginSettings) -> None: ...

    def questions(self, sample: Sample, context: CheckContext) -> Sequence[Question]:
        return [Question(messages=sample.task.messages, row=sample.task.id, sensitivity=sample.sensitivity)]

    def decide(self, sample: Sample, completions: Mapping[str, Sequence[Completion]], context: CheckContext) -> Verdict:
        return Verdict(by="asking", keep=not sample.task.id.endswith("7"), reason=completions["t"][0].answer)


class _Lean(FakeAsker):
    """Remembers nothing of what it was asked."""

    def ask(self, teacher: str, questions: Any, *, purpose: str, leave_pending: bool = False) -> Iterator[Completion]:
        return (Completion(answer=TEXT) for _ in questions)


def peak(folder: Path, count: int) -> int:
    """Most bytes held while so many samples of some 2 kB are refined and repaired."""
    tasks = [make_task(f"{number:06d}", TEXT, answer=None) for number in range(count)]
    samples = [make_sample(task, reasoning=TEXT) for task in tasks]
    run = make_run(folder, [(task, "train") for task in tasks], samples)
    shape = {"use": "shape", "repeats": 0}
    recipe = make_recipe(refine=[shape, "asking", shape], repair={"rounds": 1})
    stage = RefineStage(block_rows=100)
    context = context_of(stage, recipe, run, asker=_Lean(lambda *_: Completion()))
    del tasks, samples
    tracemalloc.start()
    try:
        result = stage.run(context)
        assert result.books.balanced
        assert result.books.rows_in == count + count // 10
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_follow_the_number_of_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = plugins.load_plugin
    monkeypatch.setattr(
        plugins, "load_plugin", lambda group, name: _Asking if name == "asking" else original(group, name)
    )
    monkeypatch.setattr(runfolder, "PART_ROWS", 200)  # a part is written at once: 5,000 rows, however many there are
    few, many = peak(tmp_path / "few", 500), peak(tmp_path / "many", 3000)
    assert many < 1.5 * few, f"{few:,} bytes for 500 samples, {many:,} for 3,000"
