"""Losses against closed forms in float64, their gradients against autograd, and zero where both sides agree."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from imbik.core.plugins import PluginBlock, make
from imbik.models.head import OutputHead
from imbik.train.losses import Signals, TopK

N, H, V = 37, 12, 50
CASES = [
    {"use": "cross_entropy"},
    {"use": "forward_kl"},
    {"use": "forward_kl", "temperature": 2.5},
    {"use": "forward_kl", "tail": "renormalise"},
    {"use": "forward_kl", "tail": "renormalise", "temperature": 0.7},
]


def loss_of(case: dict[str, Any]) -> Any:
    raw = {key: value for key, value in case.items() if key != "use"}
    return make("train/losses", PluginBlock(use=case["use"], raw=raw))


def signals(k: int = 5, *, seed: int = 0, soft_cap: float | None = None, scale: float = 1.0) -> Signals:
    draw = torch.Generator().manual_seed(seed)
    hidden = torch.randn(N, H, generator=draw).requires_grad_()
    weight = torch.randn(V, H, generator=draw).requires_grad_()
    bias = torch.randn(V, generator=draw).requires_grad_()
    labels = torch.randint(0, V, (N,), generator=draw)
    said = torch.log_softmax(2 * torch.randn(N, V, generator=draw), -1).topk(k, -1)
    head = OutputHead(weight, bias, scale, soft_cap)
    return Signals(hidden, head, labels, torch.tensor(61.0), TopK(said.indices, said.values))


def expected(case: dict[str, Any], given: Signals) -> Tensor:
    """The loss written down plainly, in float64, over the whole matrix."""
    head, teacher = given.head, given.teacher
    assert isinstance(teacher, TopK)
    logits = given.hidden.double() @ head.weight.double().t() + head.bias.double()  # type: ignore[union-attr]
    logits = logits * head.scale
    if head.soft_cap:
        logits = torch.tanh(logits / head.soft_cap) * head.soft_cap
    if case["use"] == "cross_entropy":
        return torch.nn.functional.cross_entropy(logits, given.labels, reduction="sum") / given.tokens
    heat = case.get("temperature", 1.0)
    student, p = torch.softmax(logits, -1).gather(1, teacher.ids), teacher.logprobs.double().exp()
    if case.get("tail") == "renormalise":
        p, student = p / p.sum(-1, keepdim=True), student / student.sum(-1, keepdim=True)
    elif teacher.ids.shape[1] < V:
        p = torch.cat([p, 1 - p.sum(-1, keepdim=True)], -1)
        student = torch.cat([student, 1 - student.sum(-1, keepdim=True)], -1)
    q, s = p ** (1 / heat), student ** (1 / heat)
    q, s = q / q.sum(-1, keepdim=True), s / s.sum(-1, keepdim=True)
    return (q * (q.log() - s.log())).sum() * heat**2 / given.tokens


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("k", [1, 5, V])
@pytest.mark.parametrize(("scale", "soft_cap"), [(1.0, None), (0.25, None), (1.5, 4.0)])
def test_value_and_gradient_are_the_closed_form(
    case: dict[str, Any], k: int, scale: float, soft_cap: float | None
) -> None:
    given = signals(k, scale=scale, soft_cap=soft_cap)
    leaves = [given.hidden, given.head.weight, given.head.bias]
    value = loss_of(case).value(given)
    found = torch.autograd.grad(value, leaves)  # type: ignore[arg-type]
    wanted = expected(case, given)
    assert value.item() == pytest.approx(wanted.item(), rel=1e-6, abs=1e-6)
    for one, other in zip(found, torch.autograd.grad(wanted, leaves), strict=True):  # type: ignore[arg-type]
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES[1:], ids=str)
@pytest.mark.parametrize("k", [1, 7, V])
def test_nothing_is_lost_where_student_and_teacher_agree(case: dict[str, Any], k: int) -> None:
    given = signals()
    own = torch.log_softmax(given.head.logits(given.hidden), -1).detach().topk(k, -1)
    same = Signals(given.hidden, given.head, given.labels, given.tokens, TopK(own.indices, own.values))
    value = loss_of(case).value(same)
    (gradient,) = torch.autograd.grad(value, [given.hidden])
    assert value.item() == pytest.approx(0.0, abs=1e-6)
    assert float(gradient.abs().max()) < 1e-5


def test_a_known_distribution_by_hand() -> None:
    """Teacher (1/2, 1/4, rest 1/4), student uniform over 4: ln 4 - 1.5 ln 2 by either view of the tail's size."""
    head = OutputHead(torch.zeros(4, 2))
    said = TopK(torch.tensor([[0, 1]]), torch.tensor([[0.5, 0.25]]).log())
    given = Signals(torch.ones(1, 2), head, torch.tensor([0]), torch.tensor(1.0), said)
    bucket = 0.5 * math.log(0.5 / 0.25) + 0.25 * math.log(0.25 / 0.25) + 0.25 * math.log(0.25 / 0.5)
    assert float(loss_of({"use": "forward_kl"}).value(given)) == pytest.approx(bucket, abs=1e-6)
    only = 2 / 3 * math.log((2 / 3) / 0.5) + 1 / 3 * math.log((1 / 3) / 0.5)
    renormalised = loss_of({"use": "forward_kl", "tail": "renormalise"}).value(given)
    assert float(renormalised) == pytest.approx(only, abs=1e-6)


@pytest.mark.parametrize("case", CASES[1:], ids=str)
def test_the_bucket_is_a_lower_bound_and_more_tokens_come_nearer(case: dict[str, Any]) -> None:
    if case.get("tail") == "renormalise" or case.get("temperature", 1.0) != 1.0:
        case = {"use": "forward_kl"}
    values = [loss_of(case).value(signals(k)).item() for k in (1, 3, 10, V)]
    assert all(low <= high + 1e-6 for low, high in pairwise(values))


@pytest.mark.parametrize("case", CASES[1:], ids=str)
def test_tokens_the_teacher_did_not_read_teach_nothing(case: dict[str, Any]) -> None:
    given = signals()
    assert isinstance(given.teacher, TopK)
    silent = given.teacher.logprobs.clone()
    silent[:10] = float("-inf")
    quiet = Signals(given.hidden, given.head, given.labels, given.tokens, TopK(given.teacher.ids, silent))
    part = Signals(given.hidden[10:], given.head, given.labels[10:], given.tokens, given.teacher.part(slice(10, N)))
    loss = loss_of(case)
    assert loss.value(quiet).item() == pytest.approx(loss.value(part).item(), rel=1e-6)
    (gradient,) = torch.autograd.grad(loss.value(quiet), [given.hidden])
    assert float(gradient[:10].abs().max()) == 0.0
    assert bool(gradient.isfinite().all())
