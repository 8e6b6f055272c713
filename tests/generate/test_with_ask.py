"""Generation through the real asking engine: over HTTP, from records, and from real recorded solutions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from asking import FAST
from imbik.ask.engine import AskEngine
from imbik.core.errors import BlockedError
from imbik.core.executor import LocalExecutor
from imbik.core.progress import Progress, SilentReporter
from imbik.core.runfolder import RunFolder
from imbik.core.types import Outcome, Sensitivity
from imbik.generate.stage import GenerateStage
from imbik.privacy.operator import LocalEndpoint, Operator
from imbik.recipe import Recipe, load_recipe
from imbik.refine.stage import RefineStage
from imbik.stage import Stage, StageContext, StageResult
from imbik.tasks.stage import TasksStage
from imbik.testing import FakeTeacher, Rule
from stagekit import finish, make_recipe, make_run, make_task, recorded, samples_in, train

STAGE = GenerateStage()


def run_stage(recipe: Recipe, run: RunFolder, stage: Stage = STAGE, operator: Operator | None = None) -> StageResult:
    progress = Progress(SilentReporter())
    with AskEngine(
        recipe=recipe,
        run=run,
        executor=LocalExecutor(),
        progress=progress,
        operator=operator or Operator(),
        policy=FAST,
    ) as asker:
        settings = stage.settings(recipe, asker)
        assert settings == stage.settings(recipe, asker)
        context = StageContext(recipe, run, run.begin(stage.folder, "h"), asker, LocalExecutor(), progress)
        result = stage.run(context)
    finish(run, stage.folder, result)
    return result


def served(teacher: FakeTeacher, **generate: Any) -> Recipe:
    block = {"use": "openai", "model": "sahte", "base_url": teacher.base_url}
    return make_recipe(teachers={"t": block}, generate=generate)


def undecided(messages: Sequence[Mapping[str, str]]) -> str:
    """Answers that differ the first two times a row is asked, then agree."""
    question = messages[-1]["content"].split()[0]
    SEEN[question] += 1
    return f"Adım adım düşündüm.\nCevap: {5 if SEEN[question] != 2 or question in EASY else 9}"


SEEN: Counter[str] = Counter()
EASY = {"r0", "r1", "r2"}


def test_more_is_asked_where_answers_disagree_and_nothing_twice(tmp_path: Path) -> None:
    SEEN.clear()
    run = make_run(tmp_path, train([make_task(f"r{n}") for n in range(6)]))
    with FakeTeacher(undecided) as teacher:
        recipe = served(teacher, temperature=0.7, samples={"min": 2, "max": 5, "until": "agreement", "lead": 1})
        first = run_stage(recipe, run)
        samples = samples_in(run, "2_answers")
        assert Counter(sample.task.id for sample in samples) == {f"r{n}": 2 if n < 3 else 3 for n in range(6)}
        assert teacher.count == 15
        run.retire("2_answers")
        again = run_stage(recipe, run)
        assert teacher.count == 15
    assert again.leaves == first.leaves
    assert first.books.balanced


def test_rows_without_a_mark_stay_here_and_an_operators_word_lets_them_go(tmp_path: Path) -> None:
    tasks = [make_task("r0", sensitivity=Sensitivity.CONFIDENTIAL)]
    with FakeTeacher(lambda messages: "Cevap: 5") as teacher:
        run = make_run(tmp_path, train(tasks))
        with pytest.raises(BlockedError, match="tasks.sensitivity"):
            run_stage(served(teacher), run)
        assert teacher.count == 0
        operator = Operator(
            local=(LocalEndpoint(host="127.0.0.1", ports=(teacher.port,), attestation="the test's own server"),)
        )
        run_stage(served(teacher), run, operator=operator)
    (sample,) = samples_in(run, "2_answers")
    assert sample.sensitivity is Sensitivity.CONFIDENTIAL


def test_failures_are_written_with_their_outcome(tmp_path: Path) -> None:
    run = make_run(tmp_path, train([make_task(f"r{n}") for n in range(4)]))
    rules = [Rule("refusal", when="r1 "), Rule("filtered", when="r2 ")]
    with FakeTeacher(lambda messages: "Cevap: 5 5 5 5 5", rules=rules) as teacher:
        result = run_stage(served(teacher), run)
    outcomes = [sample.completion.outcome for sample in samples_in(run, "2_answers")]
    assert outcomes == [Outcome.ANSWERED, Outcome.REFUSED, Outcome.FILTERED, Outcome.ANSWERED]
    assert result.books.reasons == {"refused": 1, "filtered": 1}


def test_recorded_voices_by_number(tmp_path: Path) -> None:
    tasks = [
        make_task("a", recorded=recorded(("small", "Cevap: 4"), ("large", "Cevap: 5"))),
        make_task("b", recorded=recorded(("large", "Cevap: 6"))),
        make_task("c"),
    ]
    run = make_run(tmp_path, train(tasks))
    recipe = make_recipe(teachers={"eski": {"use": "recorded", "answers": {"small": "s", "large": "l"}}})
    result = run_stage(recipe, run)
    assert [(s.id, s.answer) for s in samples_in(run, "2_answers")] == [
        ("a#eski#0", "4"), ("a#eski#1", "5"), ("b#eski#1", "6"), ("c#eski#0", ""),
    ]  # fmt: skip
    assert result.books.failed == 1


def test_real_recorded_solutions_from_rows_to_refined(
    tmp_path: Path, real_data: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMBIK_GSM8K", str(real_data / "gsm8k"))
    recipe = load_recipe(root / "recipes" / "gsm8k-recorded.yaml", ["tasks.rows='[:200]'"])
    run = RunFolder(tmp_path / "gsm8k-recorded")
    run.create()
    for stage in (TasksStage(), STAGE, RefineStage()):
        result = run_stage(recipe, run, stage)
        assert result.books.balanced
    asked, kept = samples_in(run, "2_answers"), samples_in(run, "3_refined")
    assert len(asked) % 4 == 0
    assert {sample.number for sample in asked} == {0, 1, 2, 3}
    assert all("<<" not in sample.reasoning for sample in asked)
    assert 0.3 * len(asked) < len(kept) < 0.5 * len(asked)
    assert result.books.reasons["answer"] > 0.5 * len(asked)
