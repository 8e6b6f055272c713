"""How tokens relate to one another inside a layer: self-attention relations of MiniLMv2.

Queries (keys, values) of all heads are joined and cut anew into R relation heads, so both sides may have as many heads
and as wide ones as they like; a token's relation to those it sees is softmax(x x' / sqrt(width / R)), and the loss is
KL(teacher || student), mean over relation heads, kinds and layer pairs (Wang et al. 2021, "MiniLMv2",
arXiv:2012.15828). Here a token sees its own row up to itself, as in a decoder; projections are compared before
positions are turned in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from imbik.core.errors import RecipeError
from imbik.core.plugins import PluginSettings
from imbik.train.layers import MAP, LayerMap, Layers, Pairs, layer_pairs
from imbik.train.losses import RELATIONS, Signals, over_tokens

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["queries", "keys", "values"]


class Relations:
    """KL of self-attention relations at the learned positions."""

    class Settings(PluginSettings):
        """Which layers and kinds, cut into how many relation heads."""

        weight: float = Field(1.0, gt=0, description="factor of this loss in the weighted sum")
        layers: LayerMap = Field("last", description=MAP)
        kinds: list[Kind] = Field(["queries", "keys", "values"], min_length=1, description="what is related to itself")
        heads: int = Field(0, ge=0, description="relation heads (0: as many as both widths allow, up to 64)")

    version = 1
    needs = frozenset({RELATIONS})

    def __init__(self, settings: Relations.Settings) -> None:
        self.weight, self.settings = settings.weight, settings

    def learned(self, student: Any, teacher: Any) -> None:
        """Nothing is learned along; layers and relation heads are looked at.

        Raises: RecipeError for a layer that is not there, or a number of heads that does not divide a width.
        """
        for own, other in self._pairs(int(student.num_hidden_layers), int(teacher.num_hidden_layers)):
            if not own or not other:
                raise RecipeError("layer 0 has no queries", where="train.losses", next="layers count from 1")
        for kind in self.settings.kinds:
            self._heads(_width(student, kind), _width(teacher, kind))

    def value(self, signals: Signals) -> Tensor:
        """Sum over tokens of the KL, mean over kinds and layer pairs, / `signals.tokens`."""
        import torch

        own, other = signals.layers, signals.teacher_layers
        assert own is not None
        assert other is not None
        pairs = self._pairs(len(own.queries), len(other.queries))
        total = torch.zeros((), device=signals.hidden.device)
        for mine, theirs in pairs:
            for kind in self.settings.kinds:
                states, wanted = getattr(own, kind)[mine - 1], getattr(other, kind)[theirs - 1]
                heads = self._heads(states.shape[-1], wanted.shape[-1])
                student, teacher = relation(states, own, heads), relation(wanted, other, heads)
                gap = torch.where(own.visible[:, None], teacher.exp() * (teacher - student), 0.0).sum(-1)
                total = total + over_tokens(gap.mean(-1), signals)
        return total / (len(pairs) * len(self.settings.kinds))

    def _heads(self, student: int, teacher: int) -> int:
        wanted = self.settings.heads
        if not wanted:
            return next(count for count in range(64, 0, -1) if student % count == 0 and teacher % count == 0)
        if student % wanted or teacher % wanted:
            raise RecipeError(
                f"{wanted} relation heads do not divide the widths of both sides ({student} and {teacher})",
                where="train.losses",
                next="write heads: 0, or a number that divides both",
            )
        return wanted

    def _pairs(self, student: int, teacher: int) -> Pairs:
        return layer_pairs(self.settings.layers, student, teacher)


def relation(states: Tensor, layers: Layers, heads: int) -> Tensor:
    """(N, heads, S) log-probabilities of the relation of each place to what it sees, of projections (B, S, D)."""
    import torch

    lines, length, width = states.shape
    cut = states.float().reshape(lines, length, heads, width // heads).transpose(1, 2)
    line, column = layers.places // length, layers.places % length
    scores = (cut @ cut.transpose(-1, -2) / (width // heads) ** 0.5)[line, :, column]
    return torch.log_softmax(scores.masked_fill(~layers.visible[:, None], torch.finfo(scores.dtype).min), -1)


def _width(config: Any, kind: str) -> int:
    """The width of a projection, by a model's config."""
    heads = int(config.num_attention_heads)
    one = getattr(config, "head_dim", None) or int(config.hidden_size) // heads
    shared = getattr(config, "num_key_value_heads", None) or heads
    return int(one * (heads if kind == "queries" else shared))
