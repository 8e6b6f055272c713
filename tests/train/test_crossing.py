"""A teacher with another tokenizer beside the student: what it is given, invariance, the whole stage, and its hash."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from imbik.capture.stage import CaptureStage
from imbik.core.files import read_json
from imbik.core.plugins import PluginBlock, make
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity
from imbik.models.load import load, load_tokenizer
from imbik.models.model import LanguageModel
from imbik.recipe import Recipe
from imbik.testing.tiny_models import make_model
from imbik.train.batches import Layout, lay_out
from imbik.train.course import TrainingRecord
from imbik.train.crossing import Crossing
from imbik.train.module import StudentModule
from imbik.train.on_policy import NOT_ALIGNED
from imbik.train.rows import Encoding, Row, encode
from imbik.train.stage import TrainStage
from imbik.train.tutor import Tutor
from stagekit import context_of, finish, make_sample, make_task
from tokenizerkit import metaspace
from trainkit import STUDENT, Beside, Ready

LOSSES = ["uld", "hybrid"]
WORDS = ["Ayşe'nin İstanbul'da 12 elması vardı.", "ılık", "I ı İ i 🙂", "Kaç elması kaldı? 7", "a", "iade istiyorum"]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cuts text as SentencePiece does, and is wider than the student."""
    folder = tmp_path_factory.mktemp("teacher")
    metaspace(folder=folder / "tokenizer")
    make_model(
        folder / "weights", tokenizer=folder / "tokenizer", hidden_size=24, seed=3, sensitivity=Sensitivity.INTERNAL
    )
    return folder / "weights"


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return make_model(tmp_path_factory.mktemp("student") / "weights", seed=1, layers=1)


def encoded(student: LanguageModel, teacher: Path, longest: int = 200) -> tuple[list[Row], Crossing]:
    tokenizer = load_tokenizer(teacher)
    crossing = Crossing(tokenizer, "theirs", student.tokenizer, longest)
    how = Encoding(student.tokenizer, "mine", {}, "all", "answer", 200, crossing=crossing)
    tasks = [make_task(f"t{number}", "Soru " * (number % 3 + 1)) for number in range(len(WORDS))]
    rows, _ = encode([(make_sample(task), text) for task, text in zip(tasks, WORDS, strict=True)], how)
    return rows, crossing


def module_of(student: LanguageModel, teacher: Path, crossing: Crossing, *names: str) -> StudentModule:
    made = [make("train/losses", PluginBlock(use=name)) for name in names]
    return StudentModule(student.network, made, Tutor(load(teacher), torch.device("cpu")), crossing.shared)


def gradients(module: StudentModule, rows: list[Row], layout: Layout, size: int) -> tuple[float, dict[str, Tensor]]:
    module.zero_grad()
    tokens, value = torch.tensor(sum(row.learned for row in rows)), 0.0
    for at in range(0, len(rows), size):
        loss = module(**lay_out(rows[at : at + size], layout).tensors("cpu"), tokens=tokens)
        loss.backward()
        value += loss.item()
    return value, {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("names", [("uld",), ("hybrid", "cross_entropy")])
def test_packing_and_accumulation_change_nothing(student: LanguageModel, teacher: Path, names: tuple[str, ...]) -> None:
    rows, crossing = encoded(student, teacher)
    module = module_of(student, teacher, crossing, *names)
    value, wanted = gradients(module, rows, "padded", len(rows))
    arms: list[tuple[Layout, int]] = [("padded", 2), ("padded", 1), ("packed", 6), ("packed", 4)]
    for layout, size in arms:
        other, found = gradients(module, rows, layout, size)
        assert other == pytest.approx(value, rel=1e-5)
        for name, gradient in wanted.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)


