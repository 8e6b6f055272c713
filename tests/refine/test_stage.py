"""Refining: checks in order, books that balance, the same verdicts whatever the blocks, the order or the executor."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imbik.core import plugins
from imbik.core.errors import ImbikError
from imbik.core.executor import ProcessExecutor
from imbik.core.files import read_lines
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Outcome, Sample, Sensitivity, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.stage import RefineStage
from imbik.stage import StageResult
from stagekit import context_of, make_recipe, make_run, make_sample, make_task, samples_in, train

FULL = [
    {"use": "shape", "min_reasoning_words": 2},
    {"use": "answer"},
    {"use": "agreement", "at_least": 0.6},
    {"use": "duplicates"},
    {"use": "leakage"},
]


def refine(run: RunFolder, block_rows: int = 256, executor: Any = None, **sections: Any) -> StageResult:
    stage = RefineStage(block_rows)
    if run.stage(stage.folder).exists():
        run.retire(stage.folder)
    return stage.run(context_of(stage, make_recipe(**sections), run, executor=executor))


def rejected_in(run: RunFolder) -> list[Sample]:
    return [s for path in sorted(run.stage("3_refined").glob("rejected-*.jsonl")) for s in read_lines(path, Sample)]


def verdicts_in(run: RunFolder) -> dict[str, tuple[Verdict, ...]]:
    return {sample.id: sample.verdicts for sample in [*samples_in(run, "3_refined"), *rejected_in(run)]}


def mixed_samples() -> tuple[list[Any], list[Sample]]:
    """Tasks and answers of which some fail every check."""
    words = "elma armut kiraz üzüm incir nar ayva dut erik kavun karpuz çilek muz limon".split()
    chance = random.Random(7)
    tasks, samples = [], []
    for number in range(60):
        text = " ".join(chance.choice(words) for _ in range(20))
        if number in (20, 21):
            text = tasks[3][0].messages[0].content
        if number == 30:
            text = tasks[5][0].messages[0].content.upper() + "!"
        set_name = "validation" if number % 10 == 5 else "test" if number % 10 == 6 else "train"
        task = make_task(f"r{number:02d}", text, answer=str(number), sensitivity=list(Sensitivity)[number % 2])
        tasks.append((task, set_name))
        if set_name == "test":
            continue
        for sample in range(3):
            wrong = chance.random() < 0.2
            steps = "kısa" if chance.random() < 0.1 else f"önce {text} sonra {sample} {chance.random()}"
            samples.append(make_sample(task, sample, str(number + wrong), steps))
    return tasks, samples


def test_checks_in_order_with_books_and_reasons(tmp_path: Path) -> None:
    tasks, samples = mixed_samples()
    truncated = make_sample(tasks[0][0], 3, completion=Completion(outcome=Outcome.TRUNCATED))
    samples.insert(3, truncated)
    run = make_run(tmp_path, tasks, samples)
    result = refine(run, refine=FULL)
    kept, rejected = samples_in(run, "3_refined"), rejected_in(run)
    assert result.books.balanced
    assert result.books.rows_in == len(samples)
    assert (result.books.rows_out, result.books.rejected, result.books.failed) == (len(kept), len(rejected), 1)
    assert {s.id for s in kept} | {s.id for s in rejected} == {s.id for s in samples} - {truncated.id}
    names = ["shape", "answer", "agreement", "duplicates", "leakage"]
    for sample in kept:
        assert [verdict.by for verdict in sample.verdicts] == names
        assert all(verdict.keep for verdict in sample.verdicts)
    for sample in rejected:
        assert [verdict.by for verdict in sample.verdicts] == names[: len(sample.verdicts)]
        assert [verdict.keep for verdict in sample.verdicts] == [True] * (len(sample.verdicts) - 1) + [False]
        assert sample.verdicts[-1].reason
    assert result.books.reasons["truncated"] == 1
    assert sum(result.books.reasons.values()) == len(rejected) + 1
    assert {s.verdicts[-1].by for s in rejected} == {"shape", "answer", "duplicates", "leakage"}
    assert [s.id for s in kept] == [s.id for s in samples if s.id in {k.id for k in kept}]
    assert result.sensitivity is Sensitivity.INTERNAL
    assert len(result.leaves) == len(kept)
    assert not list(run.stage("3_refined").glob(".pass*"))


def test_the_twin_and_the_held_out_row_are_named(tmp_path: Path) -> None:
    tasks, samples = mixed_samples()
    run = make_run(tmp_path, tasks, samples)
    refine(run, refine=FULL)
    rejected = [(sample.task.id, sample.verdicts[-1]) for sample in rejected_in(run)]
    reasons = {row: verdict.reason for row, verdict in rejected if verdict.by == "duplicates"}
    assert "'r03'" in reasons["r20"]
    assert "known answer is '3' and not '20'" in reasons["r20"]
    leaked = {row: verdict.reason for row, verdict in rejected if verdict.by == "leakage"}
    assert leaked == {"r30": "the same words as validation row 'r05'"}


def test_block_size_row_order_and_executor_change_no_verdict(tmp_path: Path) -> None:
    tasks, samples = mixed_samples()
    run = make_run(tmp_path / "a", tasks, samples)
    result = refine(run, refine=FULL)
    expected, leaves = verdicts_in(run), sorted(result.leaves)
    assert sorted(refine(run, 1, refine=FULL).leaves) == leaves
    assert verdicts_in(run) == expected
    groups = [[s for s in samples if s.task.id == name] for name in dict.fromkeys(s.task.id for s in samples)]
    random.Random(1).shuffle(groups)
    shuffled = make_run(tmp_path / "b", tasks[::-1], [s for group in groups for s in group])
    assert sorted(refine(shuffled, 7, refine=FULL).leaves) == leaves
    assert verdicts_in(shuffled) == expected


@pytest.mark.parametrize("workers", [2])
def test_worker_processes_give_the_same(tmp_path: Path, workers: int) -> None:
    tasks, samples = mixed_samples()
    run = make_run(tmp_path, tasks, samples)
    leaves = refine(run, refine=FULL).leaves
    expected = verdicts_in(run)
    assert refine(run, 40, ProcessExecutor(workers), refine=FULL).leaves == leaves
    assert verdicts_in(run) == expected


def test_the_kinds_own_checks_are_the_default(tmp_path: Path) -> None:
    task = make_task("a")
    run = make_run(tmp_path, train([task]), [make_sample(task), make_sample(task, 1, answer="6")])
    refine(run)
    given = [verdict.by for verdict in samples_in(run, "3_refined")[0].verdicts]
    assert given == list(plugins.load_plugin("tasks/kinds", "math").checks)
    assert {"shape", "answer", "agreement", "duplicates", "leakage"} <= set(given)
    assert rejected_in(run)[0].verdicts[-1].reason == "'6' is not the known '5'"


def test_a_check_named_twice_signs_its_verdicts_apart(tmp_path: Path) -> None:
    task = make_task("a")
    run = make_run(tmp_path, train([task]), [make_sample(task)])
    refine(run, refine=["shape", "duplicates", {"use": "shape", "max_answer_words": 3}])
    assert [v.by for v in samples_in(run, "3_refined")[0].verdicts] == ["shape", "duplicates", "shape-2"]


class _Crashing:
    """A check of any scope that raises on answers that are in `bad`."""

    Settings = plugins.PluginSettings
    bad: tuple[str, ...] = ()
    scope = "row"

    def __init__(self, settings: plugins.PluginSettings) -> None: ...

    def judge(self, samples: Any, context: CheckContext) -> Any:
        rows = samples if isinstance(samples, list) else [samples]
        self._look(rows)
        verdicts = [Verdict(by="x", keep=True) for _ in rows]
        return verdicts if isinstance(samples, list) else verdicts[0]

    def sketch(self, samples: Sequence[Sample], context: CheckContext) -> list[str]:
        self._look(samples)
        return [sample.id for sample in samples]

    def merge(self, sketches: Sequence[list[str]]) -> list[str]:
        return [name for part in sketches for name in part]

    def decide(self, sketch: list[str], context: CheckContext) -> dict[str, Verdict]:
        if "decide" in self.bad:
            raise KeyError("no set")
        return {}

    def _look(self, rows: Sequence[Sample]) -> None:
        for sample in rows:
            if sample.answer in self.bad:
                raise ZeroDivisionError("division by zero\nsecond line")


@pytest.fixture
def crashing(monkeypatch: pytest.MonkeyPatch) -> type[_Crashing]:
    original = plugins.load_plugin
    monkeypatch.setattr(
        plugins, "load_plugin", lambda group, name: _Crashing if name == "crashing" else original(group, name)
    )
    return _Crashing


def test_a_set_check_is_given_its_sketches_as_they_come_and_a_lost_worker_is_no_fault_of_it(
    tmp_path: Path, crashing: type[_Crashing], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class _Failing:
        def map(self, process: Any, blocks: Any) -> Any:
            for number, block in enumerate(blocks):
                if number == 2:
                    raise BrokenPipeError("a worker is gone")
                seen.append("judged")
                yield process(block)

    def merge(self: _Crashing, sketches: Any) -> list[str]:
        return [name for part in sketches for name in (seen.append("merged") or part)]

    monkeypatch.setattr(crashing, "scope", "all")
    monkeypatch.setattr(crashing, "merge", merge)
    tasks = [make_task(name) for name in "abc"]
    run = make_run(tmp_path, [(task, "train") for task in tasks], [make_sample(task) for task in tasks])
    stage = RefineStage(block_rows=1)
    context = replace(context_of(stage, make_recipe(refine=["crashing"]), run), executor=_Failing())
    with pytest.raises(BrokenPipeError, match="a worker is gone"):
        stage.run(context)
    assert seen == ["judged", "merged", "judged", "merged"]


@pytest.mark.parametrize("scope", ["row", "group", "all"])
def test_a_crash_rejects_the_row_and_loses_nothing(
    tmp_path: Path, crashing: type[_Crashing], monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    monkeypatch.setattr(crashing, "scope", scope)
    monkeypatch.setattr(crashing, "bad", ("7",))
    first, second = make_task("a"), make_task("b")
    samples = [make_sample(first), make_sample(first, 1), make_sample(second, 0, answer="7")]
    run = make_run(tmp_path, train([first, second]), samples)
    result = refine(run, refine=["crashing", "shape"])
    (bad,) = rejected_in(run)
    assert bad.task.id == "b"
    said = bad.verdicts[-1]
    assert (said.by, said.keep) == ("crashing", False)
    assert said.reason.startswith(
        "check crashing crashed: ZeroDivisionError at test_stage.py:"
    )  # where, never the words
    assert result.books.balanced
    assert result.books.rows_out == 2
    assert any("ZeroDivisionError at" in warning for warning in result.warnings)


@pytest.mark.parametrize("scope", ["row", "group", "all"])
def test_a_check_that_crashes_on_everything_is_an_error(
    tmp_path: Path, crashing: type[_Crashing], monkeypatch: pytest.MonkeyPatch, scope: str
) -> None:
    monkeypatch.setattr(crashing, "scope", scope)
    monkeypatch.setattr(crashing, "bad", ("5",))
    task = make_task("a")
    run = make_run(tmp_path, train([task]), [make_sample(task), make_sample(task, 1)])
    with pytest.raises(ImbikError, match="check 'crashing' crashed on all 2 samples"):
        refine(run, refine=["crashing"])


def test_a_crash_on_the_whole_set_is_an_error(
    tmp_path: Path, crashing: type[_Crashing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crashing, "scope", "all")
    monkeypatch.setattr(crashing, "bad", ("decide",))
    task = make_task("a")
    run = make_run(tmp_path, train([task]), [make_sample(task)])
    with pytest.raises(ImbikError, match="crashed on the whole set"):
        refine(run, refine=["crashing"])


def test_nothing_left_is_an_error_that_counts_why(tmp_path: Path) -> None:
    task = make_task("a")
    bad = make_sample(task, 1, completion=Completion(outcome=Outcome.REFUSED))
    run = make_run(tmp_path, train([task]), [make_sample(task, answer="6"), bad])
    with pytest.raises(ImbikError, match="1 rejected by answer, 1 ended refused") as raised:
        refine(run, refine=["answer"])
    assert "imbik show" in raised.value.next
    assert rejected_in(run)


def test_pending_answers_stay_pending(tmp_path: Path) -> None:
    task = make_task("a")
    samples = [make_sample(task), make_sample(task, 1, completion=Completion(outcome=Outcome.PENDING))]
    run = make_run(tmp_path, train([task]), samples)
    books = refine(run, refine=["shape"]).books
    assert (books.pending, books.failed, books.balanced) == (1, 0, True)


def test_few_kept_and_no_validation_are_said(tmp_path: Path) -> None:
    first, second = make_task("a"), make_task("b")
    samples = [make_sample(first), make_sample(first, 1, "6"), make_sample(first, 2, "6"), make_sample(second, 0, "9")]
    run = make_run(tmp_path, [(first, "train"), (second, "validation")], samples)
    told = "\n".join(refine(run, refine=["answer"]).warnings)
    assert "only 1 of 4" in told
    assert "'answer' rejects 3" in told
    assert "no validation sample" in told


def test_the_stage_hash_follows_the_checks() -> None:
    stage = RefineStage()
    base = stage.settings(make_recipe(refine=FULL), None)  # type: ignore[arg-type]
    assert stage.settings(make_recipe(refine=FULL[:4]), None) != base  # type: ignore[arg-type]
    assert stage.settings(make_recipe(refine=FULL, generate={"seed": 4}), None) == base  # type: ignore[arg-type]
