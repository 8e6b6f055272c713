"""How far the student looks elsewhere than the teacher: attention transfer.

For each learned position, the attention over the tokens it sees: `kl` is KL(teacher || student), `mse` the sum of the
squared differences (Zagoruyko and Komodakis 2017, arXiv:1612.03928, for maps of tokens: Jiao et al. 2020, "TinyBERT",
arXiv:1909.10351). Head by head where both have as many, else the means over the heads are compared. Mean over heads and
layer pairs. Maps are kept only by attention computed the plain way, which is slower and takes memory for every pair of
tokens: both models are switched to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from imbik.core.errors import RecipeError
from imbik.core.plugins import PluginSettings
from imbik.train.layers import MAP, LayerMap, Pairs, layer_pairs
from imbik.train.losses import ATTENTION, Signals, over_tokens

if TYPE_CHECKING:
    from torch import Tensor

_SMALL = 1e-9


class Attention:
    """Distance of attention maps at the learned positions, mean over heads and layer pairs."""

    class Settings(PluginSettings):
        """Which layers, by which distance."""

        weight: float = Field(1.0, gt=0, description="factor of this loss in the weighted sum")
        layers: LayerMap = Field("uniform", description=MAP)
        distance: Literal["kl", "mse"] = Field("kl", description="KL from the teacher's map, or squared differences")

    version = 1
    needs = frozenset({ATTENTION})

    def __init__(self, settings: Attention.Settings) -> None:
        self.weight, self.settings = settings.weight, settings

    def learned(self, student: Any, teacher: Any) -> None:
        """Nothing is learned along; the layers are looked at.

        Raises: RecipeError for a layer that is not there.
        """
        for own, other in self._pairs(int(student.num_hidden_layers), int(teacher.num_hidden_layers)):
            if not own or not other:
                raise RecipeError("layer 0 has no attention", where="train.losses", next="layers count from 1")

    def value(self, signals: Signals) -> Tensor:
        """Sum over tokens of the distance, mean over layer pairs, / `signals.tokens`."""
        import torch

        own, other = signals.layers, signals.teacher_layers
        assert own is not None
        assert other is not None
        pairs = self._pairs(len(own.attention), len(other.attention))
        total = torch.zeros((), device=signals.hidden.device)
        for mine, theirs in pairs:
            maps, wanted = own.attention[mine - 1].float(), other.attention[theirs - 1].float()
            if maps.shape[1] != wanted.shape[1]:
                maps, wanted = maps.mean(1, keepdim=True), wanted.mean(1, keepdim=True)
            total = total + over_tokens(self._distance(maps, wanted).mean(-1), signals)
        return total / len(pairs)

    def _distance(self, maps: Tensor, wanted: Tensor) -> Tensor:
        """(N, heads) for maps (N, heads, S)."""
        if self.settings.distance == "mse":
            return (maps - wanted).square().sum(-1)
        return (wanted * (wanted.clamp_min(_SMALL).log() - maps.clamp_min(_SMALL).log())).sum(-1)

    def _pairs(self, student: int, teacher: int) -> Pairs:
        return layer_pairs(self.settings.layers, student, teacher)