def test_the_loss_is_that_of_both_models_whole_logits(student: LanguageModel, teacher: Path) -> None:
    """By hand: every row read by both models, distributions merged over the groups, sorted, and compared."""
    rows, crossing = encoded(student, teacher)
    module, other = module_of(student, teacher, crossing, "uld"), load(teacher).network
    total, tokens = 0.0, sum(len(row.places) for row in rows)
    with torch.no_grad():
        for row in rows:
            assert row.other is not None
            s = student.network(torch.tensor([row.ids.tolist()])).logits[0].double().softmax(-1)
            t = other(torch.tensor([row.other.ids.tolist()])).logits[0].double().softmax(-1)
            for group in range(len(row.other.mine.last)):
                sides = []
                for runs, places, ids, p in (
                    (row.other.mine, row.places, row.ids, s),
                    (row.other.theirs, row.other.places, row.other.ids, t),
                ):
                    merged = p[places[runs.last[group]]].clone()
                    for inner in runs.inner[runs.of == group]:
                        merged *= p[places[inner], ids[places[inner] + 1]]
                    sides.append(merged.sort(descending=True).values)
                size = max(len(side) for side in sides)
                padded = [torch.nn.functional.pad(side, (0, size - len(side))) for side in sides]
                total += float((padded[0] - padded[1]).abs().sum())
        value = module(**lay_out(rows, "packed").tensors("cpu"), tokens=torch.tensor(float(tokens)))
    assert float(value) == pytest.approx(total / tokens, rel=1e-5)


def test_groups_say_the_same_text_on_both_sides(student: LanguageModel, teacher: Path) -> None:
    rows, crossing = encoded(student, teacher)
    for row, text in zip(rows, WORDS, strict=True):
        other = row.other
        assert other is not None
        said: list[list[int]] = []
        for tokenizer, runs, ids, places in (
            (student.tokenizer, other.mine, row.ids, row.places),
            (crossing.tokenizer, other.theirs, other.ids, other.places),
        ):
            places_of = np.sort(np.concatenate([runs.last, runs.inner]))[:-1]  # the closing token apart
            said.append(ids[places[places_of] + 1].tolist())
            assert tokenizer.decode(said[-1]).strip() == text
        assert len(other.mine.last) == len(other.theirs.last) > 1


def test_rows_too_long_for_the_teacher_teach_by_their_text(student: LanguageModel, teacher: Path) -> None:
    whole, _ = encoded(student, teacher)
    assert whole[0].other is not None
    rows, crossing = encoded(student, teacher, longest=len(whole[0].other.ids) - 1)
    assert rows[0].other is None
    assert rows[1].other is not None
    module = module_of(student, teacher, crossing, "uld", "cross_entropy")
    alone = module(**lay_out(rows[:1], "padded").tensors("cpu"), tokens=torch.tensor(1.0))
    text = module_of(student, teacher, crossing, "cross_entropy")
    wanted = text(**lay_out(rows[:1], "padded").tensors("cpu"), tokens=torch.tensor(1.0))
    assert alone.item() == pytest.approx(wanted.item(), rel=1e-6)
    both = module(**lay_out(rows, "packed").tensors("cpu"), tokens=torch.tensor(1.0))
    assert bool(torch.isfinite(both))


@pytest.mark.parametrize("use", LOSSES)
def test_a_student_learns_from_a_teacher_with_another_tokenizer(
    ready: Callable[..., Ready], teacher: Path, use: str
) -> None:
    run, recipe = ready(
        teachers={"t": {"use": "in_process", "model": "m"}},
        train={"losses": [use], "teacher": "t", "controls": ["text_only"], "steps": 16, "validate_every": 8},
        student={**STUDENT, "tokenizer": "train"},
    )
    stage = TrainStage()
    result = stage.run(context_of(stage, recipe, run, Beside(teacher)))
    losses = [point.validation_loss for point in read_json(training(run), TrainingRecord).losses]
    assert losses[-1] < losses[0]  # type: ignore[operator]
    assert result.sensitivity is Sensitivity.INTERNAL
    assert (run.stage("6_student") / "text_only" / "seed-1" / "training.json").exists()


