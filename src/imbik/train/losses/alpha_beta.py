"""Alpha-beta divergence: forward and reverse KL are its corners, and two numbers move between them.

-1/(alpha beta) sum [p^alpha s^beta - alpha/(alpha + beta) p^(alpha + beta) - beta/(alpha + beta) s^(alpha + beta)]
times T squared, of the teacher's p and the student's s (Cichocki, Cruces and Amari 2011, "Generalized Alpha-Beta
Divergences"; for distillation Wang et al. 2025, "ABKD", arXiv:2503.04988). (1, 0) is forward KL, (0, 1) reverse KL,
(1, 1) half the squared distance. As written, a small alpha or beta divides a difference of nearly equal numbers; here
that difference is one `expm1`, so the limits are reached without a jump. As in reverse KL, the teacher's
log-probability counts as no less than -100 nats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from imbik.train.divergence import DivergenceSettings, divergence
from imbik.train.losses import DISTRIBUTIONS, Known, Signals, TokenTerm

if TYPE_CHECKING:
    from torch import Tensor

_LEAST = -100.0
_LEAST_SUM = 0.1


class AlphaBeta:
    """T^2 D(p || s) with exponents alpha (on the teacher) and beta (on the student)."""

    class Settings(DivergenceSettings):
        """Besides what every divergence has, the two exponents."""

        alpha: float = Field(0.2, ge=0, le=2, description="exponent of the teacher's probability")
        beta: float = Field(0.7, ge=0, le=2, description="exponent of the student's probability")

        @model_validator(mode="after")
        def _weighs_by_probability(self) -> Self:
            """Near (0, 0) every token of the vocabulary counts alike, however improbable."""
            if self.alpha + self.beta < _LEAST_SUM:
                raise ValueError(f"alpha + beta must be at least {_LEAST_SUM}; alpha: 1, beta: 0 is forward KL")
            return self

    version = 1
    needs = frozenset({DISTRIBUTIONS})

    def __init__(self, settings: AlphaBeta.Settings) -> None:
        self.weight = settings.weight
        self.settings = settings
        self.alpha, self.beta = settings.alpha, settings.beta

    def value(self, signals: Signals) -> Tensor:
        """Mean over the global batch's learned tokens, times T squared."""
        from imbik.train.chunked import token_losses

        return token_losses(signals, [(1.0, self)])

    def of_logits(self, logits: Tensor, labels: Tensor, teacher: Known | None) -> TokenTerm:  # noqa: ARG002
        """Values and gradient of a block."""
        return divergence(logits, teacher, self.settings, self._formula)

    def _formula(self, student: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """By log s: s^beta (s^alpha - p^alpha) / alpha."""
        alpha, beta = self.alpha, self.beta
        target = target.clamp_min(_LEAST)
        if alpha >= beta:  # divided by the larger of the two
            first, second, large, small = target, student, alpha, beta
        else:
            first, second, large, small = student, target, beta, alpha
        whole = _difference(second, first, alpha + beta)
        values = (whole - (large * first).exp() * _difference(second, first, small)) / large
        return values.sum(-1), (beta * student).exp() * _difference(student, target, alpha)


def _difference(one: Tensor, other: Tensor, power: float) -> Tensor:
    """(e^(power one) - e^(power other)) / power, and its limit one - other at power 0."""
    gap = one - other
    if power < 1e-12:
        return gap
    larger = one.maximum(other)
    return (power * larger).exp() * (-power * gap.abs()).expm1() * gap.sign() / -power
