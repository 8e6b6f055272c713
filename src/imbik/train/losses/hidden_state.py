"""How far the student's hidden states are from the teacher's, layer by layer.

`mse`: the mean over the width of the squared difference (Romero et al. 2015, "FitNets", arXiv:1412.6550; Jiao et al.
2020, "TinyBERT", arXiv:1909.10351), as a share of the teacher's mean square at that token unless `relative: false`:
states of some layers are thousands of times as large as others, and would be all that is learned. `cosine`: 1 - cos
(Sanh et al. 2019, "DistilBERT", arXiv:1910.01108). Mean over the layer pairs. Where the widths differ, or where it is
asked for, the student's states pass a matrix that is learned along; it lies in the checkpoints, and is no part of the
exported student.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.train.layers import MAP, LayerMap, Pairs, layer_pairs
from imbik.train.losses import HIDDEN, Signals, over_tokens

if TYPE_CHECKING:
    from torch import Tensor, nn


_SMALL = 1e-12


class HiddenState:
    """Distance of hidden states at the learned positions, mean over layer pairs."""

    class Settings(PluginSettings):
        """Which layers, by which distance."""

        weight: float = Field(1.0, gt=0, description="factor of this loss in the weighted sum")
        layers: LayerMap = Field("uniform", description=MAP)
        distance: Literal["mse", "cosine"] = Field("mse", description="mean squared difference, or 1 - cosine")
        relative: bool = Field(True, description="mse as a share of the teacher's own mean square (false: as it is)")
        projection: Literal["auto", "always"] = Field(
            "auto",
            description="a learned matrix to the teacher's width: where the widths differ, or always",
        )

    version = 1
    needs = frozenset({HIDDEN})

    def __init__(self, settings: HiddenState.Settings) -> None:
        self.weight, self.settings = settings.weight, settings

    def learned(self, student: Any, teacher: Any) -> nn.Module | None:
        """The projections, one a layer pair, for models of these configs.

        Raises: RecipeError for a layer that is not there.
        """
        import torch

        pairs = self._pairs(int(student.num_hidden_layers), int(teacher.num_hidden_layers))
        widths = int(student.hidden_size), int(teacher.hidden_size)
        if self.settings.projection == "auto" and widths[0] == widths[1]:
            return None
        return torch.nn.ModuleList([torch.nn.Linear(*widths, bias=False) for _ in pairs])

    def value(self, signals: Signals) -> Tensor:
        """Sum over tokens of the distance, mean over layer pairs, / `signals.tokens`."""
        import torch

        own, other = signals.layers, signals.teacher_layers
        assert own is not None
        assert other is not None
        pairs = self._pairs(len(own.hidden) - 1, len(other.hidden) - 1)
        total = torch.zeros((), device=signals.hidden.device)
        for number, (mine, theirs) in enumerate(pairs):
            states, wanted = own.hidden[mine].float(), other.hidden[theirs].float()
            if signals.learned is not None:
                states = signals.learned[number](states)  # type: ignore[index]
            total = total + over_tokens(self._distance(states, wanted), signals)
        return total / len(pairs)

    def _distance(self, states: Tensor, wanted: Tensor) -> Tensor:
        """(N,) for hidden states (N, H)."""
        import torch

        if self.settings.distance == "cosine":
            return 1 - torch.nn.functional.cosine_similarity(states, wanted, dim=-1)
        error = (states - wanted).square().mean(-1)
        return error / wanted.square().mean(-1).clamp_min(_SMALL) if self.settings.relative else error

    def _pairs(self, student: int, teacher: int) -> Pairs:
        return layer_pairs(self.settings.layers, student, teacher)
