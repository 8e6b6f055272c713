"""The teacher's text is made likelier, the student's own less: the contrastive loss of DistiLLM-2.

Skew KL on tokens of rows as they stand, which the teacher wrote, and skew reverse KL on tokens of the student's own
attempts (Ko et al. 2025, "DistiLLM-2", arXiv:2503.07067). Forward KL raises the student where the teacher is likely,
reverse KL lowers it where the teacher is not; each is used on the text where it works. Attempts are those of
`train.on_policy`, whose `share` sets how much of each there is; without attempts this is skew KL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from imbik.train.divergence import DivergenceSettings
from imbik.train.losses import DISTRIBUTIONS, Known, Signals, TokenTerm
from imbik.train.losses.skew_kl import SkewKL
from imbik.train.losses.skew_reverse_kl import SkewReverseKL

if TYPE_CHECKING:
    from torch import Tensor


class Contrastive:
    """Skew KL on labelled tokens, skew reverse KL on the student's own."""

    class Settings(DivergenceSettings):
        """Besides what every divergence has, the two mixtures."""

        alpha: float = Field(0.1, gt=0, lt=1, description="share of the other side in both mixtures")
        own: float = Field(1.0, gt=0, description="factor of the student's own tokens beside the others")

    version = 1
    needs = frozenset({DISTRIBUTIONS})

    def __init__(self, settings: Contrastive.Settings) -> None:
        self.weight, self.settings = settings.weight, settings
        shared = settings.model_dump(include={"temperature", "tail", "alpha"})
        self._up = SkewKL(SkewKL.Settings(**shared))
        self._down = SkewReverseKL(SkewReverseKL.Settings(**shared))

    def value(self, signals: Signals) -> Tensor:
        """Mean over the global batch's learned tokens, in nats, times T squared."""
        from imbik.train.chunked import token_losses

        return token_losses(signals, [(1.0, self)])

    def of_logits(self, logits: Tensor, labels: Tensor, teacher: Known | None) -> TokenTerm:
        """Values and gradient of a block; a label below 0 marks the student's own text."""
        own = labels < 0
        if not bool(own.any()):
            return self._up.of_logits(logits, labels, teacher)
        up, down = self._up.of_logits(logits, labels, teacher), self._down.of_logits(logits, labels, teacher)
        factor = self.settings.own
        return TokenTerm(
            up.values.where(~own, factor * down.values),
            up.gradient.where(~own[:, None], factor * down.gradient),
        )
