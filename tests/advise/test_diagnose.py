"""Each trouble on a planted case: found, said in words, mended by lines that the recipe accepts."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imbik.advise.diagnose import Problem, diagnose, memory, overfitting, poor_result, slow_training
from imbik.advise.facts import Facts, Lengths, gather
from imbik.core.files import write_json, write_lines, write_text
from imbik.core.results import Books
from imbik.core.runfolder import Manifest, RunFolder
from imbik.core.students import Best
from imbik.core.types import Completion, Message, Sample, Sensitivity, Task
from imbik.evaluate.scores import Interval, MetricScore, Scores, SystemScores, write_scores
from imbik.pipeline.rows import Rows
from imbik.pipeline.sizes import Size
from imbik.recipe import build, load_recipe, to_yaml
from imbik.tasks.split import Assignment
from imbik.train.course import Point, TrainingRecord

GB = 1_000_000_000
DATA: dict[str, Any] = {
    "name": "a",
    "tasks": {"source": "rows.csv", "kind": "qa"},
    "teachers": {"t": {"use": "in_process", "model": "m"}},
    "student": {"architecture": "llama", "hidden_size": 64},
    "train": {"learning_rate": 3e-3, "epochs": 8, "batch_size": 16},
}


def training(losses: list[tuple[float, float]], **changes: Any) -> TrainingRecord:
    """A record with a point every 100 steps: (training loss, validation loss)."""
    points = tuple(Point(step=100 * (i + 1), train_loss=t, validation_loss=v) for i, (t, v) in enumerate(losses))
    steps = 100 * len(losses)
    plain: dict[str, Any] = {
        "variant": "student",
        "seed": 1,
        "steps": steps,
        "planned_steps": steps,
        "tokens": steps * 16 * 40,
        "rows": 2000,
        "validation_rows": 200,
        "losses": points,
        "kept_step": steps,
        "kept_loss": None,
        "stopped_early": False,
        "seconds": 60.0,
        "tokens_per_second": 8000.0,
        "precision": "fp32",
        "threads": 1,
        "layout": "packed",
        "micro_batch": 16,
        "padding": 0.1,
        "parameters": 900_000,
        "trainable": 900_000,
        "sha256": "",
    }
    return TrainingRecord(**{**plain, **changes})


GOOD = [(3.0, 3.1), (2.0, 2.1), (1.0, 1.20), (0.9, 1.195), (0.85, 1.19)]


def scores(student: float, retention: float | None = None, **others: float) -> Scores:
    """Figures of a few systems."""

    def system(value: float) -> SystemScores:
        return SystemScores(metrics={"accuracy": MetricScore(value=value, low=value, high=value, n=1000)})

    kept = {"accuracy": Interval(value=retention, low=retention, high=retention, n=1000)} if retention else {}
    return Scores(systems={name: system(v) for name, v in {"student": student, **others}.items()}, retention=kept)


def facts(*overrides: str, **changes: Any) -> Facts:
    """A sound run, with changes."""
    sound = Facts(
        recipe=build(DATA, overrides=overrides),
        size=Size(900_000, False, 64, 4, 2048),
        training=training(GOOD),
        scores=scores(0.9, 0.95, teacher=0.95),
        rows=Rows(2000, 200, 1000, 60, 40, known=True),
        lengths=Lengths(150, 260, 300),
        learned=2000,
        memory=16 * GB,
        needed=1 * GB,
    )
    return replace(sound, **changes)


def lines(problem: Problem | None, *before: str) -> str:
    """All `--set` lines, each accepted by the recipe it mends."""
    assert problem is not None
    found = " ".join(mend.line for mend in problem.mends)
    for mend in problem.mends:
        parts = shlex.split(mend.line)
        assert parts[::2] == ["--set"] * (len(parts) // 2)
        if "OWNER/" not in mend.line:
            build(DATA, overrides=[*before, *parts[1::2]])
    return found


def test_a_sound_run_has_no_problem() -> None:
    sound = facts()
    assert [f(sound) for f in (overfitting, memory, slow_training, poor_result)] == [None] * 4


def test_a_run_that_has_not_trained_has_no_problem_yet() -> None:
    empty = Facts(recipe=build(DATA), memory=GB)
    assert [f(empty) for f in (overfitting, memory, slow_training, poor_result)] == [None] * 4


class TestOverfitting:
    CURVE = ((3.0, 3.1), (1.5, 2.0), (0.8, 1.8), (0.3, 2.2), (0.1, 2.9))

    def test_rising_validation_loss_is_found(self) -> None:
        problem = overfitting(facts(training=training(list(self.CURVE))))
        assert problem is not None
        assert "step 300" in problem.words
        assert "by heart" in problem.words
        found = lines(problem)
        for line in ("early_stopping.patience=3", "dropout=0.1", "weight_decay=0.1", "train.epochs=4.8"):
            assert line in found

    def test_adapters_get_rank_and_alpha(self) -> None:
        adapters = "train.method={use: lora, r: 32}"
        found = lines(overfitting(facts(adapters, training=training(list(self.CURVE)))), adapters)
        assert "train.method.r=16" in found
        assert "train.method.alpha=32" in found

    def test_what_is_set_already_is_not_said_again(self) -> None:
        already = ("train.early_stopping.patience=2", "train.dropout=0.2", "train.weight_decay=0.2", "train.steps=500")
        problem = overfitting(facts(*already, training=training(list(self.CURVE))))
        assert lines(problem) == "--set train.steps=300"

    def test_last_weights_kept_for_accuracy_are_no_trouble_by_themselves(self) -> None:
        turned = training([(3.0, 3.1), (1.5, 2.0), (0.8, 1.8), (0.5, 1.9), (0.3, 2.0)])
        assert overfitting(facts(training=turned)) is not None
        poor = scores(0.3, 0.4)
        assert overfitting(facts("train.keep=last", training=turned, scores=poor)) is None
        far = training(list(self.CURVE))
        assert overfitting(facts("train.keep=last", training=far)) is None
        found = overfitting(facts("train.keep=last", training=far, scores=poor))
        assert lines(found).startswith("--set train.keep=best")

    @pytest.mark.parametrize(
        "curve",
        [
            [(3.0, 3.1), (2.0, 2.2), (1.0, 1.5)],
            [(3.0, 3.1), (2.0, 2.2), (1.0, 1.5), (0.9, 1.51)],
            [(3.0, 3.1), (4.0, 3.0), (5.0, 4.0)],
            [(3.0, 3.1), (2.0, 4.0)],
        ],
        ids=["falling", "level", "diverged", "too short"],
    )
    def test_other_curves_are_not_overfitting(self, curve: list[tuple[float, float]]) -> None:
        assert overfitting(facts(training=training(curve))) is None


class TestMemory:
    def test_a_full_memory_is_found(self) -> None:
        problem = memory(facts("train.micro_batch=8", needed=15 * GB))
        found = lines(problem)
        assert found.index("micro_batch=2") < found.index("gradient_checkpointing=true") < found.index("method=lora")
        assert "15 GB" in problem.words if problem else False

    def test_a_training_that_was_killed_is_suspected(self) -> None:
        assert memory(facts(needed=10 * GB)) is None
        problem = memory(facts(needed=10 * GB, train_unfinished=True))
        assert problem is not None
        assert "not ended" in problem.words

    def test_the_base_in_fewer_bits_comes_last(self) -> None:
        settings = ("train.method=lora", "train.gradient_checkpointing=true", "train.micro_batch=1")
        problem = memory(facts(*settings, needed=15 * GB))
        assert problem is not None
        assert len(problem.mends) == 1
        assert "quantised base" in problem.mends[0].why or "4 bits" in problem.mends[0].why
        lines(problem)


class TestSlowTraining:
    @pytest.mark.parametrize(
        ("overrides", "changes", "line"),
        [
            (["train.packing=false"], {"training": training(GOOD, padding=0.55)}, "train.packing=true"),
            (["train.precision=fp32"], {"training": training(GOOD, parameters=5_000_000)}, "train.precision=auto"),
            ([], {"lengths": Lengths(150, 260, 5000)}, "train.max_length="),
            (["train.gradient_checkpointing=true"], {}, "gradient_checkpointing=false"),
        ],
        ids=["packing", "precision", "lengths", "checkpointing"],
    )
    def test_lost_time_is_found(self, overrides: list[str], changes: dict[str, Any], line: str) -> None:
        problem = slow_training(facts(*overrides, **changes))
        assert line in lines(problem)
        assert len(problem.mends) == 1 if problem else False

    def test_padding_of_a_packed_run_costs_nothing(self) -> None:
        assert slow_training(facts(training=training(GOOD, padding=0.55))) is None

    def test_a_tiny_model_may_stay_in_fp32(self) -> None:
        assert slow_training(facts("train.precision=fp32", training=training(GOOD, parameters=200_000))) is None


class TestPoorResult:
    POOR = scores(0.4, 0.45, teacher=0.9)

    def test_a_small_retention_is_found_and_causes_come_in_order(self) -> None:
        unlearned = training([(3.0, 3.1), (2.9, 3.0), (2.8, 2.9), (2.7, 2.8), (2.6, 2.7)], tokens=500 * 16 * 100)
        problem = poor_result(facts("train.learning_rate=1e-6", scores=self.POOR, learned=400, training=unlearned))
        assert problem is not None
        assert "40.0%, 45% of its teacher" in problem.words
        causes = [mend.why.split(":")[0] for mend in problem.mends]
        assert causes == ["data", "learning rate", "duration", "base model", "tokenisation"]
        found = lines(problem)
        for line in ("generate.samples=4", "learning_rate=4.5e-03", "epochs=16", "hidden_size=128", "vocabulary=4096"):
            assert line in found

    def test_a_weak_teacher_comes_first(self) -> None:
        problem = poor_result(facts(scores=scores(0.3, 0.6, teacher=0.5)))
        assert problem is not None
        assert "the teacher itself is right in 50%" in problem.mends[0].why

    def test_many_rejected_answers_are_data(self) -> None:
        books = Books(rows_in=1000, rows_out=300, rejected=700)
        problem = poor_result(facts(scores=self.POOR, manifests={"refine": manifest("refine", books)}))
        assert problem is not None
        assert "refine turned 70%" in problem.mends[0].why

    def test_a_loss_that_did_not_fall_asks_for_a_lower_rate(self) -> None:
        flat = training([(3.0, 3.1), (3.2, 3.3), (3.4, 3.5)])
        assert "train.learning_rate=1.0e-03" in lines(poor_result(facts(scores=self.POOR, training=flat)))

    def test_too_few_passes_come_before_another_model(self) -> None:
        level = training([(4.4, 4.35), (4.3, 4.3)], steps=30, planned_steps=30, rows=8764)
        short = facts("train.steps=30", "train.batch_size=32", scores=self.POOR, training=level, learned=8764)
        problem = poor_result(short)
        assert problem is not None
        assert problem.mends[0].why.startswith("duration: 0.11 passes over the rows are few")
        assert problem.mends[0].line == "--set train.steps=2191"
        assert problem.mends[1].line == "--set student.hidden_size=128 --set train.steps=2191"
        lines(problem)

    def test_too_few_passes_of_a_pretrained_model(self) -> None:
        data = {**DATA, "student": {"model": "org/small-1b"}, "train": {"method": "lora", "learning_rate": 2e-4}}
        short = training([(2.0, 2.1)], steps=30, planned_steps=30, rows=2000)
        sized = {"size": Size(1_000_000_000, True), "scores": self.POOR, "training": short}
        found = poor_result(facts(recipe=build(data, overrides=["train.steps=30", "train.batch_size=16"]), **sized))
        assert found is not None
        assert found.mends[0].line == "--set train.steps=375"
        found = poor_result(facts(recipe=build(data, overrides=["train.epochs=0.24", "train.batch_size=16"]), **sized))
        assert found is not None
        assert found.mends[0].line == "--set train.epochs=3"
        found = poor_result(facts(recipe=build(data), **{**sized, "size": Size(227_000, True)}))
        assert found is not None
        assert "or a small one, needs 8 or more" in found.mends[0].why
        enough = {**sized, "training": training(GOOD)}
        found = poor_result(facts(recipe=build(data), **enough))
        assert found is not None
        assert "passes" not in found.mends[0].why

    def test_a_training_loss_that_is_still_high_is_found_where_the_schedule_flattens_its_end(self) -> None:
        flat = training([(4.4, 4.4), (4.0, 4.1), (3.85, 4.0), (3.8, 3.99), (3.8, 3.99)], rows=800)
        problem = poor_result(facts(scores=self.POOR, training=flat))
        assert problem is not None
        assert "training loss is still high (4.40 at first, 3.80 at last)" in problem.mends[0].why
        assert problem.mends[0].line == "--set train.epochs=16"

    def test_recorded_answers_cannot_be_sampled_again(self) -> None:
        recorded = build({**DATA, "teachers": {"t": {"use": "recorded"}}})
        found = lines(poor_result(facts(recipe=recorded, scores=self.POOR, learned=400)))
        assert "generate." not in found
        assert "tasks.split.test=0.05" in found
        books = Books(rows_in=1000, rows_out=300, rejected=700)
        refined = {"refine": manifest("refine", books)}
        assert "generate." not in lines(poor_result(facts(recipe=recorded, scores=self.POOR, manifests=refined)))

    def test_a_plain_classifier_that_does_better_is_said(self) -> None:
        problem = poor_result(facts(scores=scores(0.8, tfidf=0.9)))
        assert problem is not None
        assert "TF-IDF" in problem.words
        assert poor_result(facts(scores=scores(0.8, tfidf=0.7))) is None

    def test_a_pretrained_student_gets_other_advice(self) -> None:
        data = {**DATA, "student": {"model": "org/small-1b"}, "train": {"method": "lora", "learning_rate": 2e-4}}
        problem = poor_result(facts(recipe=build(data), size=Size(1_000_000_000, True), scores=self.POOR))
        assert problem is not None
        found = " ".join(mend.line for mend in problem.mends)
        assert "student.model=OWNER/LARGER-MODEL" in found
        assert "train.method=full" in found


def manifest(stage: str, books: Books) -> Manifest:
    """A finished stage."""
    return Manifest(
        stage=stage, version=1, hash="h", inputs={}, root="r", books=books, sensitivity=Sensitivity.PUBLIC,
        seconds=1.0, imbik="0", finished="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def test_a_run_folder_is_read_whole(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "runs" / "a")
    run.create()
    overfit = training(list(TestOverfitting.CURVE))
    write_text(run.path / "recipe.yaml", to_yaml(build(DATA)))
    task = Task(id="1", kind="qa", messages=(Message(role="user", content="x" * 90),))
    sample = Sample(task=task, teacher="t", number=0, completion=Completion(), answer="y" * 10)
    for folder, stage in (("1_tasks", "tasks"), ("3_refined", "refine"), ("6_student", "train")):
        run.begin(folder, "h")
        run.finish(folder, manifest(stage, Books(rows_in=1, rows_out=1)))
    write_lines(run.stage("1_tasks") / "part-00000.jsonl", [task])
    write_lines(run.stage("1_tasks") / "splits.jsonl", [Assignment(id="1", set="train")])
    write_lines(run.stage("3_refined") / "part-00000.jsonl", [sample])
    write_json(run.stage("6_student") / "best.json", Best(seed=1))
    write_json(run.stage("6_student") / "student" / "seed-1" / "training.json", overfit)
    write_scores(run.stage("8_report") / "scores.json", scores(0.4, 0.45, teacher=0.9))
    found = gather(run)
    assert (found.learned, found.lengths.mean, found.metric) == (1, 100, "accuracy")
    assert found.training == overfit
    assert [problem.trouble for problem in diagnose(run)] == ["overfitting", "poor result"]
    assert load_recipe(run.path).name == "a"
