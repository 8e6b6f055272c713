"""The alpha-beta divergence: its corners, the way to them, and exponents that are refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, make
from imbik.train.losses import Full, TokenTerm

N, V = 9, 30


def term(name: str, dtype: torch.dtype = torch.float64, **settings: float) -> TokenTerm:
    draw = torch.Generator().manual_seed(3)
    logits = torch.randn(N, V, generator=draw, dtype=torch.float64).to(dtype)
    theirs = 2 * torch.randn(N, V, generator=draw, dtype=torch.float64).to(dtype)
    loss = make("train/losses", PluginBlock(use=name, raw=dict(settings)))
    made: TokenTerm = loss.of_logits(logits, torch.zeros(N, dtype=torch.long), Full(theirs))
    return made


def same(one: TokenTerm, other: TokenTerm, tolerance: float) -> None:
    torch.testing.assert_close(one.values, other.values, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(one.gradient, other.gradient, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("alpha", "beta", "corner"), [(1.0, 0.0, "forward_kl"), (0.0, 1.0, "reverse_kl")])
def test_the_corners_are_forward_and_reverse_kl(alpha: float, beta: float, corner: str) -> None:
    same(term("alpha_beta", alpha=alpha, beta=beta), term(corner), 1e-12)


@pytest.mark.parametrize("small", [1e-3, 1e-6, 1e-9, 1e-15])
@pytest.mark.parametrize("first", [True, False])
def test_the_limits_are_come_near_without_a_jump_in_float32(small: float, first: bool) -> None:
    exponents = {"alpha": 1.0, "beta": small} if first else {"alpha": small, "beta": 1.0}
    corner = term("forward_kl" if first else "reverse_kl")
    found = term("alpha_beta", torch.float32, **exponents)
    same(TokenTerm(found.values.double(), found.gradient.double()), corner, 30 * small + 2e-6)


def test_one_and_one_is_half_the_squared_distance() -> None:
    draw = torch.Generator().manual_seed(3)
    s, p = (torch.randn(N, V, generator=draw, dtype=torch.float64) * factor for factor in (1, 2))
    wanted: Tensor = (s.softmax(-1) - p.softmax(-1)).square().sum(-1) / 2
    torch.testing.assert_close(term("alpha_beta", alpha=1.0, beta=1.0).values, wanted, rtol=1e-12, atol=0)


def test_a_far_student_overflows_nothing() -> None:
    logits, theirs = torch.zeros(1, V), torch.zeros(1, V)
    logits[0, 0], theirs[0, 0] = 300.0, -300.0
    for alpha, beta in [(2.0, 2.0), (2.0, 0.0), (0.0, 2.0), (0.5, 0.5)]:
        loss = make("train/losses", PluginBlock(use="alpha_beta", raw={"alpha": alpha, "beta": beta}))
        made = loss.of_logits(logits, torch.zeros(1, dtype=torch.long), Full(theirs))
        assert bool(made.values.isfinite().all())
        assert bool(made.gradient.isfinite().all())


def test_exponents_that_weigh_every_token_alike_are_refused() -> None:
    with pytest.raises(PluginError, match="at least 0.1"):
        make("train/losses", PluginBlock(use="alpha_beta", raw={"alpha": 0.0, "beta": 0.0}))
