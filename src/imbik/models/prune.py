"""A smaller student made of a larger model: some of its layers, the most important part of each MLP (heads and width:
`width`).

Enters: a loaded model, how much is kept. Leaves: a model of the same architecture with fewer weights, each of them the
larger one's own; training heals it. Layers: as many as are wanted, evenly spread with the first and the last among
them (Sanh et al. 2019, "DistilBERT", arXiv:1910.01108), or those that are listed. MLP: the channels whose weights weigh
most, the product of the norms of what goes in and out (Muralidharan et al. 2024, "Minitron", arXiv:2407.14679, ranks
them by activations; norms need no data).
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imbik.core.errors import ModelError
from imbik.models.model import LanguageModel
from imbik.models.rebuild import rebuilt
from imbik.models.width import with_heads, with_hidden
from imbik.recipe.training import Keep

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

_LAYER = re.compile(r"^(.*?\.(?:layers|h))\.(\d+)\.(.*)$")
_BY_LAYER = ("layer_types", "no_rope_layers", "mlp_layer_types")  # lists in configs with an entry a layer
# what goes into a channel of the MLP and what comes out of it: (name, axis of channels, how many runs of them it has)
_CHANNELS: tuple[tuple[tuple[str, int, int], ...], ...] = (
    (("gate_proj.weight", 0, 1), ("up_proj.weight", 0, 1), ("down_proj.weight", 1, 1)),
    (("gate_up_proj.weight", 0, 2), ("down_proj.weight", 1, 1)),
    (("c_fc.weight", 1, 1), ("c_fc.bias", 0, 1), ("c_proj.weight", 0, 1)),
)


def pruned(model: LanguageModel, keep: Keep) -> LanguageModel:
    """The model with what is kept of it; it has no folder of its own yet.

    Raises: ModelError for layers that are not there, or an architecture whose MLP is not known here.
    """
    network: Any = model.network
    if keep.layers:
        network = with_layers(network, chosen(keep.layers, int(network.config.get_text_config().num_hidden_layers)))
    if keep.mlp < 1:
        network = with_narrow_mlp(network, keep.mlp)
    if keep.heads < 1:
        network = with_heads(network, keep.heads)
    if keep.hidden < 1:
        network = with_hidden(network, keep.hidden)
    return model if network is model.network else replace(model, network=network.eval(), folder=None)


def chosen(wanted: int | Sequence[int], count: int) -> list[int]:
    """Which layers (from 0) of `count` are kept: a number of them evenly spread, or those that are listed.

    Raises: ModelError for layers that are not there.
    """
    if isinstance(wanted, int):
        if wanted > count:
            raise ModelError(
                f"{wanted} layers are to be kept, and the model has {count}",
                where="student.keep.layers",
                next=f"--set student.keep.layers={max(1, count // 2)}",
            )
        return [0] if wanted == 1 else [round(number * (count - 1) / (wanted - 1)) for number in range(wanted)]
    if wrong := [number for number in wanted if not 0 <= number < count]:
        raise ModelError(
            f"the model has no layer {wrong[0]}: its layers are 0 to {count - 1}",
            where="student.keep.layers",
            next="list layers that are there, or say how many",
        )
    return list(wanted)


def with_layers(network: PreTrainedModel, layers: Sequence[int]) -> PreTrainedModel:
    """A network of these layers of another, in this order."""
    config = copy.deepcopy(network.config)
    text = config.get_text_config()
    text.num_hidden_layers = len(layers)
    for name in _BY_LAYER:
        if isinstance(found := getattr(text, name, None), list) and found:
            setattr(text, name, [found[layer] for layer in layers])
    state: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        match = _LAYER.match(name)
        if match is None:
            state[name] = tensor
            continue
        for place, layer in enumerate(layers):
            if int(match[2]) == layer:
                state[f"{match[1]}.{place}.{match[3]}"] = tensor
    return rebuilt(network, config, state)


def with_narrow_mlp(network: PreTrainedModel, share: float) -> PreTrainedModel:
    """A network that keeps a share of the channels of every MLP, the weightiest, at least one.

    Raises: ModelError for an architecture whose MLP is not known here.
    """
    import torch

    state = dict(network.state_dict())
    groups: dict[str, list[tuple[str, int, int]]] = {}
    for name in state:
        match = _LAYER.match(name)
        for parts in _CHANNELS:
            stem = "" if match is None or ".mlp." not in name else name[: name.rindex(".mlp.") + 5]
            if stem and name == stem + parts[0][0] and all(stem + part[0] in state for part in parts):
                groups[stem] = [(stem + part, axis, runs) for part, axis, runs in parts]
    config = copy.deepcopy(network.config)
    text = config.get_text_config()
    if len(groups) != text.num_hidden_layers:
        raise ModelError(
            "the MLPs of this model are not made as those that are known here",
            where="student.keep.mlp",
            next="keep fewer layers instead: student.keep.layers",
        )
    width = 0
    for parts_of in groups.values():
        norms = [_norms(state[name], axis, runs) for name, axis, runs in parts_of if state[name].ndim == 2]
        weight = torch.stack(norms).log().sum(0)
        width = max(1, round(share * len(weight)))
        kept = weight.topk(width).indices.sort().values
        for name, axis, runs in parts_of:
            state[name] = _channels(state[name], axis, runs, kept)
    for name in ("intermediate_size", "n_inner"):
        if getattr(text, name, None) is not None:
            setattr(text, name, width)
    return rebuilt(network, config, state)


def _norms(weight: Tensor, axis: int, runs: int) -> Tensor:
    """The norm of each channel's weights; those of several runs of channels together."""
    lengths: Tensor = weight.float().transpose(0, axis).flatten(1).norm(dim=1)
    return lengths.reshape(runs, -1).prod(0).clamp_min(1e-12)


def _channels(weight: Tensor, axis: int, runs: int, kept: Tensor) -> Tensor:
    import torch

    count = weight.shape[axis] // runs
    return weight.index_select(axis, torch.cat([kept + run * count for run in range(runs)]))
