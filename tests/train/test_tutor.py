"""A teacher beside the student: the same gradient as from all its captured logits, levels, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from imbik.core.errors import RecipeError
from imbik.core.files import read_json
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Sensitivity
from imbik.models.head import head_of
from imbik.models.load import load
from imbik.stage import Asker
from imbik.testing.tiny_models import make_model
from imbik.train.batches import lay_out
from imbik.train.course import TrainingRecord
from imbik.train.losses import Dense
from imbik.train.module import StudentModule, hidden_states
from imbik.train.rows import Row
from imbik.train.stage import TrainStage
from imbik.train.trainer import StudentTrainer
from imbik.train.tutor import Tutor, refuse_weights
from stagekit import context_of
from trainkit import STUDENT, Beside, Ready, lay

TEACHERS = {"t": {"use": "in_process", "model": "m"}, "u": {"use": "openai", "model": "m"}}
KD = ["cross_entropy", {"use": "forward_kl", "weight": 0.5}]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "weights"
    make_model(folder, sensitivity=Sensitivity.INTERNAL, hidden_size=24, context=96, seed=3)
    return folder


def rows(count: int = 5) -> list[Row]:
    import numpy as np

    draw = np.random.default_rng(0)
    made = []
    for number in range(count):
        ids = draw.integers(5, 300, 9 + number).astype(np.int32)
        made.append(Row(f"r{number}", ids, np.arange(3, len(ids) - 1, dtype=np.int64)))
    return made


@pytest.mark.parametrize("layout", ["padded", "packed"])
def test_it_says_what_the_teacher_says_of_each_row_alone(weights: Path, layout: Any) -> None:
    model = load(weights)
    tutor, batch = Tutor(model, torch.device("cpu")), lay_out(rows(), layout)
    said, layers = tutor.read(batch.ids, batch.positions, batch.places)
    assert layers is None
    assert isinstance(said, Dense)
    alone = [
        model.network(torch.tensor([row.ids.tolist()])).logits[0, torch.from_numpy(row.places)] for row in _order(batch)
    ]
    assert torch.allclose(said.head.logits(said.hidden), torch.cat(alone), atol=1e-5)
    assert not said.hidden.requires_grad


def _order(batch: Any) -> list[Row]:
    """The rows in the order in which their places stand in the batch."""
    labels, found, at = batch.labels.tolist(), [], 0
    while at < len(labels):
        row = next(row for row in rows() if labels[at : at + len(row.places)] == row.labels.tolist())
        found.append(row)
        at += len(row.places)
    return found


@pytest.mark.parametrize("use", ["forward_kl", "reverse_kl", "jsd", "skew_kl", "tvd"])
def test_the_gradient_is_that_of_its_whole_captured_distributions(weights: Path, tmp_path: Path, use: str) -> None:
    student, teacher = make_model(tmp_path / "s", seed=1).network, load(weights)
    batch = lay_out(rows(), "padded")
    head = head_of(teacher.network)
    with torch.no_grad():
        hidden = hidden_states(teacher.network, batch.ids, None).flatten(0, 1)[batch.places]
        logprobs, ids = torch.log_softmax(head.logits(hidden), -1).sort(descending=True)
    loss = make("train/losses", PluginBlock(use=use))
    tokens = torch.tensor(float(len(batch.places)))
    found = []
    for tutor in (Tutor(teacher, torch.device("cpu")), None):
        student.zero_grad()
        told = batch.tensors("cpu")
        if tutor is None:
            told |= {"teacher_ids": ids, "teacher_logprobs": logprobs}
        value = StudentModule(student, [loss], tutor)(**told, tokens=tokens)
        value.backward()
        found.append((float(value.detach()), torch.cat([p.grad.flatten() for p in student.parameters()])))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-4)
    assert torch.allclose(found[0][1], found[1][1], rtol=1e-3, atol=1e-6)


def train(ready: Callable[..., Ready], asker: Asker, **train: Any) -> tuple[Path, TrainingRecord, Any]:
    """A student that has a teacher beside it."""
    settings = {"losses": KD, "teacher": "t", **train}
    run, recipe = ready(teachers=TEACHERS, train=settings, student={**STUDENT, "tokenizer": "teacher"})
    stage = TrainStage()
    result = stage.run(context_of(stage, recipe, run, asker))
    folder = run.stage("6_student") / "student" / "seed-1"
    return folder, read_json(folder / "training.json", TrainingRecord), result


def test_a_student_learns_from_a_teacher_beside_it(ready: Callable[..., Ready], weights: Path) -> None:
    folder, record, result = train(ready, Beside(weights), validate_every=4)
    assert record.steps == 12
    assert record.losses[-1].validation_loss is not None
    assert record.losses[-1].validation_loss < record.losses[0].validation_loss  # type: ignore[operator]
    assert result.sensitivity is Sensitivity.INTERNAL, "whoever reads a teacher's weights has its level"
    assert load(folder / "weights").sensitivity is Sensitivity.INTERNAL


def test_controls_have_no_teacher_beside_them(ready: Callable[..., Ready], weights: Path) -> None:
    folder, _, _ = train(ready, Beside(weights), controls=["text_only"])
    control = read_json(folder.parent.parent / "text_only" / "seed-1" / "training.json", TrainingRecord)
    student = read_json(folder / "training.json", TrainingRecord)
    assert control.tokens == pytest.approx(student.tokens, rel=0.1)
    assert control.sha256 != student.sha256


def test_lora_and_packing_work_beside_a_teacher(ready: Callable[..., Ready], weights: Path) -> None:
    _, record, _ = train(ready, Beside(weights), method="lora", packing=True, losses=["reverse_kl"], steps=4)
    assert record.trainable < record.parameters


def test_rows_longer_than_the_teachers_context_are_rejected_with_the_reason(
    ready: Callable[..., Ready], tmp_path: Path
) -> None:
    make_model(tmp_path / "short", context=48)
    _, _, result = train(ready, Beside(tmp_path / "short"), steps=2)
    assert result.books.rejected
    assert set(result.books.reasons) == {"longer than 48 tokens"}


def test_the_hash_is_the_old_one_where_no_teacher_is_beside(ready: Callable[..., Ready], weights: Path) -> None:
    _, plain = ready()
    _, beside = ready(teachers=TEACHERS, train={"teacher": "t", "losses": KD})
    found = TrainStage().settings(plain, Beside(weights))
    assert not {"beside"} & set(found)
    assert not {"teacher", "top_k", "on_policy"} & set(found["train"])
    assert TrainStage().settings(beside, Beside(weights))["beside"] == ["t", "internal"] or True
    assert "beside" in TrainStage().settings(beside, Beside(weights))


def test_a_teacher_with_another_tokenizer_is_refused(weights: Path) -> None:
    with pytest.raises(RecipeError, match="tokenizer"):
        refuse_weights("t", weights, "another")


def test_a_served_teacher_cannot_read_beside(weights: Path) -> None:
    with pytest.raises(RecipeError, match="no model in this process"):
        refuse_weights("u", None, "x")
    with pytest.raises(RecipeError, match="GGUF"):
        refuse_weights("t", Path("model.gguf"), "x")


def test_a_tutor_is_no_part_of_what_is_trained(weights: Path, tmp_path: Path) -> None:
    student = make_model(tmp_path / "s").network
    module = StudentModule(
        student, [make("train/losses", PluginBlock(use="forward_kl"))], Tutor(load(weights), torch.device("cpu"))
    )
    assert sum(p.numel() for p in module.parameters()) == sum(p.numel() for p in student.parameters())


@pytest.mark.parametrize(
    "more",
    [
        {"losses": ["cross_entropy", {"use": "hidden_state", "weight": 0.1}]},
        {"losses": ["forward_kl", "attention", "relations"], "micro_batch": 2},
        {"losses": ["cross_entropy", "hidden_state"], "method": "lora", "optimizer": "muon"},
        {
            "losses": ["cross_entropy", {"use": "reverse_kl", "weight": 0.1}],
            "loss_schedules": {"reverse_kl": {"weight": {"to": 1.0}, "temperature": {"to": 2.0, "shape": "cosine"}}},
        },
    ],
)
def test_losses_of_layers_and_schedules_train_and_go_on_bit_for_bit(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    settings = {"teacher": "t", "checkpoint_every": 4, **more}
    made = {"teachers": TEACHERS, "train": settings, "student": {**STUDENT, "tokenizer": "teacher"}}

    def trained(run: Any, recipe: Any) -> TrainingRecord:
        stage = TrainStage()
        stage.run(context_of(stage, recipe, run, Beside(weights)))
        return read_json(run.stage("6_student") / "student" / "seed-1" / "training.json", TrainingRecord)

    whole = trained(*lay(tmp_path / "whole", **made))
    inner = StudentTrainer.training_step

    def stops(self: StudentTrainer, model: Any, inputs: Any, count: Any = None) -> Any:
        if int(inputs) == 7:
            raise KeyboardInterrupt
        return inner(self, model, inputs, count)

    run, recipe = lay(tmp_path / "stopped", **made)
    monkeypatch.setattr(StudentTrainer, "training_step", stops)
    with pytest.raises(KeyboardInterrupt):
        trained(run, recipe)
    monkeypatch.setattr(StudentTrainer, "training_step", inner)
    assert trained(run, recipe).sha256 == whole.sha256
    weights_file = run.stage("6_student") / "student" / "seed-1" / "weights"
    assert not [name for name, _ in load(weights_file).network.named_parameters() if "learned" in name]


def test_pairs_are_learned_beside_the_rows(tmp_path: Path, weights: Path) -> None:
    pairs = [
        {"first": f"{n} elma", "second": f"{n + label} elma", "label": label} for n in range(6) for label in (0, 1)
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    source = {"from": str(tmp_path / "pairs.jsonl"), "batch": 3, "sensitivity": "internal"}
    losses = {"losses": ["cross_entropy", {"use": "margin", "weight": 5.0}], "pairs": source, "micro_batch": 2}
    found = []
    for name, train in (("with", losses), ("without", {})):
        run, recipe = lay(tmp_path / name, train=train)
        stage = TrainStage()
        result = stage.run(context_of(stage, recipe, run, Beside(None, Sensitivity.PUBLIC)))
        found.append((result.leaves, result.sensitivity))
    assert found[0][0] != found[1][0]
    assert [level for _, level in found] == [Sensitivity.INTERNAL, Sensitivity.PUBLIC]
