"""Total variation distance: half of what the two distributions do not share.

1/2 sum |p - s| times T squared, between 0 and 1 at T = 1 (Wen et al. 2023, "f-Divergence Minimization for
Sequence-Level Knowledge Distillation", arXiv:2307.15190). Where both sides are the same its gradient is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imbik.train.divergence import DivergenceSettings, divergence
from imbik.train.losses import DISTRIBUTIONS, Fused, Known, Signals, TokenTerm

if TYPE_CHECKING:
    from torch import Tensor


class TotalVariation:
    """T^2 / 2 sum |p - s|."""

    class Settings(DivergenceSettings):
        """Weight, temperature and what becomes of the unknown tail."""

    version = 1
    needs = frozenset({DISTRIBUTIONS})

    def __init__(self, settings: TotalVariation.Settings) -> None:
        self.weight = settings.weight
        self.settings = settings

    def value(self, signals: Signals) -> Tensor:
        """Mean over the global batch's learned tokens, in nats, times T squared."""
        from imbik.train.chunked import token_losses

        return token_losses(signals, [(1.0, self)])

    def of_logits(self, logits: Tensor, labels: Tensor, teacher: Known | None) -> TokenTerm:  # noqa: ARG002
        """Values and gradient of a block."""
        return divergence(logits, teacher, self.settings, self._formula)

    def fused(self) -> Fused:
        """The same on a card, over whole logits of a teacher."""
        return Fused("tvd", 0.0, self.settings.temperature)

    def _formula(self, student: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """|s - p| / 2; by log s: s sign(s - p) / 2."""
        import torch

        share = student.exp()
        gap = share - target.exp()
        return gap.abs().sum(-1) / 2, share * torch.sign(gap) / 2
