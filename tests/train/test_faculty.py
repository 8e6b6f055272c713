"""Several teachers beside the student: who reads a row, what is averaged, and the whole stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from torch import Tensor

from imbik.core.files import read_json
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Sensitivity
from imbik.models.head import OutputHead
from imbik.models.load import load
from imbik.recipe.training import Combine, TeacherShare
from imbik.testing.tiny_models import make_model
from imbik.train.batches import Layout, lay_out
from imbik.train.course import TrainingRecord
from imbik.train.faculty import Faculty, shares_of
from imbik.train.losses import Blend, Dense, Full, Signals
from imbik.train.module import StudentModule
from imbik.train.rows import Row
from imbik.train.stage import TrainStage
from imbik.train.tutor import Tutor
from stagekit import context_of
from trainkit import STUDENT, Beside, Ready, sums

EVERY = ["forward_kl", "reverse_kl", "jsd", "skew_kl", "skew_reverse_kl", "tvd", "alpha_beta", "uld", "hybrid"]
MIXES = [(0.5, 0.5), (1.0, 0.0), (0.0, 1.0), (0.25, 0.75), (0.0, 0.0)]


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [((), (0.25, 0.75, 0)), (("law",), (0, 0, 1)), (("law", "x"), (0, 0, 1)), (("x",), (0.25, 0.75, 0))],
)
def test_tags_choose_and_weights_share(tags: tuple[str, ...], wanted: tuple[float, ...]) -> None:
    teachers = {"a": TeacherShare(weight=1), "b": TeacherShare(weight=3), "c": TeacherShare(tags=["law", "tax"])}
    assert shares_of(teachers, tags) == pytest.approx(wanted)


def test_a_row_that_nobody_claims_has_no_teacher() -> None:
    assert shares_of({"c": TeacherShare(tags=["law"]), "d": TeacherShare(tags=["tax"])}, ("poems",)) == (0, 0)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_the_mean_of_distributions_is_what_losses_see(name: str, temperature: float) -> None:
    """Heads of their own, one matrix padded further, against the mean written out."""
    draw = torch.Generator().manual_seed(1)
    hidden, weight = torch.randn(6, 4, generator=draw).requires_grad_(), torch.randn(20, 4, generator=draw)
    heads = [OutputHead(torch.randn(20, 3, generator=draw), None, 0.5), OutputHead(torch.randn(23, 5, generator=draw))]
    parts = tuple(Dense(torch.randn(6, head.weight.shape[1], generator=draw), head) for head in heads)
    shares = torch.rand(6, 1, generator=draw)
    shares = torch.cat([shares, 1 - shares], 1)
    labels, tokens = torch.zeros(6, dtype=torch.long), torch.tensor(6.0)
    loss = make("train/losses", PluginBlock(use=name, raw={"temperature": temperature}))
    value = loss.value(Signals(hidden, OutputHead(weight), labels, tokens, Blend(parts, shares)))
    each = [torch.softmax(part.head.logits(part.hidden)[:, :20], -1) for part in parts]
    mean = each[0] * shares[:, :1] + each[1] * shares[:, 1:]
    identity = Dense(mean.log(), OutputHead(torch.eye(20)))
    wanted = loss.value(Signals(hidden, OutputHead(weight), labels, tokens, identity))
    torch.testing.assert_close(value, wanted, rtol=1e-5, atol=1e-6)
    found = torch.autograd.grad(value, hidden)[0]
    torch.testing.assert_close(found, torch.autograd.grad(wanted, hidden)[0], rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("teachers")
    for number in range(2):
        make_model(folder / str(number), hidden_size=16 + 8 * number, seed=3 + number, context=96)
    return [folder / "0", folder / "1"]


def rows() -> list[Row]:
    draw = np.random.default_rng(0)
    made = []
    for number, mix in enumerate(MIXES):
        ids = draw.integers(5, 300, 9 + number).astype(np.int32)
        made.append(Row(f"r{number}", ids, np.arange(3, len(ids) - 1, dtype=np.int64), mix=mix))
    return made


def module_of(folders: list[Path], tmp_path: Path, combine: Combine, *names: str) -> StudentModule:
    student = make_model(tmp_path / "s", seed=1, layers=1).network
    tutors = [Tutor(load(folder), torch.device("cpu")) for folder in folders]
    return StudentModule(
        student, [make("train/losses", PluginBlock(use=name)) for name in names], Faculty(tutors, combine)
    )


def step(module: StudentModule, given: list[Row], layout: Layout, size: int) -> tuple[float, Tensor]:
    module.zero_grad()
    tokens, value = torch.tensor(sum(row.learned for row in given)), 0.0
    for at in range(0, len(given), size):
        loss = module(**lay_out(given[at : at + size], layout).tensors("cpu"), tokens=tokens)
        loss.backward()
        value += loss.item()
    return value, torch.cat([p.grad.flatten() for p in module.parameters() if p.grad is not None])


def by_hand(module: StudentModule, combine: Combine, name: str) -> float:
    """Every row alone, with whole logits: the loss of the mean, or the mean of the losses, and the text."""
    faculty = module.tutor
    assert isinstance(faculty, Faculty)
    loss, total, tokens = make("train/losses", PluginBlock(use=name)), 0.0, sum(row.learned for row in rows())
    with torch.no_grad():
        for row in rows():
            assert row.mix is not None
            ids, labels = torch.tensor([row.ids.tolist()]), torch.as_tensor(row.labels).long()
            own = module.network(ids).logits[0, row.places]
            total += float(torch.nn.functional.cross_entropy(own, labels, reduction="sum"))
            said = [tutor.model.network(ids).logits[0, row.places] for tutor in faculty.tutors]
            if not any(row.mix):
                continue
            if combine == "losses":
                each = [loss.of_logits(own, labels, Full(logits)).values.sum() for logits in said]
                total += sum(float(value) * share for value, share in zip(each, row.mix, strict=True))
            else:
                mean = sum(logits.softmax(-1) * share for logits, share in zip(said, row.mix, strict=True))
                assert isinstance(mean, Tensor)
                total += float(loss.of_logits(own, labels, Full(mean.log())).values.sum())
    return total / tokens


@pytest.mark.parametrize("combine", ["distributions", "losses"])
@pytest.mark.parametrize("name", ["forward_kl", "jsd"])
def test_each_row_is_taught_by_its_own_teachers_however_it_is_laid(
    folders: list[Path], tmp_path: Path, combine: Combine, name: str
) -> None:
    module = module_of(folders, tmp_path, combine, "cross_entropy", name)
    value, gradient = step(module, rows(), "padded", 5)
    assert value == pytest.approx(by_hand(module, combine, name), rel=1e-5)
    arms: list[tuple[Layout, int]] = [("padded", 1), ("packed", 5), ("packed", 2)]
    for layout, size in arms:
        other, found = step(module, rows(), layout, size)
        assert other == pytest.approx(value, rel=1e-5)
        torch.testing.assert_close(found, gradient, rtol=1e-4, atol=1e-6)


def test_a_teacher_reads_only_the_lines_of_its_rows(
    folders: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    own = Tutor.read

    def watched(self: Tutor, ids: Tensor, *rest: Any) -> Any:
        read.append(len(ids))
        return own(self, ids, *rest)

    monkeypatch.setattr(Tutor, "read", watched)
    module = module_of(folders, tmp_path, "distributions", "forward_kl")
    batch = lay_out(rows(), "padded")
    module(**batch.tensors("cpu"), tokens=torch.tensor(1.0))
    assert read == [3, 3]


class Two(Beside):
    """Knows two teachers' folders; the second's answers are internal."""

    def __init__(self, folders: list[Path]) -> None:
        super().__init__(folders[0])
        self.folders = dict(zip(("a", "b"), folders, strict=True))

    def model_folder(self, teacher: str) -> Path | None:
        return self.folders[teacher]

    def sensitivity(self, teacher: str) -> Sensitivity:
        return Sensitivity.INTERNAL if teacher == "b" else Sensitivity.PUBLIC


@pytest.mark.parametrize("combine", ["distributions", "losses"])
def test_a_student_learns_from_two_teachers(ready: Callable[..., Ready], folders: list[Path], combine: str) -> None:
    kept = [
        msgspec.structs.replace(sample, task=msgspec.structs.replace(sample.task, tags=("odd",) if number % 2 else ()))
        for number, sample in enumerate(sums(30))
    ]
    use = {"use": "in_process", "model": "m"}
    run, recipe = ready(
        samples=kept,
        teachers={"a": use, "b": use},
        train={
            "losses": ["cross_entropy", "forward_kl"],
            "teachers": {"a": {}, "b": {"tags": ["odd"]}},
            "combine": combine,
            "packing": True,
        },
        student={**STUDENT, "tokenizer": "teacher"},
    )
    stage = TrainStage()
    asker = Two(folders)
    result = stage.run(context_of(stage, recipe, run, asker))
    record = read_json(run.stage("6_student") / "student" / "seed-1" / "training.json", TrainingRecord)
    losses = [point.validation_loss for point in record.losses]
    assert losses[-1] < losses[0]  # type: ignore[operator]
    assert result.sensitivity is Sensitivity.INTERNAL
    told = stage.settings(recipe, asker)
    assert [entry[1:] for entry in told["beside"]] == [
        ["public", {"weight": 1.0, "tags": []}],
        ["internal", {"weight": 1.0, "tags": ["odd"]}],
    ]
