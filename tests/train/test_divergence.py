"""Divergences against their definition in float64, gradients against autograd, for every form of the teacher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from imbik.core.plugins import PluginBlock, make
from imbik.models.head import OutputHead
from imbik.train.losses import Dense, Full, Known, Signals, TopK

N, V = 9, 30


def kl(p: Tensor, q: Tensor) -> Tensor:
    return (p * (p.log() - q.log())).sum(-1)


def alpha_beta(p: Tensor, s: Tensor, a: float, b: float) -> Tensor:
    return -(p**a * s**b - a / (a + b) * p ** (a + b) - b / (a + b) * s ** (a + b)).sum(-1) / (a * b)


# Each as its paper writes it, of the teacher's p and the student's s.
DEFINITIONS: dict[str, tuple[dict[str, Any], Callable[[Tensor, Tensor], Tensor]]] = {
    "forward_kl": ({}, kl),
    "reverse_kl": ({}, lambda p, s: kl(s, p)),
    "jsd": ({"beta": 0.3}, lambda p, s: 0.3 * kl(p, 0.3 * p + 0.7 * s) + 0.7 * kl(s, 0.3 * p + 0.7 * s)),
    "skew_kl": ({"alpha": 0.2}, lambda p, s: kl(p, 0.2 * p + 0.8 * s)),
    "skew_reverse_kl": ({"alpha": 0.2}, lambda p, s: kl(s, 0.8 * p + 0.2 * s)),
    "alpha_beta": ({"alpha": 0.2, "beta": 0.7}, lambda p, s: alpha_beta(p, s, 0.2, 0.7)),
    "tvd": ({}, lambda p, s: (p - s).abs().sum(-1) / 2),
}
every = pytest.mark.parametrize("name", sorted(DEFINITIONS))


def loss_of(name: str, **extra: Any) -> Any:
    return make("train/losses", PluginBlock(use=name, raw=DEFINITIONS[name][0] | extra))


def drawn(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(3)
    return torch.randn(N, V, generator=draw, dtype=dtype), 2 * torch.randn(N, V, generator=draw, dtype=dtype)


def outcomes(mass: Tensor, ids: Tensor, tail: str) -> Tensor:
    known = mass.gather(1, ids)
    if tail == "renormalise":
        return known / known.sum(-1, keepdim=True)
    return torch.cat([known, 1 - known.sum(-1, keepdim=True)], 1)


def heated(mass: Tensor, temperature: float) -> Tensor:
    soft = mass ** (1 / temperature)
    return soft / soft.sum(-1, keepdim=True)


@every
@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("form", ["whole", "bucket", "renormalise"])
def test_value_and_gradient_are_the_definition(name: str, temperature: float, form: str) -> None:
    logits, theirs = drawn()
    logits.requires_grad_()
    s, p = logits.softmax(-1), theirs.softmax(-1)
    said = p.topk(4, -1)
    teacher: Known = Full(theirs)
    extra: dict[str, Any] = {"temperature": temperature}
    if form != "whole":
        teacher, extra["tail"] = TopK(said.indices, said.values.log()), form
        s, p = outcomes(s, said.indices, form), outcomes(p, said.indices, form)
    wanted = DEFINITIONS[name][1](heated(p, temperature), heated(s, temperature)) * temperature**2
    (slope,) = torch.autograd.grad(wanted.sum(), logits)
    term = loss_of(name, **extra).of_logits(logits.detach(), torch.zeros(N, dtype=torch.long), teacher)
    torch.testing.assert_close(term.values, wanted.detach(), rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(term.gradient, slope, rtol=1e-6, atol=1e-9)


@every
@pytest.mark.parametrize("form", ["whole", "bucket", "renormalise"])
def test_nothing_is_lost_where_both_sides_agree(name: str, form: str) -> None:
    logits, _ = drawn(torch.float32)
    said = logits.log_softmax(-1).topk(4, -1)
    teacher: Known = Full(logits) if form == "whole" else TopK(said.indices, said.values)
    extra = {} if form == "whole" else {"tail": form}
    term = loss_of(name, **extra).of_logits(logits, torch.zeros(N, dtype=torch.long), teacher)
    assert float(term.values.abs().max()) < 2e-6
    if name != "tvd":  # its gradient jumps where the two sides meet
        assert float(term.gradient.abs().max()) < 2e-6


@every
def test_a_token_one_side_rules_out_gives_no_nan(name: str) -> None:
    """Teacher without the tail, and a student that gives a token of the teacher e^-200."""
    logits = torch.zeros(2, V)
    logits[:, 0] = -200.0
    said = torch.tensor([[0.75, 0.25], [0.5, 0.5]]).log()
    term = loss_of(name).of_logits(logits, torch.zeros(2, dtype=torch.long), TopK(torch.tensor([[0, 1]] * 2), said))
    assert bool(term.values.isfinite().all())
    assert bool(term.gradient.isfinite().all())


@every
def test_rows_the_teacher_did_not_read_teach_nothing(name: str) -> None:
    logits, _ = drawn(torch.float32)
    teacher = TopK(torch.zeros(N, 1, dtype=torch.long), torch.full((N, 1), float("-inf")))
    term = loss_of(name).of_logits(logits, torch.zeros(N, dtype=torch.long), teacher)
    assert not term.values.any()
    assert not term.gradient.any()


@every
@pytest.mark.parametrize(("mine", "other"), [(V, V - 3), (V - 3, V)])
def test_rows_that_pad_one_vocabulary_are_left_out(name: str, mine: int, other: int) -> None:
    logits, theirs = drawn()
    labels = torch.zeros(N, dtype=torch.long)
    term = loss_of(name).of_logits(logits[:, :mine], labels, Full(theirs[:, :other]))
    common = loss_of(name).of_logits(logits[:, : V - 3], labels, Full(theirs[:, : V - 3]))
    assert torch.equal(term.values, common.values)
    assert torch.equal(term.gradient[:, : V - 3], common.gradient)
    assert not term.gradient[:, V - 3 :].any()


@every
@pytest.mark.parametrize("tail", ["bucket", "renormalise"])
@pytest.mark.parametrize("k", [4, V + 3])
def test_captured_tokens_beyond_the_students_matrix_are_left_out(name: str, tail: str, k: int) -> None:
    """A teacher whose matrix is padded further, its padding among the captured tokens: as if it had none."""
    draw = torch.Generator().manual_seed(8)
    hidden, weight = (torch.randn(shape, generator=draw, dtype=torch.float64) for shape in ((N, 6), (V, 6)))
    theirs = 2 * torch.randn(N, V + 3, generator=draw, dtype=torch.float64)
    theirs[:, V:] -= 40  # never said, but in every second row the likeliest
    theirs[::2, V:] += 50
    said = theirs.log_softmax(-1).topk(k, -1)
    labels, tokens = torch.zeros(N, dtype=torch.long), torch.tensor(1.0)
    loss = loss_of(name, tail=tail)
    hidden.requires_grad_()
    one = loss.value(Signals(hidden, OutputHead(weight), labels, tokens, TopK(said.indices, said.values)))
    (slope,) = torch.autograd.grad(one, hidden)
    real = theirs[:, :V].log_softmax(-1)
    values, slopes = [], torch.zeros_like(hidden)
    for row, ids in enumerate(said.indices):
        inside = ids[ids < V]
        given = TopK(inside[None], real[row, inside][None])
        head = OutputHead(weight)
        part = loss.value(Signals(hidden[row : row + 1], head, labels[:1], tokens, given)) if len(inside) else 0 * one
        values.append(part)
        slopes += torch.autograd.grad(part, hidden, retain_graph=True)[0]
    torch.testing.assert_close(one, torch.stack(values).sum(), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(slope, slopes, rtol=1e-5, atol=1e-7)


@every
def test_a_teacher_beside_with_a_padded_matrix_scale_and_cap_is_its_own_logits(name: str) -> None:
    draw = torch.Generator().manual_seed(9)
    hidden, weight = (torch.randn(shape, generator=draw) for shape in ((N, 6), (V, 6)))
    hidden.requires_grad_()
    head = OutputHead(torch.randn(V + 3, 4, generator=draw), torch.randn(V + 3, generator=draw), 0.5, 3.0)
    theirs = torch.randn(N, 4, generator=draw)
    labels, tokens = torch.zeros(N, dtype=torch.long), torch.tensor(1.0)
    value = loss_of(name).value(Signals(hidden, OutputHead(weight), labels, tokens, Dense(theirs, head)))
    (slope,) = torch.autograd.grad(value, hidden)
    logits = torch.tanh((theirs @ head.weight.t() + head.bias) * 0.5 / 3.0) * 3.0
    term = loss_of(name).of_logits(hidden.detach() @ weight.t(), labels, Full(logits))
    torch.testing.assert_close(value, term.values.sum(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(slope, term.gradient @ weight, rtol=1e-4, atol=1e-5)


@every
def test_accumulation_in_the_kernel_changes_nothing(name: str) -> None:
    """1 x 32 = 4 x 8 = 32 x 1 tokens, each part divided by the learned tokens of the whole."""
    draw = torch.Generator().manual_seed(5)
    hidden, weight = torch.randn(32, 6, generator=draw), torch.randn(V, 6, generator=draw).requires_grad_()
    theirs = Dense(torch.randn(32, 4, generator=draw), OutputHead(torch.randn(V, 4, generator=draw)))
    labels, tokens = torch.zeros(32, dtype=torch.long), torch.tensor(32.0)
    found: list[tuple[Tensor, Tensor]] = []
    for size in (32, 8, 1):
        parts = [slice(start, start + size) for start in range(0, 32, size)]
        values = [
            loss_of(name).value(Signals(hidden[part], OutputHead(weight), labels[part], tokens, theirs.part(part)))
            for part in parts
        ]
        value = torch.stack(values).sum()
        found.append((value.detach(), torch.autograd.grad(value, weight)[0]))
    for value, slope in found[1:]:
        torch.testing.assert_close(value, found[0][0], rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(slope, found[0][1], rtol=1e-5, atol=1e-7)
