"""Negative log-likelihood of the text itself.

Per token, in nats: -log p(label). The loss of sequence-level distillation (Kim and Rush 2016, "Sequence-Level Knowledge
Distillation", arXiv:1606.07947): the teacher speaks through the text it wrote, and no tokenizer needs to be shared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.train.losses import Fused, Known, Signals, TokenTerm

if TYPE_CHECKING:
    from torch import Tensor


class CrossEntropy:
    """-log p(label), summed over learned tokens."""

    class Settings(PluginSettings):
        """How much this loss counts in the sum."""

        weight: float = Field(1.0, gt=0, description="factor of this loss in the weighted sum")

    version = 1
    needs: frozenset[str] = frozenset()

    def __init__(self, settings: CrossEntropy.Settings) -> None:
        self.weight = settings.weight

    def value(self, signals: Signals) -> Tensor:
        """Mean over the global batch's learned tokens of -log p(label), in nats."""
        from imbik.train.chunked import token_losses

        return token_losses(signals, [(1.0, self)])

    def of_logits(self, logits: Tensor, labels: Tensor, teacher: Known | None) -> TokenTerm:  # noqa: ARG002
        """logsumexp(z) - z[label]; by z: softmax(z) - onehot(label). A label below 0 is none: 0 there."""
        import torch

        column = labels.clamp_min(0)[:, None]
        values = torch.logsumexp(logits, -1) - logits.gather(1, column)[:, 0]
        gradient = torch.softmax(logits, -1)
        gradient.scatter_add_(1, column, torch.full_like(column, -1, dtype=gradient.dtype))
        if bool((labels < 0).any()):
            spoken = labels >= 0
            return TokenTerm(values.where(spoken, 0.0), gradient.mul_(spoken[:, None]))
        return TokenTerm(values, gradient)

    def fused(self) -> Fused:
        """The same on a card."""
        return Fused("cross_entropy")
