"""Generalised Jensen-Shannon divergence, as in GKD.

beta KL(p || m) + (1 - beta) KL(s || m) with m = beta p + (1 - beta) s, times T squared (Agarwal et al. 2024,
"On-Policy Distillation of Language Models", arXiv:2306.13649). It is bounded; divided by beta or by 1 - beta it comes
near forward KL (beta to 0) and reverse KL (beta to 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from imbik.train.divergence import DivergenceSettings, divergence
from imbik.train.losses import DISTRIBUTIONS, Fused, Known, Signals, TokenTerm

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = 1e-38  # below it a probability is none: no logarithm of 0


class JSD:
    """T^2 (beta KL(p || m) + (1 - beta) KL(s || m)), m = beta p + (1 - beta) s."""

    class Settings(DivergenceSettings):
        """Besides what every divergence has, how much of the mixture is the teacher."""

        beta: float = Field(0.5, gt=0, lt=1, description="share of the teacher in the mixture")

    version = 1
    needs = frozenset({DISTRIBUTIONS})

    def __init__(self, settings: JSD.Settings) -> None:
        self.weight = settings.weight
        self.settings = settings
        self.beta = settings.beta

    def value(self, signals: Signals) -> Tensor:
        """Mean over the global batch's learned tokens, in nats, times T squared."""
        from imbik.train.chunked import token_losses

        return token_losses(signals, [(1.0, self)])

    def of_logits(self, logits: Tensor, labels: Tensor, teacher: Known | None) -> TokenTerm:  # noqa: ARG002
        """Values and gradient of a block."""
        return divergence(logits, teacher, self.settings, self._formula)

    def fused(self) -> Fused:
        """The same on a card, over whole logits of a teacher."""
        return Fused("jsd", self.beta, self.settings.temperature)

    def _formula(self, student: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """With m the mixture; by log s: (1 - beta) s log(s/m)."""
        import torch

        s, p = student.exp(), target.exp()
        middle = torch.lerp(s, p, self.beta).clamp_min_(_LEAST).log_()
        theirs = (target - middle).mul_(p).masked_fill_(p == 0, 0.0)
        own = middle.sub_(student).mul_(s).mul_(self.beta - 1)
        return own.sum(-1).add_(theirs.sum(-1), alpha=self.beta), own
