"""Each trouble on a planted case: found, said in words, mended by lines that the recipe accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from factskit import DATA, GB, GOOD, facts, lines, manifest, scores, training
from imbik.advise.diagnose import diagnose, memory, overfitting, slow_training
from imbik.advise.facts import Facts, Lengths, gather
from imbik.advise.poor_result import poor_result
from imbik.core.files import write_json, write_lines, write_text
from imbik.core.results import Books
from imbik.core.runfolder import RunFolder
from imbik.core.students import Best
from imbik.core.types import Completion, Message, Sample, Task
from imbik.evaluate.scores import write_scores
from imbik.recipe import build, load_recipe, to_yaml
from imbik.tasks.split import Assignment


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
