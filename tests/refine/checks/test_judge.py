"""The judge in the refine stage: it annotates, rejects only where it may, and overturns no rule."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import ImbikError
from imbik.core.files import read_lines
from imbik.core.plugins import PluginBlock, typed_settings
from imbik.core.questions import Question
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Outcome, Sample, Sensitivity
from imbik.judge.calibration import Calibration, agreement, write_calibration
from imbik.refine.checks.judge import Judge
from imbik.refine.stage import RefineStage
from imbik.stage import StageResult
from stagekit import FakeAsker, context_of, make_recipe, make_run, make_sample, make_task, samples_in, train

TEACHERS = {name: {"use": "openai", "model": name} for name in ("t", "yargıç", "ikinci", "üçüncü")}
RUBRIC = ["doğruluk", "açıklık"]


def scores(doğruluk: int, açıklık: int = 5) -> Completion:
    return Completion(
        answer=json.dumps({"reasoning": "çünkü öyle", "scores": {"doğruluk": doğruluk, "açıklık": açıklık}})
    )


def by_answer(teacher: str, question: Question) -> Completion:
    """Marks an answer with the number that it is."""
    found = re.search(r" yanıt\]\n(.*)", question.messages[0].content)
    assert found
    return scores(int(found[1]))


def refine(
    run: RunFolder, asker: FakeAsker | None = None, checks: list[Any] | None = None, **judge: Any
) -> StageResult:
    stage = RefineStage()
    if run.stage(stage.folder).exists():
        run.retire(stage.folder)
    named = {"use": "judge", "rubric": RUBRIC, **({} if "teachers" in judge else {"teacher": "yargıç"}), **judge}
    recipe = make_recipe(teachers=TEACHERS, generate={"teacher": "t"}, refine=[*(checks or ["shape"]), named])
    result = stage.run(context_of(stage, recipe, run, asker=asker or FakeAsker(by_answer)))
    assert result.books.balanced
    return result


def rejected_in(run: RunFolder) -> list[Sample]:
    return [s for path in sorted(run.stage("3_refined").glob("rejected-*.jsonl")) for s in read_lines(path, Sample)]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    tasks = [make_task(f"g{mark}", answer=None) for mark in (5, 4, 2)]
    return make_run(tmp_path, train(tasks), [make_sample(task, answer=task.id[1:]) for task in tasks])


def test_a_judge_annotates_by_default(run: RunFolder) -> None:
    result = refine(run)
    kept = samples_in(run, "3_refined")
    assert [sample.verdicts[-1].score for sample in kept] == [5, 4, 2]
    assert [sample.verdicts[-1].keep for sample in kept] == [True] * 3
    assert kept[1].verdicts[-1].reason == "doğruluk 4, açıklık 5 (çünkü öyle)"
    assert kept[2].verdicts[-1].reason == "low (below 4): doğruluk 2, açıklık 5 (çünkü öyle); annotated only"
    assert [line for line in result.warnings if "judge" in line] == [
        "judge: 1 of 3 kept answers have a low mark, which was noted and rejected nothing"
    ]


def test_an_uncalibrated_judge_rejects_only_when_told_to_regardless(run: RunFolder) -> None:
    result = refine(run, on_low="reject")
    assert result.books.rejected == 0
    assert samples_in(run, "3_refined")[2].verdicts[-1].reason.endswith("; annotated only, not calibrated")
    said = "judge: it annotates and rejects nothing: this judge was never calibrated against experts"
    assert any(warning.startswith(said) for warning in result.warnings)
    result = refine(run, on_low="reject_uncalibrated")
    assert result.books.reasons == {"judge": 1}
    assert rejected_in(run)[0].verdicts[-1].reason.startswith("low (below 4): doğruluk 2")
    assert any("whether or not it was calibrated" in warning for warning in result.warnings)


def calibrated(run: RunFolder, wrong: int, asker: FakeAsker | None = None, **judge: Any) -> Path:
    """Write a calibration of 100 labels with so many disagreements for the judge of a recipe."""
    block = PluginBlock(use="judge", raw={"teacher": "yargıç", "rubric": RUBRIC, **judge})
    settings = typed_settings("refine/checks", block)
    assert isinstance(settings, Judge.Settings)
    key = Judge(settings).key({"yargıç": "identity of yargıç"}, Path())
    pairs = [(True, True)] * 50 + [(False, False)] * (50 - wrong) + [(False, True)] * wrong
    made = Calibration(
        key=key, judges=("yargıç",), criteria=tuple(RUBRIC), at={"4": agreement(pairs)}, no_verdict=0, experts=2,
        undecided=0, labels="h", made="",
    )  # fmt: skip
    return write_calibration(run.path.parent, made)


def test_a_calibrated_judge_rejects_where_it_reaches_the_recipes_bar(run: RunFolder) -> None:
    calibrated(run, wrong=5)
    assert refine(run, on_low="reject").books.reasons == {"judge": 1}
    result = refine(run, on_low="reject", calibrated={"kappa": 0.9})
    assert result.books.rejected == 0
    assert any("its kappa is 0.90 (95%" in warning and "has to reach 0.9" in warning for warning in result.warnings)
    other = refine(run, on_low="reject", known_answer=False)  # other words: another judge
    assert other.books.rejected == 0


def test_a_calibration_is_part_of_the_hash_where_it_decides(run: RunFolder) -> None:
    stage, asker = RefineStage(), FakeAsker(by_answer)

    def outside(**judge: Any) -> object:
        named = {"use": "judge", "teacher": "yargıç", "rubric": RUBRIC, **judge}
        return stage.outside(make_recipe(teachers=TEACHERS, refine=[named]), run, asker)

    before = outside(on_low="reject")
    assert outside() == outside(on_low="reject_uncalibrated") == {}
    calibrated(run, wrong=5)
    first = outside(on_low="reject")
    assert first != before
    calibrated(run, wrong=6)
    assert outside(on_low="reject") != first
    assert outside() == {}


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (Completion(outcome=Outcome.BLOCKED, reason="internal rows stay here"), "blocked: internal rows stay here"),
        (Completion(outcome=Outcome.MALFORMED, reason="no JSON"), "malformed: no JSON"),
        (Completion(answer="5"), "the judge's answer is not grounds and then scores"),
    ],
)
def test_what_could_not_be_judged_is_said_and_kept_only_where_low_marks_are(
    run: RunFolder, ended: Completion, told: str
) -> None:
    def answer(teacher: str, question: Question) -> Completion:
        return ended if question.row == "g5" else by_answer(teacher, question)

    result = refine(run, FakeAsker(answer))
    assert samples_in(run, "3_refined")[0].verdicts[-1].reason == f"not judged: no verdict ({told})"
    assert result.books.rejected == 0
    if ended.outcome is Outcome.BLOCKED:
        assert "judge: 1 of 3 questions to 'yargıç' were held back (internal rows stay here)" in result.warnings
    assert refine(run, FakeAsker(answer), on_low="reject_uncalibrated").books.reasons == {"judge": 2}
    assert refine(run, FakeAsker(answer), on_low="reject_uncalibrated", unjudged="keep").books.reasons == {"judge": 1}
    assert refine(run, FakeAsker(answer), unjudged="reject").books.reasons == {"judge": 1}


def test_the_majority_of_several_judges_decides(run: RunFolder) -> None:
    def answer(teacher: str, question: Question) -> Completion:
        return scores(1) if teacher == "üçüncü" else by_answer(teacher, question)

    asker = FakeAsker(answer)
    result = refine(run, asker, teachers=["yargıç", "ikinci", "üçüncü"], on_low="reject_uncalibrated")
    assert result.books.reasons == {"judge": 1}
    assert samples_in(run, "3_refined")[0].verdicts[-1].reason.startswith("yargıç: doğruluk 5, açıklık 5 (çünkü öyle);")
    assert len(asker.asked) == 9
    assert len({question.messages for _, question in asker.asked}) == 3


def test_no_judge_overturns_a_rule_before_or_after_it(tmp_path: Path) -> None:
    tasks = [make_task("w", answer="7"), make_task("r", answer="5")]
    run = make_run(tmp_path, train(tasks), [make_sample(task, answer="5") for task in tasks])
    asker = FakeAsker(lambda *_: scores(5))
    refine(run, asker, checks=["answer"])
    assert [question.row for _, question in asker.asked] == ["r"]
    stage = RefineStage()
    run.retire(stage.folder)
    checks = [{"use": "judge", "teacher": "yargıç", "rubric": RUBRIC, "on_low": "reject_uncalibrated"}, "answer"]
    recipe = make_recipe(teachers=TEACHERS, generate={"teacher": "t"}, refine=checks)
    books = stage.run(context_of(stage, recipe, run, asker=asker)).books
    assert books.reasons == {"answer": 1}


def test_a_judge_sees_what_the_answer_was_made_of(tmp_path: Path) -> None:
    task = make_task("g", sensitivity=Sensitivity.INTERNAL)
    run = make_run(tmp_path, train([task]), [make_sample(task, sensitivity=Sensitivity.SPECIAL)])
    asker = FakeAsker(lambda *_: scores(5))
    refine(run, asker)
    assert asker.asked[0][1].sensitivity is Sensitivity.SPECIAL


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({}, "name one judge"),
        ({"teacher": "a", "teachers": ["b"]}, "name one judge"),
        ({"teachers": ["a", "a"]}, "named twice"),
        ({"teacher": "a", "at_least": 1}, "at_least"),
        ({"teacher": "a", "calibrated": {"kapa": 1}}, "did you mean 'kappa'"),
    ],
)
def test_settings_that_make_no_judge_are_refused(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(ImbikError, match=said):
        typed_settings("refine/checks", PluginBlock(use="judge", raw=raw))
