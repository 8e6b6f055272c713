"""Across tokenizers: tokens that both vocabularies have are compared as themselves, the rest sorted by size.

w JSD_beta over the shared tokens + v sum of |s - t| over the ranks of all others' sorted probabilities, as in GOLD
(Patiño et al. 2025, "Unlocking On-Policy Distillation for Any Model Family", Hugging Face; TRL's `uld_use_hybrid_loss`
with `uld_token_merge_strategy: bayesian`), the JSD being that of GKD (Agarwal et al. 2024, arXiv:2306.13649). Without
`matched` and `unmatched` w is the share of the teacher's tokens that the student has, and v is 1 - w. Tokens that say
the same bytes are merged (`train.merged`). Shared are tokens that write the same bytes, however the two vocabularies
spell them, and what closes a turn. Of captured logits the k likeliest tokens are compared in these ways, and all others
as one outcome by |s - t|.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from imbik.core.plugins import PluginSettings
from imbik.train.losses import DISTRIBUTIONS, SPANS, Shared, Signals

if TYPE_CHECKING:
    from torch import Tensor

    from imbik.train.merged import Said


class Hybrid:
    """T^2 (w JSD over shared tokens + v sorted L1 over the others)."""

    class Settings(PluginSettings):
        """How much it and its parts count, and how soft the distributions are made."""

        weight: float = Field(1.0, gt=0, description="factor of this loss in the weighted sum")
        temperature: float = Field(1.0, gt=0, description="divides both sides' logits; the result carries its square")
        beta: float = Field(0.5, gt=0, lt=1, description="share of the teacher in the mixture of shared tokens")
        matched: float | None = Field(
            None, ge=0, description="factor of the shared tokens (none: their share of the teacher's vocabulary)"
        )
        unmatched: float | None = Field(None, ge=0, description="factor of the others (none: 1 - that share)")

        @model_validator(mode="after")
        def _both(self) -> Hybrid.Settings:
            if (self.matched is None) != (self.unmatched is None):
                raise ValueError("give both `matched` and `unmatched`, or neither")
            return self

    version = 1
    needs = frozenset({DISTRIBUTIONS, SPANS})

    def __init__(self, settings: Hybrid.Settings) -> None:
        self.weight = settings.weight
        self.settings = settings

    def value(self, signals: Signals) -> Tensor:
        """Sum over groups of tokens that say the same bytes / learned tokens of the global batch, times T squared."""
        from imbik.train.merged import merged_loss

        return merged_loss(signals, partial(self._measure, signals.shared), self.settings.temperature)

    def _measure(self, given: Shared | None, student: Tensor, product: Tensor, said: Said) -> tuple[Tensor, Tensor]:
        """The shared tokens by JSD, the others sorted."""
        from imbik.train.merged import jensen_shannon, shared_or_all, sorted_gap
        from imbik.train.ranked import ranked_gap

        width = student.shape[1] if said.ids is not None else said.probabilities.shape[1]
        shared, beta = shared_or_all(given, student.shape[1], width, student.device), self.settings.beta
        matched, unmatched = self._factors(shared)
        if said.ids is not None:
            return ranked_gap(student, product, said, shared, beta=beta, matched=matched, unmatched=unmatched)
        own, other = _left(student.shape[1], shared.mine), _left(width, shared.theirs)
        terms, exact = jensen_shannon(student[:, shared.mine], said.probabilities[:, shared.theirs], beta)
        values, ranked = sorted_gap(student[:, own], said.probabilities[:, other])
        slope = student.new_empty(student.shape)
        slope[:, shared.mine], slope[:, own] = exact.mul_(matched), ranked.mul_(unmatched)
        return matched * terms.sum(-1) + unmatched * values, slope

    def _factors(self, shared: Shared) -> tuple[float, float]:
        """How much the shared tokens and the others count."""
        if self.settings.matched is not None and self.settings.unmatched is not None:
            return self.settings.matched, self.settings.unmatched
        share = len(shared.mine) / shared.width
        return share, 1 - share


def _left(width: int, taken: Tensor) -> Tensor:
    """The ids below `width` that are not taken."""
    import torch

    free = torch.ones(width, dtype=torch.bool, device=taken.device)
    free[taken] = False
    return free.nonzero()[:, 0]
