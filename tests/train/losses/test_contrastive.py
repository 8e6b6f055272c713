"""The teacher's text up, the student's own down: skew KL on the one, skew reverse KL on the other."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from imbik.core.plugins import PluginBlock, make
from imbik.train.losses import Full

N, V = 9, 30


def loss_of(use: str, **settings: Any) -> Any:
    return make("train/losses", PluginBlock(use=use, raw=settings))


@pytest.mark.parametrize("settings", [{}, {"temperature": 2.0, "alpha": 0.3}])
def test_each_text_has_its_loss(settings: dict[str, Any]) -> None:
    draw = torch.Generator().manual_seed(1)
    logits, theirs = (torch.randn(N, V, generator=draw, dtype=torch.float64) for _ in range(2))
    labels = torch.tensor([3, -100, 5, -100, -100, 7, 1, 2, -100])
    own = labels < 0
    made = loss_of("contrastive", own=0.5, **settings).of_logits(logits, labels, Full(theirs))
    up = loss_of("skew_kl", **settings).of_logits(logits, labels, Full(theirs))
    down = loss_of("skew_reverse_kl", **settings).of_logits(logits, labels, Full(theirs))
    torch.testing.assert_close(made.values[~own], up.values[~own])
    torch.testing.assert_close(made.values[own], 0.5 * down.values[own])
    torch.testing.assert_close(made.gradient[~own], up.gradient[~own])
    torch.testing.assert_close(made.gradient[own], 0.5 * down.gradient[own])


def test_without_attempts_it_is_skew_kl() -> None:
    logits, theirs = torch.randn(N, V), torch.randn(N, V)
    labels = torch.zeros(N, dtype=torch.long)
    made = loss_of("contrastive").of_logits(logits, labels, Full(theirs))
    torch.testing.assert_close(made.values, loss_of("skew_kl").of_logits(logits, labels, Full(theirs)).values)


def test_equals_have_nothing_to_learn() -> None:
    logits = torch.randn(N, V, dtype=torch.float64)
    labels = torch.tensor([1, -100] * 4 + [2])
    made = loss_of("contrastive").of_logits(logits, labels, Full(logits))
    assert float(made.values.abs().max()) < 1e-12
    assert float(made.gradient.abs().max()) < 1e-12