def test_an_attempt_is_read_as_the_same_text_of_a_row(student: LanguageModel, teacher: Path) -> None:
    """What the student wrote, were it the answer: the same groups; no label, and a gradient all the same."""
    rows, crossing = encoded(student, teacher)
    made = []
    for number, row in enumerate(rows):
        places = np.arange(row.prompt - 1, len(row.ids) - 1, dtype=np.int64)
        attempt = Row(row.id, row.ids, places, prompt=row.prompt, labelled=False)
        task = make_task(f"t{number}", "Soru " * (number % 3 + 1))
        found = crossing.attempt(attempt, task)
        assert row.other is not None
        assert found.other is not None
        assert found.other.ids.tolist() == row.other.ids.tolist()
        for one, other in zip((found.other.mine, found.other.theirs), (row.other.mine, row.other.theirs), strict=True):
            assert [one.last.tolist(), one.inner.tolist(), one.of.tolist()] == [
                other.last.tolist(), other.inner.tolist(), other.of.tolist()
            ]  # fmt: skip
        made.append(found)
    module = module_of(student, teacher, crossing, "hybrid", "cross_entropy")
    _, gradient = gradients(module, made, "packed", 6)
    only = module_of(student, teacher, crossing, "hybrid")
    _, wanted = gradients(only, rows, "padded", 6)
    for name, tensor in wanted.items():
        torch.testing.assert_close(gradient[name], tensor, rtol=1e-4, atol=1e-6)


def test_attempts_are_taught_across_tokenizers(ready: Callable[..., Ready], teacher: Path) -> None:
    run, recipe = ready(
        teachers={"t": {"use": "in_process", "model": "m"}},
        train={
            "losses": ["hybrid"], "teacher": "t", "steps": 6, "validate_every": 3,
            "on_policy": {"share": 0.7, "max_tokens": 12},
        },
        student={**STUDENT, "tokenizer": "train"},
    )  # fmt: skip
    stage = TrainStage()
    stage.run(context_of(stage, recipe, run, Beside(teacher)))
    books = read_json(training(run), TrainingRecord).attempts
    assert books is not None
    assert books.balanced
    assert books.taught
    assert set(books.reasons) <= {NOT_ALIGNED}


def captured(run: RunFolder, recipe: Recipe, teacher: Path) -> None:
    result = CaptureStage().run(context_of(CaptureStage(), recipe, run, Beside(teacher)))
    finish(run, "5_logits", result)


@pytest.mark.parametrize("use", LOSSES)
def test_a_student_learns_from_captured_logits_of_another_tokenizer(
    ready: Callable[..., Ready], teacher: Path, use: str
) -> None:
    run, recipe = ready(
        teachers={"t": {"use": "in_process", "model": "m"}},
        capture={"top_k": 8},
        train={"losses": [use], "steps": 16, "validate_every": 8},
        student={**STUDENT, "tokenizer": "train"},
    )
    captured(run, recipe, teacher)
    stage = TrainStage()
    result = stage.run(context_of(stage, recipe, run, Beside(teacher)))
    losses = [point.validation_loss for point in read_json(training(run), TrainingRecord).losses]
    assert losses[-1] < losses[0]  # type: ignore[operator]
    assert result.sensitivity is Sensitivity.INTERNAL
    assert not any("no captured logits" in warning for warning in result.warnings)


@pytest.mark.parametrize("use", LOSSES)
def test_all_tokens_captured_teach_as_the_teacher_beside(ready: Callable[..., Ready], teacher: Path, use: str) -> None:
    """To rounding: the same curve from all captured tokens as from the model itself."""
    curves = []
    for beside in ({"teacher": "t"}, {}):
        sections: dict[str, Any] = {} if beside else {"capture": {"top_k": 9999}}
        run, recipe = ready(
            teachers={"t": {"use": "in_process", "model": "m"}},
            train={"losses": [use, "cross_entropy"], "steps": 6, "validate_every": 3, **beside},
            student={**STUDENT, "tokenizer": "train"},
            **sections,
        )
        if sections:
            captured(run, recipe, teacher)
        stage = TrainStage()
        stage.run(context_of(stage, recipe, run, Beside(teacher)))
        curves.append([point.train_loss for point in read_json(training(run), TrainingRecord).losses])
        shutil.rmtree(run.path)
    assert curves[0] == pytest.approx(curves[1], rel=1e-3)


def training(run: RunFolder) -> Path:
    return run.stage("6_student") / "student" / "seed-1" / "training.json"
