"""Memory: a block, what is under way and short notes; six times the samples need hardly more, also where all of them
are compared with one another.
"""

from __future__ import annotations

import random
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


def peak_of_the_set(folder: Path, count: int) -> int:
    """Most bytes held while so many different samples of some 4 kB pass the checks that look at all of them."""
    words = [f"kelime{number}" for number in range(900)]

    def text(number: int) -> str:
        return " ".join(random.Random(number).choices(words, k=150))

    tasks = [make_task(f"{number * 7919 % count:06d}", text(number), answer=None) for number in range(count)]
    run = make_run(
        folder, [(task, "train") for task in tasks], [make_sample(task, reasoning=task.text) for task in tasks]
    )
    balance = {"use": "balance", "by": "teacher", "most": count}
    stage = RefineStage(block_rows=100)
    context = context_of(stage, make_recipe(refine=["duplicates", "leakage", balance]), run)
    del tasks
    tracemalloc.start()
    try:
        assert stage.run(context).books.rows_out == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_checks_of_the_whole_set_hold_no_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runfolder, "PART_ROWS", 200)
    peak_of_the_set(tmp_path / "first", 100)  # what is loaded and remembered once
    few, many = peak_of_the_set(tmp_path / "few", 300), peak_of_the_set(tmp_path / "many", 1500)
    assert many - few < 600 * 1200, f"{(many - few) / 1200:.0f} bytes a sample"
