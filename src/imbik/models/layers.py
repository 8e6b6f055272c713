"""What a network's layers say on the way: hidden states, attention maps, queries, keys and values.

Enters: a transformers model, a forward pass. Leaves: one tensor a layer and kind. Forward hooks read what the modules
give anyway, so no architecture is written down here but for what its parts are called.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from imbik.core.errors import ModelError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

HIDDEN, ATTENTION, RELATIONS = "hidden", "attention", "relations"
_MLP = ("mlp", "feed_forward", "block_sparse_moe")
_ATTENTION = ("self_attn", "attn", "self_attention", "attention")


@dataclass
class Heard:
    """By layer: hidden (L + 1 of (B, S, H); the first is what goes into the first layer), attention (L of
    (B, heads, S, S)), queries, keys and values as projected (L of (B, S, D), before positions are turned in).
    """

    hidden: list[Tensor] = field(default_factory=list)
    attention: list[Tensor] = field(default_factory=list)
    queries: list[Tensor] = field(default_factory=list)
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    def to(self, device: torch.device) -> Heard:
        """The same on a device."""
        lists = (self.hidden, self.attention, self.queries, self.keys, self.values)
        return Heard(*([tensor.to(device) for tensor in found] for found in lists))


def decoder_layers(network: nn.Module) -> list[nn.Module]:
    """The layers of a decoder, the first to the last.

    Raises: ModelError where they are not found.
    """
    import torch

    count = int(network.config.get_text_config().num_hidden_layers)  # type: ignore[union-attr, operator]
    for module in network.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == count and attention_of(module[0]) is not None:
            return list(module)
    raise ModelError(f"the {count} layers of this model are not found", where=type(network).__name__)


@contextmanager
def listening(network: nn.Module, wanted: frozenset[str]) -> Iterator[Heard]:
    """While it lasts, forward passes write into what it gives; one pass, or the second is below the first.

    Raises: ModelError for what the architecture does not have.
    """
    heard, handles = Heard(), []
    layers = decoder_layers(network)
    try:
        for number, layer in enumerate(layers):
            if HIDDEN in wanted:
                if number == 0:
                    handles.append(layer.register_forward_pre_hook(_entering(heard), with_kwargs=True))
                handles.append(layer.register_forward_hook(_leaving(heard)))
            attention = attention_of(layer)
            assert attention is not None
            if ATTENTION in wanted:
                handles.append(attention.register_forward_hook(_maps(heard)))
            if RELATIONS in wanted:
                handles += _projections(attention, heard)
        yield heard
    finally:
        for handle in handles:
            handle.remove()


def show_attention(network: Any) -> None:
    """Let a network compute attention in the way that keeps its maps (slower, and more memory).

    Raises: ModelError for a network whose attention looks at a learned prefix too.
    """
    if getattr(network, "imbik_prefix", 0):
        raise ModelError(
            "attention over a learned prefix has columns that the teacher's maps do not have",
            next="train with lora, or leave the loss `attention` out",
        )
    network.set_attn_implementation("eager")


def mlp_of(layer: nn.Module) -> nn.Module | None:
    """The part of a layer that works on each token alone; None where it has another name."""
    return next((found for name in _MLP if (found := getattr(layer, name, None)) is not None), None)


def attention_of(layer: nn.Module) -> nn.Module | None:
    """The part of a layer that looks at other tokens; None where it has another name."""
    return next((found for name in _ATTENTION if (found := getattr(layer, name, None)) is not None), None)


def _entering(heard: Heard) -> Any:
    def hook(module: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:  # noqa: ARG001
        heard.hidden.append(arguments[0] if arguments else named["hidden_states"])

    return hook


def _leaving(heard: Heard) -> Any:
    def hook(module: Any, arguments: Any, output: Any) -> None:  # noqa: ARG001
        heard.hidden.append(output[0] if isinstance(output, tuple) else output)

    return hook


def _maps(heard: Heard) -> Any:
    def hook(module: Any, arguments: Any, output: Any) -> None:  # noqa: ARG001
        weights = output[1] if isinstance(output, tuple) and len(output) > 1 else None
        if weights is None:
            raise ModelError("this model's attention keeps no maps", where=type(module).__name__)
        heard.attention.append(weights)

    return hook


def _projections(attention: Any, heard: Heard) -> list[Any]:
    """Hooks on the projections to queries, keys and values, apart or in one matrix."""
    apart = [getattr(attention, name, None) for name in ("q_proj", "k_proj", "v_proj")]
    if all(apart):
        lists = (heard.queries, heard.keys, heard.values)
        return [module.register_forward_hook(_into([kept])) for module, kept in zip(apart, lists, strict=True)]  # type: ignore[union-attr]
    fused = getattr(attention, "qkv_proj", None) or getattr(attention, "c_attn", None)
    if fused is None:
        raise ModelError(
            "this model's attention has no queries, keys and values of its own that could be compared",
            where=type(attention).__name__,
            next="use hidden_state instead of relations",
        )
    return [fused.register_forward_hook(_into([heard.queries, heard.keys, heard.values], attention))]


def _into(lists: list[list[Any]], attention: Any = None) -> Any:
    """A hook that keeps an output, or its three parts."""

    def hook(module: Any, arguments: Any, output: Any) -> None:  # noqa: ARG001
        parts = [output] if len(lists) == 1 else output.split(_widths(attention, output.shape[-1]), -1)
        for kept, part in zip(lists, parts, strict=True):
            kept.append(part)

    return hook


def _widths(attention: Any, whole: int) -> list[int]:
    """How a fused projection is made of queries, keys and values."""
    config = attention.config
    heads = config.num_attention_heads
    shared = getattr(config, "num_key_value_heads", None) or heads
    one = whole // (heads + 2 * shared)
    return [heads * one, shared * one, shared * one]
