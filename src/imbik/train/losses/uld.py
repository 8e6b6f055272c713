"""Universal logit distillation: both sides' probabilities sorted by size, whatever tokens they belong to.

The sum over ranks of |s(rank) - t(rank)| (Boizard et al. 2024, "Towards Cross-Tokenizer Distillation: the Universal
Logit Distillation Loss for LLMs", arXiv:2402.12030; there it is the 1-Wasserstein distance of two distributions whose
tokens are all equally far apart). Where the tokenizers differ, tokens that say the same bytes are merged
(`train.merged`), so this loss crosses tokenizers. Of captured logits the k likeliest ranks are compared, and what is
beyond them as one more outcome: by the triangle inequality a lower bound of the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.train.losses import DISTRIBUTIONS, SPANS, Signals

if TYPE_CHECKING:
    from torch import Tensor

    from imbik.train.merged import Said


class ULD:
    """T^2 sum of |s - t| over the ranks of sorted probabilities."""

    class Settings(PluginSettings):
        """How much it counts, and how soft the distributions are made."""

        weight: float = Field(1.0, gt=0, description="factor of this loss in the weighted sum")
        temperature: float = Field(1.0, gt=0, description="divides both sides' logits; the result carries its square")

    version = 1
    needs = frozenset({DISTRIBUTIONS, SPANS})

    def __init__(self, settings: ULD.Settings) -> None:
        self.weight = settings.weight
        self.settings = settings

    def value(self, signals: Signals) -> Tensor:
        """Sum over groups of tokens that say the same bytes / learned tokens of the global batch, times T squared."""
        from imbik.train.merged import merged_loss

        return merged_loss(signals, self._measure, self.settings.temperature)

    def _measure(self, student: Tensor, product: Tensor, said: Said) -> tuple[Tensor, Tensor]:
        """Sorted against sorted."""
        from imbik.train.merged import sorted_gap
        from imbik.train.ranked import ranked_gap

        if said.ids is None:
            return sorted_gap(student, said.probabilities)
        return ranked_gap(student, product, said, None, beta=0.5, matched=0.0, unmatched=1.0)
