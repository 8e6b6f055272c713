"""Skew KL of DistiLLM: forward KL from the teacher to a mixture of both.

KL(p || alpha p + (1 - alpha) s) times T squared (Ko et al. 2024, "DistiLLM", arXiv:2402.03898): bounded by
-log alpha, so a token that the student hardly knows does not rule the gradient.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from imbik.train.divergence import DivergenceSettings, divergence
from imbik.train.losses import DISTRIBUTIONS, Fused, Known, Signals, TokenTerm

if TYPE_CHECKING:
    from torch import Tensor


class SkewKL:
    """T^2 KL(p || alpha p + (1 - alpha) s)."""

    class Settings(DivergenceSettings):
        """Besides what every divergence has, how much of the mixture is the teacher."""

        alpha: float = Field(0.1, gt=0, lt=1, description="share of the teacher in the mixture")

    version = 1
    needs = frozenset({DISTRIBUTIONS})

    def __init__(self, settings: SkewKL.Settings) -> None:
        self.weight = settings.weight
        self.settings = settings
        self.alpha = settings.alpha

    def value(self, signals: Signals) -> Tensor:
        """Mean over the global batch's learned tokens, in nats, times T squared."""
        from imbik.train.chunked import token_losses

        return token_losses(signals, [(1.0, self)])

    def of_logits(self, logits: Tensor, labels: Tensor, teacher: Known | None) -> TokenTerm:  # noqa: ARG002
        """Values and gradient of a block."""
        return divergence(logits, teacher, self.settings, self._formula)

    def fused(self) -> Fused:
        """The same on a card, over whole logits of a teacher."""
        return Fused("skew_kl", self.alpha, self.settings.temperature)

    def _formula(self, student: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """p log(p/m); by log s: -(1 - alpha) s p/m."""
        import torch

        alpha = self.alpha
        s, p = student.exp(), target.exp()
        middle = alpha * p + (1 - alpha) * s
        values = torch.where(p > 0, p * (target - middle.log()), 0.0).sum(-1)
        return values, torch.where(p > 0, -(1 - alpha) * s * p / middle, 0.0)
