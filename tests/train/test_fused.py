"""The fused kernel: which sums it takes, and that it computes what the losses themselves say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from imbik.core.plugins import PluginBlock, make
from imbik.models.head import OutputHead
from imbik.train import fused
from imbik.train.chunked import token_losses
from imbik.train.losses import Dense, Full, Signals, TokenTerm
from imbik.train.losses.forward_kl import ForwardKL

KEYS = {"jsd": {"beta": 0.3}, "skew_kl": {"alpha": 0.2}, "skew_reverse_kl": {"alpha": 0.2}}
SCRIPT = Path(__file__)


def loss(name: str, **settings: Any) -> Any:
    return make("train/losses", PluginBlock(use=name, raw={**KEYS.get(name, {}), **settings}))


def sums() -> list[tuple[str, list[tuple[float, Any]]]]:
    """Every divergence alone and beside the text, at two temperatures; the text alone."""
    text = (0.3, loss("cross_entropy"))
    made = [("text", [text])]
    for name in fused.DIVERGENCES:
        made.append((name, [(1.0, loss(name))]))
        made.append((f"text + {name}", [text, (0.7, loss(name, temperature=2.0))]))
    return made


def test_which_sums_the_kernel_takes() -> None:
    text, kl = loss("cross_entropy"), loss("forward_kl", temperature=2.0)
    made = fused.plan([(0.5, kl), (2.0, text)])
    assert made == fused.Plan(text=2.0, weight=0.5, formula=fused.Fused("forward_kl", 0.0, 2.0))
    assert fused.plan([(1.0, text)]) == fused.Plan(text=1.0)
    assert fused.plan([(1.0, loss("jsd", beta=0.1))]) == fused.Plan(weight=1.0, formula=fused.Fused("jsd", 0.1))
    assert fused.plan([(1.0, kl), (1.0, loss("jsd"))]) is None
    assert fused.plan([(1.0, text), (1.0, text)]) is None
    assert fused.plan([(1.0, text), (1.0, loss("alpha_beta"))]) is None
    assert fused.plan([]) is None


def test_a_loss_of_ones_own_that_changes_the_formula_is_not_taken_for_its_parent() -> None:
    class Doubled(ForwardKL):
        def of_logits(self, logits: Tensor, labels: Tensor, teacher: Any) -> TokenTerm:
            values, gradient = super().of_logits(logits, labels, teacher)
            return TokenTerm(values * 2, gradient * 2)

    assert fused.plan([(1.0, Doubled(Doubled.Settings()))]) is None
    assert fused.plan([(1.0, ForwardKL(ForwardKL.Settings()))]) is not None


def test_on_a_processor_the_losses_compute_themselves() -> None:
    assert not fused.fits(torch.zeros(2, 4), OutputHead(torch.zeros(4, 2)))


def test_where_the_kernel_cannot_run_the_losses_compute_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Triton, or one that finds no compiler: a reason, and the general way."""
    fused.why_not.cache_clear()
    monkeypatch.setattr(fused, "find_spec", lambda name: None)
    assert fused.why_not() == "Triton is not installed"
    fused.why_not.cache_clear()
    monkeypatch.setattr(fused, "find_spec", lambda name: object())
    monkeypatch.setattr(torch, "zeros", lambda *shape, **_: torch.empty(*shape))

    def broken(*_: Any) -> Tensor:
        raise RuntimeError("Failed to find C compiler.\nSet CC")

    monkeypatch.setattr(fused, "learn", broken)
    assert fused.why_not() == "Failed to find C compiler."
    fused.why_not.cache_clear()


def agree(device: str, block: int) -> None:
    """Every sum against the losses in float64: widths that no block divides, caps, a narrower teacher, no label."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.tensor([3, -1, 0, 299, 7], device=device)
    heads = [
        OutputHead(torch.empty(0)),
        OutputHead(torch.empty(0), scale=0.5, soft_cap=4.0),
    ]
    for name, terms in sums():
        for head, width, counts in ((heads[0], 300, None), (heads[1], 290, torch.tensor([1.0, 2.0, 0.0, 0.5, 3.0]))):
            own = (torch.randn(5, 300, generator=draw) * 3).to(device)
            theirs = (torch.randn(5, width, generator=draw) * 3).to(device)
            counts = None if counts is None else counts.to(device)
            logits, bend = logits_of(own.double(), head)
            found = [(weight, one.of_logits(logits, labels, Full(logits_of(theirs.double(), head)[0])))
                     for weight, one in terms]  # fmt: skip
            value = sum(weight * term.values for weight, term in found)
            gradient = sum(weight * term.gradient for weight, term in found) * bend
            if counts is not None:
                value, gradient = value * counts, gradient * counts[:, None]
            made = fused.plan(terms)
            assert made is not None
            told = fused.learn(own, head, labels, counts, made, (theirs, head), block=block)
            torch.testing.assert_close(told.double(), value, rtol=1e-5, atol=2e-5, msg=name)
            torch.testing.assert_close(own.double(), gradient, rtol=1e-4, atol=2e-6, msg=name)


def logits_of(products: Tensor, head: OutputHead) -> tuple[Tensor, Tensor]:
    scaled = products * head.scale
    if not head.soft_cap:
        return scaled, torch.full_like(scaled, head.scale)
    squashed = torch.tanh(scaled / head.soft_cap)
    return squashed * head.soft_cap, head.scale * (1 - squashed**2)


@pytest.mark.nightly
def test_the_kernel_says_what_the_losses_say_in_tritons_interpreter() -> None:
    """In a process of its own: Triton reads its switch when it is imported."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "agreed\n"


@pytest.mark.gpu
def test_the_kernel_says_what_the_losses_say_on_a_card() -> None:
    agree("cuda", 4096)


@pytest.mark.gpu
@pytest.mark.parametrize("names", [["cross_entropy"], ["jsd"], ["cross_entropy", "forward_kl"]])
def test_a_card_learns_as_the_processor_does(names: list[str]) -> None:
    """The whole way: hidden states and heads of two widths, blocks, weights of tokens."""
    found = []
    for device in ("cpu", "cuda"):
        draw = torch.Generator().manual_seed(3)
        hidden, weight = torch.randn(70, 16, generator=draw), torch.randn(500, 16, generator=draw)
        theirs, matrix = torch.randn(70, 24, generator=draw), torch.randn(500, 24, generator=draw)
        labels, counts = torch.randint(0, 500, (70,), generator=draw), torch.rand(70, generator=draw)
        leaves = [hidden.to(device).requires_grad_(), weight.to(device).requires_grad_()]
        teacher = Dense(theirs.to(device), OutputHead(matrix.to(device)))
        count = torch.tensor(70.0, device=device)
        signals = Signals(
            leaves[0], OutputHead(leaves[1]), labels.to(device), count, teacher, weights=counts.to(device)
        )
        value = token_losses(signals, [(1.0, loss(name)) for name in names], rows=32)
        found.append([value.detach().cpu(), *(one.cpu() for one in torch.autograd.grad(value, leaves))])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-3, atol=1e-5)


if __name__ == "__main__":
    agree("cpu", 128)
    print("agreed")
