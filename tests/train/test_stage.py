"""The train stage: what it leaves, what it counts, and that each variant and seed goes on by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from imbik.core import students
from imbik.core.errors import ModelError, RecipeError, TrainingError
from imbik.core.files import read_json, read_lines, write_json
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, LabelReference, Sample, Sensitivity
from imbik.models.load import hash_of, load
from imbik.models.logit_writer import LogitWriter
from imbik.models.logits import LogitRow, LogitSettings
from imbik.models.student import initial_student
from imbik.models.tokens import encode_row, token_hash
from imbik.recipe import Recipe
from imbik.stage import StageResult
from imbik.tasks.read import kind_of, read_samples
from imbik.testing.tiny_models import make_model
from imbik.train.course import TrainingRecord
from imbik.train.precision import Measured
from imbik.train.rows import Rejected
from imbik.train.stage import TrainStage
from stagekit import FakeAsker, context_of, make_recipe, make_task
from trainkit import STUDENT, TRAIN, Beside, Ready, lay, sums

Lay = Callable[..., Ready]
KD = [{"use": "forward_kl", "weight": 0.5}, {"use": "cross_entropy"}]


def train(given: Ready, asker: FakeAsker | None = None) -> StageResult:
    run, recipe = given
    return TrainStage().run(context_of(TrainStage(), recipe, run, asker))


def record(run: RunFolder, variant: str = "student", seed: int = 1) -> TrainingRecord:
    return read_json(students.trained(run, variant, seed) / "training.json", TrainingRecord)


def capture(run: RunFolder, recipe: Recipe, k: int = 3, leave_out: int = 0) -> None:
    """Logits as capture leaves them, from a teacher that likes tokens 0, 1, 2."""
    model, kind = initial_student(recipe, run), kind_of(recipe, run)
    settings = LogitSettings(teacher="t", tokenizer_hash=hash_of(model.tokenizer), top_k=k)
    rows = []
    for sample, _ in list(read_samples(run, recipe))[leave_out:]:
        text = kind.render(sample.reasoning, sample.answer, sample.task)
        encoded = encode_row(model.tokenizer, sample.task, text)
        shape = (sum(encoded.learn[1:]), k)
        said = np.broadcast_to(np.log(np.array([0.5, 0.3, 0.1], dtype=np.float32)), shape)
        rows.append(
            LogitRow(sample.id, token_hash(encoded.ids), np.broadcast_to(np.arange(k, dtype=np.uint32), shape), said)
        )
    LogitWriter(run.stage("5_logits"), settings).append(rows)


def with_logits(ready: Lay, **train: Any) -> Ready:
    teacher = {"t": {"use": "in_process", "model": "somewhere"}}
    return ready(teachers=teacher, capture={"teacher": "t", "top_k": 3}, train={"losses": KD, **train})


def test_a_student_and_its_controls_for_every_seed(ready: Lay) -> None:
    run, recipe = ready(train={"controls": ["answers_only"], "seeds": [1, 2]})
    result = train((run, recipe))
    assert result.books.balanced
    assert (result.books.rows_in, result.books.rows_out) == (30, 30)
    assert [artifact.path for artifact in result.artifacts] == [
        f"6_student/{variant}/seed-{seed}/weights" for seed in (1, 2) for variant in ("student", "answers_only")
    ]
    assert students.seeds(run) == [1, 2]
    losses = {seed: record(run, seed=seed).validation_loss for seed in (1, 2)}
    assert students.best_seed(run) == min(losses, key=lambda seed: (losses[seed], seed))
    model = load(students.best_weights(run))
    assert model.parameters == record(run).parameters
    assert result.measured == {"precision": "fp32", "threads": "1", "layout": "padded", "micro_batch": "4"}
    student, control = record(run), record(run, "answers_only")
    assert control.steps > student.steps
    assert abs(control.tokens - student.tokens) <= 40
    assert student.losses[-1].validation_loss is not None
    assert (students.trained(run, "student", 1) / "tensorboard").is_dir()


def test_the_seeds_and_variants_are_different_trainings(ready: Lay) -> None:
    run, recipe = ready(train={"controls": ["answers_only"], "seeds": [1, 2]})
    result = train((run, recipe))
    assert len(set(result.leaves)) == 4
    assert len({record(run, variant, seed).sha256 for variant in ("student", "answers_only") for seed in (1, 2)}) == 4


def test_finished_variants_are_left_alone_and_the_rest_goes_on(ready: Lay) -> None:
    run, recipe = ready(train={"controls": ["answers_only"], "seeds": [1, 2]})
    first = train((run, recipe))
    done = students.trained(run, "student", 1)
    before = {path: path.stat().st_mtime_ns for path in done.rglob("*") if path.is_file()}
    other = students.trained(run, "answers_only", 2)
    (other / "training.json").unlink()
    again = train((run, recipe))
    assert {path: path.stat().st_mtime_ns for path in done.rglob("*") if path.is_file()} == before
    assert again.leaves == first.leaves
    assert (other / "training.json").exists()


def test_text_only_is_copied_where_it_is_the_student_and_trained_to_the_same_bits(ready: Lay) -> None:
    run, recipe = ready(train={"controls": ["text_only"]})
    result = train((run, recipe))
    assert any("copied" in text for text in result.warnings)
    assert record(run, "text_only").same_as == "student"
    assert record(run, "text_only").sha256 == record(run).sha256
    assert load(students.trained(run, "text_only", 1) / "weights").identity == load(students.best_weights(run)).identity


def test_without_reasoning_the_controls_are_one(ready: Lay) -> None:
    bare = [replace(sample, reasoning="") for sample in sums(20)]
    run, recipe = ready(samples=bare, train={"controls": ["answers_only", "text_only"], "steps": 3})
    result = train((run, recipe))
    assert any("text_only alone is trained" in text for text in result.warnings)
    assert students.seeds(run, "answers_only") == []
    assert students.seeds(run, "text_only") == [1]


def test_a_student_learns_from_logits_and_its_text_control_does_not(ready: Lay) -> None:
    run, recipe = with_logits(ready, controls=["text_only"])
    capture(run, recipe)
    result = train((run, recipe))
    assert result.warnings == []
    student, control = record(run), record(run, "text_only")
    assert student.tokens == control.tokens
    assert student.steps == control.steps
    assert student.sha256 != control.sha256
    assert not control.same_as


def test_rows_without_logits_teach_by_their_text(ready: Lay) -> None:
    run, recipe = with_logits(ready, steps=4)
    capture(run, recipe, leave_out=5)
    assert "5 of 30 rows have no captured logits: they teach by their text" in train((run, recipe)).warnings


def test_logits_of_other_tokens_are_refused(ready: Lay) -> None:
    run, recipe = with_logits(ready)
    capture(run, recipe)
    changed = recipe.model_copy(update={"tasks": recipe.tasks.model_copy(update={"loss_on": "all"})})
    with pytest.raises(ModelError, match="has logits for"):
        train((run, changed))


def test_what_the_recipe_says_of_memory_goes_before_what_was_measured(ready: Lay) -> None:
    run, recipe = ready(train={"micro_batch": 2, "threads": 1})
    stage = run.stage("6_student")
    stage.mkdir()
    write_json(stage / "measured.json", Measured(precision="fp32", threads=2, layout="padded", micro_batch=16))
    train((run, recipe))
    assert (record(run).micro_batch, record(run).threads, record(run).precision) == (2, 1, "fp32")


def test_the_weight_of_the_prompt_reaches_the_rows(tmp_path: Path) -> None:
    tasks = {"source": "rows.jsonl", "kind": "math", "sensitivity": "public"}
    found = []
    for weight in (1.0, 0.25):
        run, recipe = lay(tmp_path / str(weight), tasks={**tasks, "loss_on": "all", "prompt_weight": weight})
        train((run, recipe))
        found.append(record(run))
    heavy, light = found
    assert heavy.tokens == light.tokens
    assert heavy.sha256 != light.sha256


def test_a_weight_of_the_prompt_needs_a_learned_prompt() -> None:
    tasks = {"source": "rows.jsonl", "kind": "math", "sensitivity": "public"}
    with pytest.raises(RecipeError, match="set loss_on: all"):
        make_recipe(tasks={**tasks, "prompt_weight": 0.25})


def test_a_loss_that_needs_logits_says_so_without_them(ready: Lay) -> None:
    with pytest.raises(RecipeError, match="captures none"):
        train(ready(train={"losses": KD}))


def test_long_rows_are_rejected_with_the_reason(ready: Lay) -> None:
    run, recipe = ready(train={"max_length": 28, "controls": ["answers_only"], "steps": 3})
    result = train((run, recipe))
    assert result.books.balanced
    assert 0 < result.books.rejected < 30
    assert result.books.reasons == {"longer than 28 tokens": result.books.rejected}
    named = list(read_lines(run.stage("6_student") / "rejected.jsonl", Rejected))
    assert len(named) == result.books.rejected
    assert record(run).rows == record(run, "answers_only").rows


def test_no_row_left_is_an_error_that_says_where_to_look(ready: Lay) -> None:
    with pytest.raises(TrainingError, match=r"30 kept samples, 30 of them rejected") as caught:
        train(ready(train={"max_length": 3}))
    assert "max_length" in caught.value.next


def test_sensitivity_travels_into_the_weights(ready: Lay) -> None:
    samples = [replace(sample, sensitivity=Sensitivity.INTERNAL) for sample in sums(20)]
    run, recipe = ready(samples=samples, train={"steps": 2})
    result = train((run, recipe))
    assert result.sensitivity == Sensitivity.INTERNAL
    assert {artifact.sensitivity for artifact in result.artifacts} == {Sensitivity.INTERNAL}
    assert load(students.best_weights(run)).sensitivity == Sensitivity.INTERNAL


def test_lora_on_a_model_from_a_folder_keeps_the_base_apart(ready: Lay, tmp_path: Path) -> None:
    base = make_model(tmp_path / "base", context=96)
    student = {"model": str(tmp_path / "base")}
    run, recipe = ready(student=student, train={"method": {"use": "lora", "r": 2}, "steps": 3})
    train((run, recipe))
    weights = students.best_weights(run)
    assert (weights / "adapter" / "adapter_model.safetensors").exists()
    assert not (weights / "model.safetensors").exists()
    trained = load(weights)
    for name, tensor in base.network.state_dict().items():
        found = {n.replace("base_model.model.", "").replace(".base_layer", ""): t
                 for n, t in trained.network.state_dict().items()}  # fmt: skip
        assert torch.equal(found[name], tensor)
    assert record(run).trainable < record(run).parameters
    assert record(run).adapted.startswith("adapters on 14 of 14")


def test_lora_on_a_model_made_here_saves_its_base_in_the_stage(ready: Lay) -> None:
    run, recipe = ready(train={"method": "lora", "steps": 2})
    train((run, recipe))
    assert load(students.best_weights(run)).network is not None
    assert (run.stage("6_student") / "base" / "seed-1" / "model.safetensors").exists()
    moved = run.path.rename(run.path.with_name("elsewhere"))
    assert load(moved / "6_student" / "student" / "seed-1" / "weights").network is not None


def test_lora_on_the_head_trains_and_what_is_saved_answers_alike(ready: Lay, tmp_path: Path) -> None:
    base = make_model(tmp_path / "base", context=96)
    method = {"use": "lora", "r": 2, "dropout": 0.1, "target_modules": ["q_proj", "lm_head"]}
    run, recipe = ready(student={"model": str(tmp_path / "base")}, train={"method": method, "steps": 6})
    train((run, recipe))
    trained = load(students.best_weights(run)).network
    moved = [name for name, tensor in trained.named_parameters() if "lm_head.lora_B" in name and tensor.abs().max() > 0]
    assert moved, "the head's adapter learned"
    ids = torch.tensor([[3, 60, 7, 9]])
    with torch.no_grad():
        assert not torch.allclose(trained(ids).logits, base.network(ids).logits, atol=1e-4)


def test_what_moves_only_speed_is_no_part_of_the_hash(asker: FakeAsker) -> None:
    stage = TrainStage()
    plain, quick, other, weighted = (
        make_recipe(student=STUDENT, train={**TRAIN, **more})
        for more in (
            {},
            {"micro_batch": 2, "threads": 2, "checkpoint_every": 1, "gradient_checkpointing": True},
            {"learning_rate": 5e-3},
            {"losses": [{"use": "cross_entropy", "weight": 1.0}]},
        )
    )
    assert stage.settings(plain, asker) == stage.settings(quick, asker) != stage.settings(other, asker)
    assert stage.settings(weighted, asker) == stage.settings(plain, asker)
    later = make_recipe(student=STUDENT, train={**TRAIN, "betas": [0.9, 0.95]})
    assert "betas" not in stage.settings(plain, asker)["train"]
    assert stage.settings(later, asker)["train"].keys() - stage.settings(plain, asker)["train"].keys() == {"betas"}
    assert list(stage.inputs(plain)) == ["refine"]


def test_capture_is_an_input_only_where_a_loss_learns_from_it(ready: Lay, tmp_path: Path) -> None:
    stage = TrainStage()
    _, taught = with_logits(ready)
    _, text = with_logits(partial(lay, tmp_path / "b"), losses=["cross_entropy"])
    assert list(stage.inputs(taught)) == ["refine", "capture"]
    assert list(stage.inputs(text)) == ["refine"]


def test_gradient_checkpointing_changes_memory_only(tmp_path: Path) -> None:
    plain = lay(tmp_path / "a", train={"steps": 3})
    saving = lay(tmp_path / "b", train={"steps": 3, "gradient_checkpointing": True})
    train(plain)
    train(saving)
    assert record(plain[0]).kept_loss == pytest.approx(record(saving[0]).kept_loss, rel=1e-5)


def test_classes_are_learned_as_one_token(ready: Lay) -> None:
    labels = ["iade", "kart kayıp"]
    samples = []
    for number in range(24):
        label = labels[number % 2]
        task = make_task(f"c{number}", f"{label} hakkında soru {number % 5}", None)
        task = replace(task, kind="classification", reference=LabelReference(text=label))
        samples.append(
            Sample(task=task, teacher="t", number=0, completion=Completion(answer=label), answer=label,
                   sensitivity=Sensitivity.PUBLIC)
        )  # fmt: skip
    run, recipe = ready(
        samples=samples,
        tasks={"source": "rows.jsonl", "kind": "classification", "sensitivity": "public"},
        student=STUDENT,
        train={"steps": 60, "learning_rate": 2e-2},
    )
    write_json(run.stage("1_tasks") / "labels.json", labels)
    train((run, recipe))
    model = load(students.best_weights(run))
    assert set(model.class_tokens) == set(labels)
    assert record(run).kept_loss is not None
    assert record(run).kept_loss < 0.5  # type: ignore[operator]


@pytest.mark.parametrize(
    "own",
    [
        "qlora",
        "ia3",
        {"use": "adapter", "size": 4},
        {"use": "prefix", "tokens": 4},
        {"use": "frozen", "embeddings": False, "layers": 0},
    ],
)
def test_every_method_trains_a_student_that_is_read_again(
    ready: Callable[..., Ready], asker: FakeAsker, own: Any
) -> None:
    run, recipe = ready(train={"method": own, "steps": 4})
    stage = TrainStage()
    stage.run(context_of(stage, recipe, run, asker))
    folder = run.stage("6_student") / "student" / "seed-1"
    record = read_json(folder / "training.json", TrainingRecord)
    assert 0 < record.trainable <= record.parameters
    assert load(folder / "weights").parameters == record.parameters


def test_a_student_learns_from_samples_of_the_teacher(
    ready: Callable[..., Ready], asker: FakeAsker, tmp_path: Path
) -> None:
    """Rows of samples differ in width, and some rows have none: they teach by their text."""
    made = {"teachers": {"t": {"use": "in_process", "model": "m"}}, "capture": {"teacher": "t", "form": "sampled"}}
    run, recipe = ready(**made, train={"losses": ["cross_entropy", "forward_kl"], "steps": 6})
    model = initial_student(recipe, run, asker, 1)
    draw = np.random.default_rng(0)
    rows = []
    for number, sample in enumerate(sample for sample, _ in read_samples(run, recipe)):
        text = kind_of(recipe, run).render(sample.reasoning, sample.answer, sample.task)
        encoded = encode_row(model.tokenizer, sample.task, text)
        count, width = sum(encoded.learn[1:]), 3 + number % 3
        ids = np.stack([draw.choice(300, width, replace=False) for _ in range(count)]).astype(np.uint32)
        times = draw.multinomial(50, np.full(width, 1 / width), count).astype(np.float32)
        rows.append(LogitRow(sample.id, token_hash(encoded.ids), ids, times, np.ones(count, np.float32)))
    settings = LogitSettings(teacher="t", tokenizer_hash=model.tokenizer_hash, top_k=50, form="sampled", vocabulary=320)
    LogitWriter(run.begin("5_logits", "h"), settings).append(rows[:-3])
    stage = TrainStage()
    stage.run(context_of(stage, recipe, run, asker))
    record = read_json(run.stage("6_student") / "student" / "seed-1" / "training.json", TrainingRecord)
    assert record.steps == 6
    assert all(np.isfinite(point.train_loss) for point in record.losses)


@pytest.mark.parametrize("own", ["full", "lora", "qlora"])
def test_a_student_begins_with_some_of_a_models_layers(
    ready: Callable[..., Ready], asker: FakeAsker, tmp_path: Path, own: str
) -> None:
    make_model(tmp_path / "whole", layers=4, context=96)
    run, recipe = ready(
        student={"model": str(tmp_path / "whole"), "keep": {"layers": 2}}, train={"steps": 2, "method": own}
    )
    stage = TrainStage()
    assert "keep" in stage.settings(recipe, asker)["student"]
    stage.run(context_of(stage, recipe, run, asker))
    found = load(run.stage("6_student") / "student" / "seed-1" / "weights")
    assert found.network.config.num_hidden_layers == 2


def test_a_student_that_is_whole_has_the_hash_that_it_had(ready: Callable[..., Ready], asker: FakeAsker) -> None:
    _, recipe = ready()
    assert "keep" not in TrainStage().settings(recipe, asker)["student"]


@pytest.mark.parametrize("own", ["full", "lora"])
def test_a_student_with_a_trimmed_vocabulary_learns_from_the_whole_one(
    ready: Callable[..., Ready], tmp_path: Path, own: str
) -> None:
    """The teacher beside it has all tokens; every one that the student has is shared, and rows are cut alike."""
    folder = make_model(tmp_path / "whole", layers=2, vocabulary=330).folder
    assert folder is not None
    run, recipe = ready(
        teachers={"t": {"use": "in_process", "model": str(folder)}},
        student={"model": str(folder), "keep": {"layers": 1, "vocabulary": "used"}},
        train={"steps": 4, "method": own, "losses": ["hybrid", "cross_entropy"], "teacher": "t"},
    )
    stage, asker = TrainStage(), Beside(folder)
    result = stage.run(context_of(stage, recipe, run, asker))
    assert any(text.startswith("vocabulary: ") for text in result.warnings)
    weights = students.best_weights(run)
    made = load(weights)
    assert len(made.tokenizer) < 330
    assert made.tokenizer_hash == hash_of(made.tokenizer)
    assert initial_student(recipe, run, asker).tokenizer_hash == made.tokenizer_hash
    kept = stage.settings(recipe, asker)["student"]["keep"]
    assert kept["vocabulary"]["texts"] == []
    only = ready(student={"model": str(folder), "keep": {"layers": 1}})[1]
    assert set(stage.settings(only, asker)["student"]["keep"]) == {"layers", "mlp"}
