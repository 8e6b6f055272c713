"""A narrower model made of a wider one: some of its attention heads, some channels of its residual stream.

Enters: a network, shares. Leaves: a network of the same architecture. Heads go in whole groups (a key/value head with
the query heads that look by it), in each layer those whose values weigh most on their way out; channels of the stream
are those whose weights weigh most over the whole model. Muralidharan et al. 2024, "Minitron", arXiv:2407.14679, rank
both by activations; norms need no data, and training heals what is lost.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from imbik.core.errors import ModelError
from imbik.models.layers import attention_of, decoder_layers
from imbik.models.rebuild import rebuilt

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedModel

_EIGHT = 8  # widths that are a multiple of it are what matrix products are fast at


def with_heads(network: PreTrainedModel, share: float) -> PreTrainedModel:
    """A network that keeps a share of the groups of heads of every layer, the weightiest, at least one.

    Raises: ModelError for an architecture whose heads cannot be fewer than its width says.
    """
    config, text, width = _with_head_width(network, "heads")
    queries, groups = int(text.num_attention_heads), _groups(text)
    state, kept = dict(network.state_dict()), max(1, round(share * groups))
    names = {id(module): name for name, module in network.named_modules()}
    for layer in decoder_layers(network):
        attention: Any = attention_of(layer)
        stem = names[id(attention)] + "."
        parts = _attention_parts(attention, queries, groups, width)
        if parts is None:
            raise _refused("heads", type(attention).__name__)
        out = state[stem + "o_proj.weight"].float().reshape(-1, groups, queries // groups * width)
        values = _block(state, stem, parts, "v").float().reshape(groups, -1)
        weight = out.norm(dim=(0, 2)) * values.norm(dim=1)
        chosen = weight.topk(kept).indices.sort().values
        for name, axis, runs in parts["all"]:
            if stem + name in state:
                state[stem + name] = _selected(state[stem + name], axis, runs, chosen)
    text.num_attention_heads, text.num_key_value_heads = queries // groups * kept, kept
    return rebuilt(network, config, state)


def with_hidden(network: PreTrainedModel, share: float) -> PreTrainedModel:
    """A network that keeps a share of the channels between its layers, the weightiest.

    Raises: ModelError for an architecture whose heads follow from that width.
    """
    import torch

    config, text, _ = _with_head_width(network, "hidden")
    wide = int(text.hidden_size)
    narrow = max(_EIGHT, round(share * wide / _EIGHT) * _EIGHT) if wide > _EIGHT else wide
    if narrow >= wide:
        return network
    text.hidden_size = narrow
    state = dict(network.state_dict())
    axes = _axes(config, state)
    energy = torch.zeros(wide)
    for name, places in axes.items():
        if state[name].ndim > 1:
            for axis in places:
                energy += state[name].float().transpose(0, axis).flatten(1).pow(2).sum(1)
    kept = energy.topk(narrow).indices.sort().values
    for name, places in axes.items():
        for axis in places:
            state[name] = state[name].index_select(axis, kept)
    # A norm divides by the root of the mean square: what is left of it is the kept channels' share, of fewer channels.
    factor = float((energy[kept].sum() / energy.sum() * wide / narrow).sqrt())
    _scale_norms(network, state, axes, factor)
    return rebuilt(network, config, state)


def _with_head_width(network: PreTrainedModel, key: str) -> tuple[Any, Any, int]:
    """A copy of the config that says how wide a head is, its part on text, that width.

    Raises: ModelError where the architecture has no such setting.
    """
    config = copy.deepcopy(network.config)
    text = config.get_text_config()
    queries = int(text.num_attention_heads)
    width = getattr(text, "head_dim", None) or int(text.hidden_size) // queries
    attention: Any = attention_of(decoder_layers(network)[0])
    if not hasattr(attention, "o_proj") or hasattr(attention, "kv_lora_rank"):
        raise _refused(key, type(attention).__name__)
    text.head_dim = width
    return config, text, int(width)


def _refused(key: str, kind: str) -> ModelError:
    return ModelError(
        f"the heads of this architecture ({kind}) are as wide as its width says, so one cannot change alone",
        where=f"student.keep.{key}",
        next="keep fewer layers, or part of each MLP, instead: student.keep.layers, student.keep.mlp",
    )


def _groups(text: Any) -> int:
    return int(getattr(text, "num_key_value_heads", None) or text.num_attention_heads)


def _attention_parts(attention: nn.Module, queries: int, groups: int, width: int) -> Any:
    """Where groups of heads lie: all (name, axis, sizes of the runs of groups along it), and where values are ("v":
    name, first row, rows). None where the projections have other names."""
    each, own = queries // groups * width, width
    inside = [("o_proj.weight", 1, (each,))]
    if hasattr(attention, "qkv_proj"):
        runs = (each, own, own)
        fused = [(f"qkv_proj.{part}", 0, runs) for part in ("weight", "bias")]
        return {"all": [*fused, *inside], "v": ("qkv_proj.weight", groups * (each + own), groups * own)}
    if not all(hasattr(attention, f"{name}_proj") for name in "qkv"):
        return None
    sizes = {"q": each, "k": own, "v": own}
    apart = [(f"{name}_proj.{part}", 0, (size,)) for name, size in sizes.items() for part in ("weight", "bias")]
    norms = [(f"{name}_norm.weight", 0, (size,)) for name, size in (("q", each), ("k", own))]
    whole = [norm for norm in norms if _over_all_heads(attention, norm[0], groups * norm[2][0])]
    return {"all": [*apart, *whole, *inside], "v": ("v_proj.weight", 0, groups * own)}


def _over_all_heads(attention: nn.Module, name: str, size: int) -> bool:
    """Whether a norm of queries or keys has a weight for each head's each number (OLMo 2), not one for all heads."""
    module = getattr(attention, name.split(".")[0], None)
    return module is not None and getattr(module, "weight", None) is not None and len(module.weight) == size


def _block(state: dict[str, Tensor], stem: str, parts: Any, key: str) -> Tensor:
    name, first, rows = parts[key]
    return state[stem + name][first : first + rows]


def _selected(weight: Tensor, axis: int, runs: tuple[int, ...], chosen: Tensor) -> Tensor:
    """The chosen groups of each run along an axis; `runs` are the sizes of one group in each."""
    import torch

    count = weight.shape[axis] // sum(runs)
    rows, first = [], 0
    for size in runs:
        rows.append((first + chosen[:, None] * size + torch.arange(size)).flatten())
        first += count * size
    return weight.index_select(axis, torch.cat(rows).to(weight.device))


def _axes(config: Any, state: dict[str, Tensor]) -> dict[str, list[int]]:
    """Of each tensor the axes along which a narrower model of this config has fewer numbers."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        narrow = AutoModelForCausalLM.from_config(config).state_dict()
    return {
        name: [axis for axis, size in enumerate(tensor.shape) if size != narrow[name].shape[axis]]
        for name, tensor in state.items()
    }


def _scale_norms(network: PreTrainedModel, state: dict[str, Tensor], axes: dict[str, list[int]], factor: float) -> None:
    """Norms over the stream give what they gave; Gemma's weights are what is added to one."""
    offset = 1.0 if "gemma" in str(network.config.model_type) else 0.0
    for name, module in network.named_modules():
        weight = f"{name}.weight"
        if "norm" in type(module).__name__.lower() and axes.get(weight) == [0]:
            state[weight] = (state[weight].float() + offset).mul(factor).sub(offset).to(state[weight].dtype)
