"""Losses of the layers: against closed forms in float64, zero between equals, the same however rows are laid out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from imbik.core.errors import RecipeError
from imbik.core.plugins import PluginBlock, make
from imbik.models.load import load
from imbik.testing.tiny_models import make_model
from imbik.train.batches import lay_out
from imbik.train.layers import Layers, layer_pairs, visible_from
from imbik.train.losses import Loss, Signals
from imbik.train.module import StudentModule
from imbik.train.rows import Row
from imbik.train.tutor import Tutor

LOSSES = [
    ("hidden_state", {}),
    ("hidden_state", {"distance": "cosine", "layers": "last"}),
    ("attention", {}),
    ("attention", {"distance": "mse"}),
    ("relations", {}),
    ("relations", {"kinds": ["values"], "heads": 2}),
]


def loss_of(use: str, **settings: Any) -> Any:
    return make("train/losses", PluginBlock(use=use, raw=settings))


def rows(count: int = 6) -> list[Row]:
    draw = np.random.default_rng(0)
    made = []
    for number in range(count):
        ids = draw.integers(5, 300, 7 + 2 * number).astype(np.int32)
        made.append(Row(f"r{number}", ids, np.arange(2, len(ids) - 1, dtype=np.int64)))
    return made


@pytest.fixture
def teacher(tmp_path: Path) -> Any:
    make_model(tmp_path / "teacher", hidden_size=24, heads=4, layers=4, seed=5)
    return load(tmp_path / "teacher")


def value_of(module: StudentModule, cut: list[Row], layout: Any, tokens: float) -> tuple[float, Tensor]:
    module.zero_grad()
    made = module(**lay_out(cut, layout).tensors("cpu"), tokens=torch.tensor(tokens))
    made.backward()
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in module.parameters()]
    return float(made.detach()), torch.cat([grad.flatten() for grad in grads])


@pytest.mark.parametrize(("use", "settings"), LOSSES)
def test_packing_and_accumulation_change_nothing(tmp_path: Path, teacher: Any, use: str, settings: Any) -> None:
    student = make_model(tmp_path / "s", layers=2).network
    module = StudentModule(student, [loss_of(use, **settings)], Tutor(teacher, torch.device("cpu")))
    everything = rows()
    tokens = float(sum(len(row.places) for row in everything))
    whole = value_of(module, everything, "padded", tokens)
    packed = value_of(module, everything, "packed", tokens)
    parts = [value_of(module, everything[at : at + 2], "padded", tokens) for at in (0, 2, 4)]
    assert whole[0] > 0
    assert packed[0] == pytest.approx(whole[0], rel=1e-5, abs=1e-8)
    assert sum(part[0] for part in parts) == pytest.approx(whole[0], rel=1e-5, abs=1e-8)
    torch.testing.assert_close(packed[1], whole[1], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(sum(part[1] for part in parts), whole[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("use", "settings"), LOSSES)
def test_a_student_that_is_the_teacher_has_nothing_to_learn(tmp_path: Path, use: str, settings: Any) -> None:
    make_model(tmp_path / "t", layers=3, heads=4)
    student, teacher = load(tmp_path / "t").network, load(tmp_path / "t")
    module = StudentModule(student, [loss_of(use, **settings)], Tutor(teacher, torch.device("cpu")))
    made, grad = value_of(module, rows(), "padded", 10.0)
    assert made == pytest.approx(0, abs=1e-5)
    assert float(grad.abs().max()) < 1e-3


def signals(own: Layers, other: Layers, tokens: float = 4.0, weights: Tensor | None = None) -> Signals:
    nothing: Any = None
    count = len(own.places)
    hidden, labels = torch.zeros(count, 3, dtype=torch.float64), torch.zeros(count, dtype=torch.long)
    return Signals(hidden, nothing, labels, torch.tensor(tokens), None, weights, own, other)


def layers(seed: int, *, width: int = 8, heads: int = 2, count: int = 2) -> Layers:
    """One line of six tokens, of which four places are learned; random states."""
    draw = torch.Generator().manual_seed(seed)

    def some(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    places = torch.tensor([1, 2, 4, 5])
    visible = visible_from(places, None, (1, 6))
    maps = torch.softmax(some(4, heads, 6).masked_fill(~visible[:, None], -1e30), -1)
    return Layers(
        hidden=tuple(some(4, width) for _ in range(count + 1)),
        attention=tuple(maps for _ in range(count)),
        queries=tuple(some(1, 6, width) for _ in range(count)),
        keys=tuple(some(1, 6, width) for _ in range(count)),
        values=tuple(some(1, 6, width) for _ in range(count)),
        places=places,
        visible=visible,
    )


def test_hidden_state_is_the_mean_squared_difference_and_one_minus_the_cosine() -> None:
    own, other = layers(1), layers(2)
    weights = torch.tensor([1.0, 0.5, 2.0, 1.0])
    squares = [(own.hidden[layer] - other.hidden[layer]).square().mean(-1) * weights for layer in (1, 2)]
    mse = float(torch.stack(squares).mean())
    found = loss_of("hidden_state", relative=False).value(signals(own, other, 4.0, weights))
    assert float(found) == pytest.approx(mse, rel=1e-6)
    sizes = [other.hidden[layer].square().mean(-1) for layer in (1, 2)]
    shares = float(torch.stack([part / size for part, size in zip(squares, sizes, strict=True)]).mean())
    relative = loss_of("hidden_state").value(signals(own, other, 4.0, weights))
    assert float(relative) == pytest.approx(shares, rel=1e-6)
    larger = replace(other, hidden=tuple(1000 * states for states in other.hidden))
    grown = replace(own, hidden=tuple(1000 * states for states in own.hidden))
    again = loss_of("hidden_state").value(signals(grown, larger, 4.0, weights))
    assert float(again) == pytest.approx(shares, rel=1e-6), "whatever their size"
    cosine = np.mean([
        1 - float(torch.dot(a, b) / (a.norm() * b.norm())) for a, b in zip(own.hidden[2], other.hidden[2], strict=True)
    ])  # fmt: skip
    assert float(loss_of("hidden_state", distance="cosine", layers="last").value(signals(own, other))) == pytest.approx(
        cosine, rel=1e-6
    )


def test_attention_is_the_kl_from_the_teachers_map_by_head_or_by_their_mean() -> None:
    own, other = layers(1), layers(2)

    def kl(t: Tensor, s: Tensor) -> float:
        return sum(float(a) * float(a.log() - b.log()) for a, b in zip(t.flatten(), s.flatten(), strict=True) if a > 0)

    by_head = np.mean([kl(other.attention[0][n, h], own.attention[0][n, h]) for n in range(4) for h in range(2)])
    assert float(loss_of("attention", layers="last").value(signals(own, other))) == pytest.approx(by_head, rel=1e-6)
    four = layers(3, heads=4)
    by_mean = np.mean([kl(four.attention[0][n].mean(0), own.attention[0][n].mean(0)) for n in range(4)])
    assert float(loss_of("attention", layers="last").value(signals(own, four))) == pytest.approx(by_mean, rel=1e-6)


def test_relations_are_the_kl_of_scaled_products_though_widths_differ() -> None:
    own, other = layers(1, width=8), layers(2, width=12)
    found = loss_of("relations", heads=2, kinds=["keys"]).value(signals(own, other))
    total = 0.0
    for place in own.places.tolist():
        for head in range(2):
            sides = []
            for side, width in ((other, 6), (own, 4)):
                x = side.keys[-1][0, :, head * width : (head + 1) * width]
                sides.append(torch.softmax(x[: place + 1] @ x[place] / width**0.5, 0))
            total += float((sides[0] * (sides[0].log() - sides[1].log())).sum()) / 2
    assert float(found) == pytest.approx(total / 4, rel=1e-5)


def test_layers_are_mapped() -> None:
    assert layer_pairs("last", 2, 12) == ((2, 12),)
    assert layer_pairs("uniform", 3, 12) == ((1, 4), (2, 8), (3, 12))
    assert layer_pairs([(0, 0), (1, 7)], 2, 12) == ((0, 0), (1, 7))
    with pytest.raises(RecipeError, match="the teacher has no layer 13"):
        layer_pairs([(1, 13)], 2, 12)


def test_a_projection_is_learned_where_widths_differ_beside_the_student(tmp_path: Path, teacher: Any) -> None:
    student = make_model(tmp_path / "s", layers=2).network
    module = StudentModule(student, [loss_of("hidden_state")], Tutor(teacher, torch.device("cpu")))
    names = [name for name, _ in module.named_parameters() if name.startswith("learned.")]
    assert names == ["learned.0.0.weight", "learned.0.1.weight"]
    assert not [name for name, _ in student.named_parameters() if "learned" in name]
    _, grad = value_of(module, rows(), "padded", 10.0)
    assert float(grad.abs().sum()) > 0
    again = StudentModule(student, [loss_of("hidden_state")], Tutor(teacher, torch.device("cpu")))
    for (_, mine), (_, other) in zip(module.learned.named_parameters(), again.learned.named_parameters(), strict=True):
        assert torch.equal(mine, other), "drawn alike in every process"


def test_what_does_not_fit_is_refused(tmp_path: Path, teacher: Any) -> None:
    student = make_model(tmp_path / "s", layers=2).network
    tutor = Tutor(teacher, torch.device("cpu"))
    with pytest.raises(RecipeError, match="do not divide"):
        StudentModule(student, [loss_of("relations", heads=7)], tutor)
    with pytest.raises(RecipeError, match="student has no layer 3"):
        StudentModule(student, [loss_of("hidden_state", layers=[[3, 1]])], tutor)
    with pytest.raises(RecipeError, match="layer 0"):
        StudentModule(student, [loss_of("attention", layers=[[0, 0]])], tutor)


@pytest.mark.parametrize("architecture", ["gpt2", "phi3", "gemma2", "qwen3"])
def test_other_families_take_part(tmp_path: Path, teacher: Any, architecture: str) -> None:
    student = make_model(tmp_path / "s", architecture=architecture, layers=2).network
    wanted: list[Loss] = [loss_of("hidden_state"), loss_of("attention"), loss_of("relations")]
    module = StudentModule(student, wanted, Tutor(teacher, torch.device("cpu")))
    made, grad = value_of(module, rows(), "padded", 10.0)
    assert made > 0
    assert float(grad.abs().sum()) > 0
