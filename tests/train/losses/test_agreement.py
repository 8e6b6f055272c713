"""The same numbers as other tools, where the definitions coincide: TRL's GKD, and DistillKit's formulas written out."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

from imbik.core.plugins import PluginBlock, make
from imbik.train.losses import Full, Known, TokenTerm, TopK

N, V = 11, 40


def drawn() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(7)
    logits = torch.randn(N, V, generator=draw, dtype=torch.float64)
    return logits.requires_grad_(), 2 * torch.randn(N, V, generator=draw, dtype=torch.float64)


def ours(name: str, logits: Tensor, teacher: Known, **settings: Any) -> TokenTerm:
    loss = make("train/losses", PluginBlock(use=name, raw=settings))
    made: TokenTerm = loss.of_logits(logits.detach(), torch.zeros(N, dtype=torch.long), teacher)
    return made


def same(term: TokenTerm, theirs: Tensor, logits: Tensor, factor: float = 1.0) -> None:
    """`theirs` is a sum over tokens, which ours is `factor` times."""
    (slope,) = torch.autograd.grad(theirs, logits)
    torch.testing.assert_close(term.values.sum(), factor * theirs.detach(), rtol=1e-6, atol=1e-12)
    torch.testing.assert_close(term.gradient, factor * slope, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize(
    ("name", "beta", "settings"),
    [("forward_kl", 0, {}), ("reverse_kl", 1, {}), ("jsd", 0.5, {"beta": 0.5}), ("jsd", 0.1, {"beta": 0.1})],
)
def test_trl_gkd(name: str, beta: float, settings: dict[str, Any], temperature: float) -> None:
    """TRL's generalised JSD has the same beta, and lacks the square of the temperature."""
    logits, theirs = drawn()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the module says that it is experimental
        from trl.experimental.gkd import GKDTrainer
    loss = GKDTrainer.generalized_jsd_loss(logits, theirs, beta=beta, temperature=temperature, reduction="sum")  # type: ignore[no-untyped-call]
    term = ours(name, logits, Full(theirs), temperature=temperature, **settings)
    same(term, loss, logits, temperature**2)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_distillkit_over_whole_logits(temperature: float) -> None:
    """kl_div of the softened distributions times the square of the temperature."""
    logits, theirs = drawn()
    softened = [torch.log_softmax(side / temperature, -1) for side in (logits, theirs)]
    loss = torch.nn.functional.kl_div(*softened, reduction="sum", log_target=True) * temperature**2
    same(ours("forward_kl", logits, Full(theirs), temperature=temperature), loss, logits)


def test_distillkit_over_top_k_without_a_tail() -> None:
    """Its missing probability `zero` sums over the k tokens; the bucket adds the one term of the rest."""
    logits, theirs = drawn()
    said = torch.log_softmax(theirs, -1).topk(5, -1)
    student = torch.log_softmax(logits, -1).gather(1, said.indices)
    known = (said.values.exp() * (said.values - student)).sum()
    left, mine = (1 - side.exp().sum(-1) for side in (said.values, student))
    rest = (left * (left.log() - mine.log())).sum()
    same(ours("forward_kl", logits, TopK(said.indices, said.values)), known + rest, logits)
