"""Optimisers: which weights each one moves, state that survives to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from imbik.core.errors import TrainingError
from imbik.recipe.training import Train
from imbik.testing.tiny_models import make_model
from imbik.train import muon
from imbik.train.optimizers import Pair, make_optimizer, restore_state, state_tensors

KINDS = ["adamw", "adamw_8bit", "muon", "adafactor", "sgd"]


def network(folder: Path) -> nn.Module:
    return make_model(folder / "m").network


def train(**more: Any) -> Train:
    return Train(**{"learning_rate": 1e-2, "weight_decay": 0.1, **more})


def step(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    torch.manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()


@pytest.mark.parametrize("kind", KINDS)
def test_state_is_restored_to_the_bit(tmp_path: Path, kind: str) -> None:
    one, other = network(tmp_path / "a"), network(tmp_path / "b")
    first = make_optimizer(one, train(optimizer=kind))
    for seed in range(3):
        step(one, first, seed)
    other.load_state_dict(one.state_dict())
    second = make_optimizer(other, train(optimizer=kind))
    restore_state(second, {name: tensor.clone() for name, tensor in state_tensors(first).items()})
    for seed in range(3, 6):
        step(one, first, seed)
        step(other, second, seed)
    for mine, yours in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, yours)


def test_muon_moves_the_matrices_inside_and_adamw_the_rest(tmp_path: Path) -> None:
    model = network(tmp_path)
    optimizer = make_optimizer(model, train(optimizer="muon"))
    assert isinstance(optimizer, Pair)
    muon, adamw = ({id(p) for g in member.param_groups for p in g["params"]} for member in optimizer.members)
    named = dict(model.named_parameters())
    assert {name for name, p in named.items() if id(p) in adamw} == {
        name for name in named if "norm" in name or "embed" in name
    }
    assert muon | adamw == {id(p) for p in named.values()}
    optimizer.param_groups[0]["lr"] = 0.5
    assert optimizer.members[0].param_groups[0]["lr"] == 0.5
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.param_groups[0]["lr"] = 0.25
    assert optimizer.members[0].param_groups[0]["lr"] == 0.25


@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_have_a_learning_rate_of_their_own(tmp_path: Path, kind: str) -> None:
    model = network(tmp_path)
    optimizer = make_optimizer(model, train(optimizer=kind, embedding_learning_rate=1e-4))
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    for name, p in model.named_parameters():
        assert rates[id(p)] == (1e-4 if "embed" in name or "lm_head" in name else 1e-2), name
    optimizer = make_optimizer(model, train(optimizer=kind))
    assert {group["lr"] for group in optimizer.param_groups} == {1e-2}


def test_weight_decay_spares_vectors(tmp_path: Path) -> None:
    for group in make_optimizer(network(tmp_path), train()).param_groups:
        assert {p.ndim >= 2 for p in group["params"]} == {group["weight_decay"] > 0}


def test_eight_bits_are_eight_bits_and_near_adamw(tmp_path: Path) -> None:
    one, other = network(tmp_path / "a"), network(tmp_path / "b")
    other.load_state_dict(one.state_dict())
    before = {name: p.detach().clone() for name, p in one.named_parameters()}
    small, plain = make_optimizer(one, train(optimizer="adamw_8bit")), make_optimizer(other, train())
    for seed in range(3):
        step(one, small, seed)
        step(other, plain, seed)
    kinds = {tensor.dtype for name, tensor in state_tensors(small).items() if name.endswith("state1")}
    assert torch.uint8 in kinds
    for (name, mine), yours in zip(one.named_parameters(), other.parameters(), strict=True):
        moved = (yours - before[name]).norm()
        assert (mine - yours).norm() < 0.1 * moved, name


def test_betas_epsilon_and_momentum_arrive(tmp_path: Path) -> None:
    model = network(tmp_path)
    adamw = make_optimizer(model, train(betas=[0.8, 0.95], epsilon=1e-6))
    assert (adamw.defaults["betas"], adamw.defaults["eps"]) == ((0.8, 0.95), 1e-6)
    assert make_optimizer(model, train(optimizer="sgd", momentum=0.5)).defaults["momentum"] == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_layers_decay_from_the_top(tmp_path: Path, kind: str) -> None:
    model = make_model(tmp_path / "m", layers=3).network
    optimizer = make_optimizer(model, train(optimizer=kind, layer_decay=0.5))
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    wanted = {"layers.0.": 1e-2 / 4, "layers.1.": 1e-2 / 2, "layers.2.": 1e-2, "model.norm": 1e-2, "embed": 1e-2 / 8}
    for name, p in model.named_parameters():
        if "lm_head" in name:
            continue
        assert rates[id(p)] == pytest.approx(next(rate for part, rate in wanted.items() if part in name)), name


def test_modules_have_rates_of_their_own_and_the_first_pattern_wins(tmp_path: Path) -> None:
    model = network(tmp_path)
    chosen = {"*.q_proj.*": 5e-4, "*.layers.0.*": 1e-4}
    optimizer = make_optimizer(model, train(learning_rates=chosen, no_weight_decay=["*embed*", "*k_proj*"]))
    named = {id(p): name for name, p in model.named_parameters()}
    for group in optimizer.param_groups:
        for p in group["params"]:
            name = named[id(p)]
            assert group["lr"] == (5e-4 if "q_proj" in name else 1e-4 if "layers.0." in name else 1e-2), name
            assert (group["weight_decay"] > 0) == (p.ndim > 1 and "embed" not in name and "k_proj" not in name), name


@pytest.mark.parametrize("key", ["learning_rates", "no_weight_decay"])
def test_a_pattern_that_fits_nothing_is_refused(tmp_path: Path, key: str) -> None:
    given: Any = {"*atention*": 1e-4} if key == "learning_rates" else ["*atention*"]
    with pytest.raises(TrainingError, match="fits no weight") as caught:
        make_optimizer(network(tmp_path), train(**{key: given}))
    assert "embed_tokens" in caught.value.next


def test_muon_is_torchs_own_but_for_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same matrices, alone in torch.optim.Muon and in batches here, with decay, over several steps."""
    monkeypatch.setattr(muon, "_format", lambda matrices: torch.bfloat16)
    torch.manual_seed(0)
    mine = [nn.Parameter(torch.randn(shape)) for shape in ((8, 8), (8, 8), (21, 8), (8, 21), (21, 8))]
    yours = [nn.Parameter(p.detach().clone()) for p in mine]
    first = muon.Muon(mine, lr=0.02, weight_decay=0.1)
    second = torch.optim.Muon(yours, lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        for one, other in zip(mine, yours, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        first.step()
        second.step()
    for one, other in zip(mine, yours, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-3)


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 30, 12), (2, 12, 30)])
def test_what_muon_moves_by_is_nearly_orthogonal(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "_format", lambda matrices: torch.float32)
    torch.manual_seed(1)
    values = torch.linalg.svdvals(muon.orthogonal(torch.randn(shape)))
    assert float(values.min()) > 0.3
    assert float(values.max()) < 1.3


def test_muon_refuses_what_is_no_matrix() -> None:
    with pytest.raises(ValueError, match="moves matrices"):
        muon.Muon([nn.Parameter(torch.zeros(3))], lr=0.1)
