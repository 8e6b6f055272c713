"""Reverse KL: the student is kept from saying what the teacher would not.

KL(student || teacher) in nats times T squared: mode-seeking where forward KL covers every mode (Gu et al. 2024,
"MiniLLM", arXiv:2306.08543, from which the divergence is taken, not the policy gradient). It is infinite where the
student says what the teacher rules out; the teacher's log-probability counts as no less than -100 nats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imbik.train.divergence import DivergenceSettings, divergence
from imbik.train.losses import DISTRIBUTIONS, Fused, Known, Signals, TokenTerm

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = -100.0


class ReverseKL:
    """T^2 KL(student || teacher)."""

    class Settings(DivergenceSettings):
        """Weight, temperature and what becomes of the unknown tail."""

    version = 1
    needs = frozenset({DISTRIBUTIONS})

    def __init__(self, settings: ReverseKL.Settings) -> None:
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
        return Fused("reverse_kl", 0.0, self.settings.temperature)

    def _formula(self, student: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """s log(s/p); by log s: s (log(s/p) + 1)."""
        gap = student - target.clamp_min(_LEAST)
        share = student.exp()
        return (share * gap).sum(-1), share * (gap + 1)
