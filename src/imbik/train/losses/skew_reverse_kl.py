"""Skew reverse KL of DistiLLM: reverse KL from the student to a mixture of both.

KL(s || (1 - alpha) p + alpha s) times T squared (Ko et al. 2024, "DistiLLM", arXiv:2402.03898): reverse KL that
stays finite, at most -log alpha, where the teacher rules a token out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from imbik.train.divergence import DivergenceSettings, divergence
from imbik.train.losses import DISTRIBUTIONS, Fused, Known, Signals, TokenTerm

if TYPE_CHECKING:
    from torch import Tensor


class SkewReverseKL:
    """T^2 KL(s || (1 - alpha) p + alpha s)."""

    class Settings(DivergenceSettings):
        """Besides what every divergence has, how much of the mixture is the student."""

        alpha: float = Field(0.1, gt=0, lt=1, description="share of the student in the mixture")

    version = 1
    needs = frozenset({DISTRIBUTIONS})

    def __init__(self, settings: SkewReverseKL.Settings) -> None:
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
        return Fused("skew_reverse_kl", self.alpha, self.settings.temperature)

    def _formula(self, student: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """s log(s/m); by log s: s (log(s/m) + 1 - alpha s/m)."""
        import torch

        alpha = self.alpha
        s, p = student.exp(), target.exp()
        middle = (1 - alpha) * p + alpha * s
        gap = torch.where(s > 0, student - middle.log(), 0.0)
        ratio = torch.where(s > 0, s / middle, 0.0)
        return (s * gap).sum(-1), s * (gap + 1 - alpha * ratio)
