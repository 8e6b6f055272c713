"""Sampled teachers: the expectation over every possible sample is the loss over all tokens, else it is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from imbik.core.errors import RecipeError
from imbik.core.plugins import PluginBlock, make
from imbik.models.head import OutputHead
from imbik.train.losses import Full, Sampled, Signals

V = 6
LABEL = torch.zeros(1, dtype=torch.long)
NOT_LINEAR = ["reverse_kl", "jsd", "skew_kl", "skew_reverse_kl", "tvd", "alpha_beta"]


def loss_of(name: str, **settings: Any) -> Any:
    return make("train/losses", PluginBlock(use=name, raw=settings))


def test_the_expectation_over_all_samples_is_the_kl_over_all_tokens() -> None:
    """Two draws from a proposal q, each of weight p / (2 q): all V x V samples, each times its probability."""
    draw = torch.Generator().manual_seed(2)
    logits, theirs, proposal = (torch.randn(1, V, generator=draw, dtype=torch.float64) for _ in range(3))
    p, q = theirs.softmax(-1), proposal.softmax(-1)[0]
    entropy = -(p * p.log()).sum(-1)
    loss = loss_of("forward_kl")
    value, gradient = torch.zeros(1, dtype=torch.float64), torch.zeros(1, V, dtype=torch.float64)
    for first in range(V):
        for second in range(V):
            ids = torch.tensor([[first, second]])
            term = loss.of_logits(logits, LABEL, Sampled(ids, p[0][ids] / (2 * q[ids]), entropy))
            value += q[first] * q[second] * term.values
            gradient += q[first] * q[second] * term.gradient
    wanted = loss.of_logits(logits, LABEL, Full(theirs))
    torch.testing.assert_close(value, wanted.values, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(gradient, wanted.gradient, rtol=1e-10, atol=1e-12)


def test_the_gradient_is_that_of_the_value_and_silent_rows_teach_nothing() -> None:
    draw = torch.Generator().manual_seed(3)
    hidden = torch.randn(5, 3, generator=draw, dtype=torch.float64).requires_grad_()
    weight = torch.randn(V, 3, generator=draw, dtype=torch.float64).requires_grad_()
    ids, weights = torch.randint(0, V, (5, 4), generator=draw), torch.rand(5, 4, generator=draw, dtype=torch.float64)
    weights[2] = 0
    entropy = torch.ones(5, dtype=torch.float64)
    given = Signals(hidden, OutputHead(weight), LABEL.expand(5), torch.tensor(5.0), Sampled(ids, weights, entropy))
    value = loss_of("forward_kl").value(given)
    rows = [0, 1, 3, 4]
    logs = torch.log_softmax(hidden @ weight.t(), -1).gather(1, ids)
    wanted = (-(weights * logs).sum(-1) - entropy)[rows].sum() / 5
    assert value.item() == pytest.approx(wanted.item(), rel=1e-6)
    found = torch.autograd.grad(value, [hidden, weight])
    for one, other in zip(found, torch.autograd.grad(wanted, [hidden, weight]), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
    assert not found[0][2].any()


def test_samples_beyond_the_students_matrix_are_left_out() -> None:
    draw = torch.Generator().manual_seed(4)
    hidden, weight = torch.randn(2, 3, generator=draw), torch.randn(V, 3, generator=draw)
    tokens, labels = torch.tensor(2.0), LABEL.expand(2)
    said = Sampled(torch.tensor([[1, V + 2], [V, 3]]), torch.tensor([[0.7, 0.3], [0.2, 0.8]]))
    kept = Sampled(torch.tensor([[1], [3]]), torch.tensor([[0.7], [0.8]]))
    given = [Signals(hidden, OutputHead(weight), labels, tokens, teacher) for teacher in (said, kept)]
    found = [loss_of("forward_kl").value(signals) for signals in given]
    assert float(found[0]) == pytest.approx(float(found[1]), rel=1e-6)


@pytest.mark.parametrize(("name", "settings"), [(n, {}) for n in NOT_LINEAR] + [("forward_kl", {"temperature": 2.0})])
def test_what_has_no_unbiased_estimate_is_refused_with_what_has(name: str, settings: dict[str, Any]) -> None:
    sample = Sampled(LABEL[:, None], torch.ones(1, 1))
    with pytest.raises(RecipeError, match="unbiased"):
        loss_of(name, **settings).of_logits(torch.zeros(1, V), LABEL, sample)
