"""Two texts that mean the same lie close together, others at least a margin apart: the contrastive loss on pairs.

For pooled final hidden states with distance d and label y (0: same, 1: different), half of (1 - y) d^2 + y max(0,
margin - d)^2 (Hadsell, Chopra and LeCun 2006, "Dimensionality reduction by learning an invariant mapping"). Pairs are
those of `train.pairs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.train.losses import PAIRS, Signals

if TYPE_CHECKING:
    from torch import Tensor

_SMALL = 1e-12


class Margin:
    """Half of the squared distance of same texts, and of what others lack of the margin; mean over pairs."""

    class Settings(PluginSettings):
        """How far apart, by which distance."""

        weight: float = Field(1.0, gt=0, description="factor of this loss in the weighted sum")
        margin: float = Field(0.5, gt=0, description="distance from which different texts are far enough apart")
        distance: Literal["cosine", "euclidean"] = Field("cosine", description="1 - cosine (0 to 2), or Euclidean")

    version = 1
    needs = frozenset({PAIRS})

    def __init__(self, settings: Margin.Settings) -> None:
        self.weight, self.settings = settings.weight, settings

    def value(self, signals: Signals) -> Tensor:
        """Sum over the micro-batch's pairs / pairs of the global batch."""
        assert signals.pairs is not None
        pairs = signals.pairs
        distance = self._distance(pairs.first.float(), pairs.second.float())
        short = (self.settings.margin - distance).clamp_min(0)
        different = pairs.labels.to(distance.dtype)
        return 0.5 * ((1 - different) * distance.square() + different * short.square()).sum() / pairs.count

    def _distance(self, first: Tensor, second: Tensor) -> Tensor:
        """(P,) for states (P, H)."""
        import torch

        if self.settings.distance == "cosine":
            return 1 - torch.nn.functional.cosine_similarity(first, second, dim=-1)
        return (first - second).square().sum(-1).clamp_min(_SMALL).sqrt()
