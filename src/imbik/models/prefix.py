"""Learned keys and values that every layer sees before a row: prefix tuning.

Enters: a network and a number of virtual tokens. Leaves: the network with a prefix in its attention, and a folder as
PEFT writes it, which PEFT reads too. Li & Liang 2021, "Prefix-tuning", arXiv:2101.00190. The prefix joins the keys
where attention is computed, not in a cache, so that packed rows, checkpointed layers and decoding all see it; positions
of a row begin behind it, as they do in PEFT. It begins as what real tokens say there, which makes the first step that
of a model with those tokens before each row.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imbik.core.errors import ModelError
from imbik.core.files import read_json, write_json
from imbik.models.layers import attention_of, decoder_layers

if TYPE_CHECKING:
    from torch import Tensor, nn

NAME = "prefix"
CONFIG, WEIGHTS, KIND = "adapter_config.json", "adapter_model.safetensors", "PREFIX_TUNING"
_EMBEDDINGS = "prompt_embeddings"
_BY = ("sdpa", "eager")  # how attention may be computed below the prefix


def prefix_length(network: object) -> int:
    """How many virtual tokens stand before each row; 0 where there is no prefix."""
    return int(getattr(network, "imbik_prefix", 0))


def attach_prefix(network: Any, ids: Sequence[int]) -> int:
    """Put a prefix into every layer that begins as these tokens; returns its weights.

    Raises: ModelError where keys and values are not cached in one shape a layer, as PEFT's files hold them.
    """
    import torch

    training = network.training
    network.eval()
    with torch.no_grad():
        device = network.get_input_embeddings().weight.device
        output = network(input_ids=torch.tensor([list(ids)], device=device), use_cache=True)
    network.train(training)
    kept = [(layer.keys[0].clone(), layer.values[0].clone()) for layer in output.past_key_values.layers]
    if len({tensor.shape for pair in kept for tensor in pair}) != 1:
        raise ModelError("this model's keys and values have different shapes, and a prefix is one matrix")
    _attach(network, kept)
    return sum(keys.numel() + values.numel() for keys, values in kept)


def save_prefix(network: Any, folder: Path) -> None:
    """The prefix alone, as PEFT writes one."""
    import torch
    from safetensors.torch import save_file

    parts = [_prefix_of(layer) for layer in decoder_layers(network)]
    heads, tokens, width = parts[0].keys.shape
    # PEFT: (tokens, layers * 2 * heads * width), a layer's keys before its values.
    whole = torch.stack([tensor.detach().cpu() for part in parts for tensor in (part.keys, part.values)])
    state = whole.permute(2, 0, 1, 3).reshape(tokens, -1).contiguous()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    save_file({_EMBEDDINGS: state}, folder / WEIGHTS)
    config = {
        "peft_type": KIND,
        "task_type": "CAUSAL_LM",
        "num_virtual_tokens": tokens,
        "num_layers": len(parts),
        "num_attention_heads": heads,
        "token_dim": heads * width,
        "num_transformer_submodules": 1,
        "inference_mode": True,
    }
    write_json(folder / CONFIG, config)


def has_prefix_saved(folder: Path) -> bool:
    """Whether a folder holds a prefix."""
    path = folder / CONFIG
    return path.exists() and read_json(path, dict[str, Any]).get("peft_type") == KIND


def load_prefix(network: Any, folder: Path) -> None:
    """Put a saved prefix into its base.

    Raises: ModelError when it does not fit.
    """
    from safetensors.torch import load_file

    layers, config = decoder_layers(network), read_json(folder / CONFIG, dict[str, Any])
    heads, tokens = int(config["num_attention_heads"]), int(config["num_virtual_tokens"])
    state, text = load_file(folder / WEIGHTS)[_EMBEDDINGS], network.config.get_text_config()
    own = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    if heads != own or state.shape != (tokens, len(layers) * 2 * own * width):
        raise ModelError("the prefix does not fit its base", where=str(folder), next="check base.json beside it")
    whole = state.reshape(tokens, len(layers) * 2, heads, -1).permute(1, 2, 0, 3).contiguous()
    _attach(network, [(whole[2 * number], whole[2 * number + 1]) for number in range(len(layers))])


def _attach(network: Any, parts: Sequence[tuple[Tensor, Tensor]]) -> None:
    """(heads, tokens, width) of keys and values a layer, from now on in attention."""
    layers = decoder_layers(network)
    if len(parts) != len(layers):
        raise ModelError("this model caches keys and values otherwise than layer by layer")
    device = next(network.parameters()).device
    for layer, (keys, values) in zip(layers, parts, strict=True):
        attention: Any = attention_of(layer)
        attention.add_module(NAME, _made(keys, values).to(device))
    tokens = int(parts[0][0].shape[1])
    network.imbik_prefix = tokens
    body = getattr(network, network.base_model_prefix)
    body.register_forward_pre_hook(_behind(tokens), with_kwargs=True)
    network.set_attn_implementation(_registered(network.config._attn_implementation))


def _made(keys: Tensor, values: Tensor) -> nn.Module:
    import torch

    made: Any = torch.nn.Module()
    made.keys, made.values = torch.nn.Parameter(keys.float()), torch.nn.Parameter(values.float())
    return made  # type: ignore[no-any-return]


def _prefix_of(layer: nn.Module) -> Any:
    return getattr(attention_of(layer), NAME)


def _behind(tokens: int) -> Any:
    """A hook on the network's body: a row's positions begin behind the prefix."""
    import torch

    def hook(module: Any, arguments: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:  # noqa: ARG001
        positions = named.get("position_ids")
        if positions is None:
            cache, ids = named.get("past_key_values"), arguments[0] if arguments else named.get("input_ids")
            given = named["inputs_embeds"] if ids is None else ids
            begin = 0 if cache is None else cache.get_seq_length()
            positions = torch.arange(begin, begin + given.shape[1], device=given.device)[None]
        return arguments, {**named, "position_ids": positions + tokens}

    return hook


def _registered(by: str) -> str:
    """The name of attention with a prefix, computed `by` what the network had."""
    from transformers import AttentionInterface
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface

    by = by if by in _BY else _BY[0]
    name = f"imbik_prefix_{by}"
    AttentionInterface.register(name, _seen(by))
    AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[by])
    return name


def _seen(by: str) -> Any:
    """An attention function that puts the module's prefix before its keys and values."""

    def attend(module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **named: Any) -> Any:
        import torch
        from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

        own: Any = sys.modules[type(module).__module__]
        plain = ALL_ATTENTION_FUNCTIONS.get_interface(by, own.eager_attention_forward)
        prefix, rows = getattr(module, NAME), key.shape[0]
        mask = _with_prefix(attention_mask, query, key, prefix.keys.shape[1])
        parts = [
            torch.cat([learned.to(given.dtype).expand(rows, -1, -1, -1), given], 2)
            for learned, given in ((prefix.keys, key), (prefix.values, value))
        ]
        return plain(module, query, *parts, mask, **named)

    return attend


def _with_prefix(mask: Tensor | None, query: Tensor, key: Tensor, tokens: int) -> Tensor | None:
    """A mask with columns that everybody sees; None where there is nothing to hide."""
    import torch

    asked, there = query.shape[2], key.shape[2]
    if mask is None:
        if asked == 1:
            return None
        mask = torch.ones(asked, there, dtype=torch.bool, device=query.device).tril(there - asked)[None, None]
    columns = (*mask.shape[:-1], tokens)
    open_to_all = mask.new_ones(columns) if mask.dtype == torch.bool else mask.new_zeros(columns)
    return torch.cat([open_to_all, mask], -1)
