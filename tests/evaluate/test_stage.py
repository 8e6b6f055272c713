"""The evaluate stage on a small finished run: every system on the same rows, resumable, reproducible, private."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imbik.core.errors import BarNotMetError, InputError, RecipeError, RunFolderError
from imbik.core.files import read_lines, write_json, write_lines
from imbik.core.plugins import PluginBlock
from imbik.core.types import Sensitivity
from imbik.evaluate.answers import Answer
from imbik.evaluate.measure import _about_sets
from imbik.evaluate.pages import hold_against
from imbik.evaluate.require import check
from imbik.evaluate.scores import Scores, read_scores
from imbik.evaluate.stage import EvaluateStage
from imbik.evaluate.timing import cache_bytes
from imbik.export.stage import ExportStage
from imbik.models.load import load
from imbik.recipe import Recipe, build
from small_runs import SmallRun

QUICK = "evaluate: {latency_rows: 1, resamples: 100, against: [teacher, baseline, text_only, tfidf]}"


def scores_of(small: SmallRun) -> Scores:
    scores = read_scores(small.run)
    assert scores is not None
    return scores


def page_of(small: SmallRun) -> str:
    return (small.run.path / "8_report" / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    small = SmallRun(tmp_path_factory.mktemp("run"), seeds=(1, 2), controls=("text_only",), extra=QUICK)
    small.teacher.share = 0.7
    small.stage(ExportStage())
    small.stage(EvaluateStage())
    return small


def test_every_system_answers_the_same_rows(finished: SmallRun) -> None:
    scores = scores_of(finished)
    assert set(scores.systems) == {"teacher", "student", "text_only", "baseline", "export:safetensors"}
    test = {task.id for task, name in finished.tasks if name == "test"}
    for name in scores.systems:
        path = finished.run.path / "8_report" / "answers" / f"{name.replace(':', '_')}.jsonl"
        answers = list(read_lines(path, Answer))
        assert {answer.id for answer in answers} == test
        seeds = {1, 2} if name in ("student", "text_only") else {-1}
        assert {answer.seed for answer in answers} == seeds
        assert scores.systems[name].metrics["accuracy"].n == len(test)


def test_the_file_has_exactly_the_documented_keys(finished: SmallRun) -> None:
    raw = msgspec.json.decode((finished.run.path / "8_report" / "scores.json").read_bytes())
    assert list(raw) == ["schema_version", "systems", "retention", "paired", "dialogues", "funnel", "spend", "lineage"]
    assert set(raw["systems"]["student"]) == {
        "metrics", "latency_ms", "time_to_first_token_ms", "tokens_per_second", "parameters", "weights_bytes",
        "cache_bytes", "process_bytes", "disk_bytes", "cost_per_1000",
    }  # fmt: skip
    assert set(raw["systems"]["student"]["metrics"]["accuracy"]) == {"value", "low", "high", "n", "seeds"}
    assert list(raw["systems"]["student"]["metrics"]["accuracy"]["seeds"]) == ["1", "2"]
    assert set(raw["lineage"]) == {"tasks", "generate", "refine", "train", "export", "evaluate"}


def test_teacher_costs_and_spend_are_counted(finished: SmallRun) -> None:
    scores = scores_of(finished)
    test = sum(name == "test" for _, name in finished.tasks)
    asked = len(finished.tasks) - test
    assert scores.systems["teacher"].cost_per_1000 == pytest.approx(1.0)
    assert scores.spend.total == 0, "no ledger, so this run has paid nothing"
    assert scores.spend.reused == asked * Decimal("0.002") + test * Decimal("0.001")
    assert scores.spend.answers == asked + test
    assert {stage.stage for stage in scores.funnel} == {"tasks", "generate", "refine", "train"}


def test_the_teacher_is_asked_as_in_generation(finished: SmallRun) -> None:
    question = finished.teacher.asked[0]
    assert question.sampling.max_tokens == 8
    assert question.sampling.seed is None
    assert question.messages[-1].content.endswith("?")  # instruction: '' asks the bare task


def test_same_answers_same_figures_and_nobody_is_asked_again(finished: SmallRun) -> None:
    before, asked = scores_of(finished), len(finished.teacher.asked)
    (finished.run.path / "8_report" / "manifest.json").unlink()
    finished.stage(EvaluateStage())
    after = scores_of(finished)
    assert len(finished.teacher.asked) == asked
    assert after == before


def test_a_system_is_asked_again_when_its_answers_are_not_whole(finished: SmallRun) -> None:
    folder = finished.run.path / "8_report"
    (folder / "manifest.json").unlink()
    (folder / "answers" / "baseline.json").unlink()
    before = scores_of(finished)
    finished.stage(EvaluateStage())
    assert scores_of(finished).systems["baseline"].metrics == before.systems["baseline"].metrics


def test_a_missed_bar_stops_the_run_after_the_report(tmp_path: Path) -> None:
    bar = "evaluate: {latency_rows: 0, resamples: 100, against: [teacher], require: {retention: '>= 0.95'}}"
    small = SmallRun(tmp_path, extra=f"{bar}\nexport: []")
    with pytest.raises(BarNotMetError, match="retention >= 0.95"):
        small.stage(EvaluateStage())
    assert "not met" in page_of(small)
    assert "student" in scores_of(small).systems
    assert small.run.manifest("8_report") is not None, "what was measured is finished, whatever it is held against"


def test_another_bar_is_held_against_the_same_figures_and_shown(
    finished: SmallRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = EvaluateStage()

    def with_bar(**bars: str) -> Recipe:
        evaluate = finished.recipe.evaluate.model_copy(update={"require": bars})
        return finished.recipe.model_copy(update={"evaluate": evaluate})

    low, high = with_bar(accuracy=">= 0"), with_bar(accuracy="> 1", retention=">= 0")
    assert stage.settings(low, finished.teacher) == stage.settings(finished.recipe, finished.teacher)
    monkeypatch.setattr("imbik.evaluate.report.draw", lambda _: pytest.fail("drawn again"))
    scores, asked = scores_of(finished), len(finished.teacher.asked)
    stage.conclude(low, finished.run)
    assert "accuracy >= 0" in page_of(finished)
    with pytest.raises(BarNotMetError, match="accuracy > 1 was asked for"):
        stage.conclude(high, finished.run)
    assert "not met" in page_of(finished)
    html = (finished.run.path / "8_report" / "report.html").read_text(encoding="utf-8")
    assert "retention &gt;= 0" in html
    assert html.count("<svg") >= 3, "drawings are kept"
    stage.conclude(finished.recipe, finished.run)
    assert "not met" not in page_of(finished)
    assert scores_of(finished) == scores
    assert len(finished.teacher.asked) == asked


def test_a_report_of_an_older_imbik_says_how_to_hold_it_against_a_bar(tmp_path: Path) -> None:
    hold_against(tmp_path, {})
    with pytest.raises(RunFolderError, match="older imbik") as refused:
        hold_against(tmp_path, {"retention": ">= 0.9"})
    assert "--from evaluate" in refused.value.next


def test_blocked_rows_are_named_and_leave_the_comparison(tmp_path: Path) -> None:
    small = SmallRun(tmp_path, extra="evaluate: {latency_rows: 0, resamples: 100, against: [teacher]}\nexport: []")
    test = [task.id for task, name in small.tasks if name == "test"]
    small.teacher.blocked = frozenset(test[:4])
    result = small.stage(EvaluateStage())
    scores = scores_of(small)
    assert result.books.failed == 4
    assert scores.systems["teacher"].metrics["accuracy"].n == len(test) - 4
    assert scores.systems["student"].metrics["accuracy"].n == len(test)
    assert scores.retention["accuracy"].n == len(test) - 4
    assert "4 of" in page_of(small)
    assert "could not be put to the teacher" in page_of(small)


def test_plain_fine_tuning_has_no_retention_and_says_why(tmp_path: Path) -> None:
    small = SmallRun(tmp_path, teacher=False, extra="evaluate: {latency_rows: 0, resamples: 100}\nexport: []")
    small.stage(EvaluateStage())
    scores = scores_of(small)
    assert not scores.retention
    assert set(scores.systems) == {"student", "baseline"}
    assert "no retention, because the recipe has no teacher" in page_of(small)


def test_confidential_rows_stay_out_of_the_report(tmp_path: Path) -> None:
    quick = "evaluate: {latency_rows: 0, resamples: 100, against: []}\nexport: []"
    small = SmallRun(tmp_path, sensitivity="confidential", extra=quick)
    result = small.stage(EvaluateStage())
    assert result.sensitivity is Sensitivity.CONFIDENTIAL
    page = (small.run.path / "8_report" / "report.html").read_text(encoding="utf-8")
    assert "confidential" in page
    assert "armut" not in page


def test_classification_stands_beside_word_counts(tmp_path: Path) -> None:
    quick = "evaluate: {latency_rows: 1, resamples: 100, against: [tfidf]}\nexport: []"
    small = SmallRun(tmp_path, kind="classification", extra=quick)
    small.stage(EvaluateStage())
    scores = scores_of(small)
    assert scores.systems["tfidf"].metrics["accuracy"].value == 1.0  # the colour stands in the text
    assert scores.systems["tfidf"].latency_ms is not None
    assert "tfidf learned the file's own labels" in page_of(small)
    answers = list(read_lines(small.run.path / "8_report" / "answers" / "student.jsonl", Answer))
    assert {answer.answer for answer in answers} <= {"kırmızı", "mavi", "yeşil"}
    assert all(answer.confidence is not None and 1 / 3 <= answer.confidence <= 1 for answer in answers)


def test_rows_are_capped_alike_for_every_system(tmp_path: Path) -> None:
    quick = "evaluate: {latency_rows: 0, resamples: 100, rows: 5, against: [teacher, baseline]}\nexport: []"
    small = SmallRun(tmp_path, extra=quick)
    small.stage(EvaluateStage())
    assert {system.metrics["accuracy"].n for system in scores_of(small).systems.values()} == {5}


def test_nothing_held_out_is_said_with_the_key(tmp_path: Path) -> None:
    small = SmallRun(tmp_path, extra="export: []")
    everything = [{"id": task.id, "set": "train"} for task, _ in small.tasks]
    lines = b"".join(msgspec.json.encode(item) + b"\n" for item in everything)
    (small.run.path / "1_tasks" / "splits.jsonl").write_bytes(lines)
    with pytest.raises(InputError, match=r"tasks\.split\.test"):
        small.stage(EvaluateStage())


def test_a_misspelt_system_names_the_one_that_was_meant(finished: SmallRun) -> None:
    evaluate = finished.recipe.evaluate.model_copy(update={"against": ["teachr"]})
    with pytest.raises(RecipeError, match="did you mean 'teacher'"):
        check(finished.recipe.model_copy(update={"evaluate": evaluate}))


def test_scores_of_another_version_are_refused(finished: SmallRun, tmp_path: Path) -> None:
    from imbik.core.runfolder import RunFolder

    assert read_scores(RunFolder(tmp_path)) is None
    write_json(tmp_path / "8_report" / "scores.json", {"schema_version": 99})
    with pytest.raises(RunFolderError, match="schema version 99"):
        read_scores(RunFolder(tmp_path))


def test_settings_name_what_shapes_the_figures(finished: SmallRun) -> None:
    stage = EvaluateStage()
    before = stage.settings(finished.recipe, finished.teacher)
    finished.teacher.share = 0.5
    assert stage.settings(finished.recipe, finished.teacher) != before
    assert stage.inputs(finished.recipe) == ("tasks", "generate", "refine", "train", "export")


def test_without_references_agreement_with_the_teacher_is_shown_and_not_called_retention(tmp_path: Path) -> None:
    small = SmallRun(tmp_path, extra="evaluate: {latency_rows: 0, resamples: 100, against: [teacher]}\nexport: []")
    bare = [msgspec.structs.replace(task, reference=None) for task, _ in small.tasks]
    write_lines(small.run.path / "1_tasks" / "part-00000.jsonl", bare)
    small.stage(EvaluateStage())
    scores = scores_of(small)
    assert set(scores.systems["student"].metrics) == {"agreement"}
    assert scores.systems["teacher"].metrics == {}
    assert not scores.retention
    assert "That is not retention" in page_of(small)


def test_a_teacher_in_this_process_is_timed_in_the_same_engine(tmp_path: Path) -> None:
    small = SmallRun(tmp_path, extra="evaluate: {latency_rows: 2, resamples: 100, against: [teacher]}\nexport: []")
    small.teacher.folder = small.run.path / "6_student" / "student" / "seed-1" / "weights"
    small.stage(EvaluateStage())
    scores = scores_of(small)
    teacher, student = scores.systems["teacher"], scores.systems["student"]
    assert (teacher.parameters, teacher.weights_bytes) == (student.parameters, student.weights_bytes)
    assert teacher.tokens_per_second is not None
    assert "same engine" in page_of(small)


def test_voices_of_a_recorded_teacher_stand_side_by_side(tmp_path: Path) -> None:
    small = SmallRun(tmp_path, extra="evaluate: {latency_rows: 0, resamples: 100, against: [teacher]}\nexport: []")
    block = PluginBlock(use="recorded", raw={"answers": {"a": "col_a", "b": "col_b"}})
    small.recipe = small.recipe.model_copy(update={"teachers": {"usta": block}})
    small.stage(EvaluateStage())
    assert set(scores_of(small).systems["teacher"].metrics["accuracy"].seeds) == {"0", "1"}
    assert {question.sample for question in small.teacher.asked} == {0, 1}


def test_cache_bytes_have_their_closed_form(finished: SmallRun) -> None:
    model = load(finished.run.path / "6_student" / "student" / "seed-1" / "weights")
    # keys and values x 2 layers x 2 heads x width 16 x 10 tokens x 4 bytes
    assert cache_bytes(model, 10) == 2 * 2 * 2 * 16 * 10 * 4
    student = scores_of(finished).systems["student"]
    assert student.weights_bytes == 4 * (student.parameters or 0)


@pytest.mark.parametrize(
    ("tasks", "known"),
    [
        ({"source": "embedded"}, {"test", "B", "C"}),
        ({"source": {"use": "embedded", "B": 9}}, {"test", "B", "C"}),
        ({"source": {"use": "embedded"}, "test_source": "mine.csv"}, {"B", "C"}),
        ({"source": "mine.csv"}, set()),
    ],
)
def test_a_source_says_what_its_sets_are(tasks: dict[str, Any], known: set[str]) -> None:
    recipe = build({"name": "a", "tasks": {"kind": "math", **tasks}, "generate": {"from": "reference"},
                    "student": {"architecture": "llama"}})  # fmt: skip
    assert set(_about_sets(recipe)) == known
