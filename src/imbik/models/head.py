"""The output head: from hidden states to logits, exactly as the network itself does it.

Enters: a network (with or without adapters). Leaves: `OutputHead`, the one place that knows that Gemma 2 caps its
logits and Granite and Cohere scale them, so that losses can compute logits in chunks; and `HiddenTap`, which takes
the hidden states out of the wrapped forward: by it a head is held against the network's own logits before it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

from imbik.core.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedModel

PROBE = (1, 2, 3, 0)
_PROVEN: WeakSet[Any] = WeakSet()


@dataclass(frozen=True)
class LowRank:
    """What a LoRA adapter adds to a head: scale * up @ down, of `down` (r, hidden) and `up` (vocabulary, r)."""

    down: Tensor
    up: Tensor
    scale: float
    dropout: Callable[[Tensor], Tensor] | None = None

    def inner(self, hidden: Tensor) -> Tensor:
        """(…, hidden) -> (…, r), scaled, with dropout while training: `up` makes logits of it."""
        import torch

        kept = hidden if self.dropout is None else self.dropout(hidden)
        return torch.nn.functional.linear(kept.to(self.down.dtype), self.down) * self.scale


@dataclass(frozen=True)
class OutputHead:
    """weight (vocabulary, hidden), bias (vocabulary,) or None, an adapter beside the weight or None; logits are scaled,
    then capped: cap * tanh(x / cap).
    """

    weight: Tensor
    bias: Tensor | None = None
    scale: float = 1.0
    soft_cap: float | None = None
    adapter: LowRank | None = None

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, hidden) -> (…, vocabulary), in the dtype of the hidden states."""
        import torch

        made = torch.nn.functional.linear(hidden, self.weight, self.bias)
        if self.adapter is not None:
            inner = self.adapter.inner(hidden)
            made = made + torch.nn.functional.linear(inner, self.adapter.up.to(inner.dtype)).to(made.dtype)
        if self.scale != 1.0:
            made = made * self.scale
        return made if self.soft_cap is None else torch.tanh(made / self.soft_cap) * self.soft_cap


class HiddenTap:
    """Calls a network (or its wrapper) and returns the hidden states that its head would turn into logits."""

    def __init__(self, network: PreTrainedModel) -> None:
        self._inner = _inner(network)

    def __call__(self, forward: Callable[..., Any], **inputs: Any) -> Tensor:
        """(rows, length, hidden) of `forward(**inputs)`; logits are made for one position only."""
        caught: list[Any] = []
        hook = self._inner.register_forward_hook(lambda _module, _args, output: caught.append(output))
        try:
            forward(**inputs, logits_to_keep=1)
        finally:
            hook.remove()
        return cast("Tensor", caught[-1].last_hidden_state)


def head_of(network: PreTrainedModel) -> OutputHead:
    """The network's head, as it is now; the first time it is checked against the network's own logits.

    Raises: ModelError when the network makes its logits in a way not known here, or an adapter other than one plain
    LoRA changes the head.
    """
    whole = _whole(network)
    layer, adapter = _adapted(whole.get_output_embeddings())
    trained = getattr(layer, "modules_to_save", None)
    if trained is not None:
        layer = trained[next(iter(trained))]
    shaping = _shaping(whole.config.get_text_config())
    head = OutputHead(layer.weight, getattr(layer, "bias", None), *shaping, adapter)
    if whole not in _PROVEN:
        _check(network, head)
        _PROVEN.add(whole)
    return head


def _adapted(layer: Any) -> tuple[Any, LowRank | None]:
    """The head's own layer, and what one LoRA adapter adds to it; an adapter that is merged or off adds nothing."""
    base = getattr(layer, "base_layer", None)
    if layer is not None and base is None:
        return layer, None
    active = [] if base is None else [name for name in layer.active_adapters if name in getattr(layer, "lora_A", ())]
    if base is None or len(active) != 1 or layer.use_dora.get(active[0]) or layer.lora_bias.get(active[0]):
        raise ModelError(
            "the output head is changed by an adapter other than one plain LoRA, and the losses know no other",
            next="leave lm_head out of the adapter's target modules, or set dora: false",
        )
    if layer.merged or layer.disable_adapters:
        return base, None
    name = active[0]
    down, up = layer.lora_A[name].weight, layer.lora_B[name].weight
    return base, LowRank(down, up, layer.scaling[name], layer.lora_dropout[name])


def _shaping(config: Any) -> tuple[float, float | None]:
    """Scale and soft cap that the architecture puts on its logits."""
    scale = 1.0
    if getattr(config, "logits_scaling", None):
        scale = 1.0 / config.logits_scaling
    if getattr(config, "logit_scale", None):
        scale = float(config.logit_scale)
    return scale, getattr(config, "final_logit_softcapping", None)


def _check(network: PreTrainedModel, head: OutputHead) -> None:
    """Compare with the network's own logits on a few tokens."""
    import torch

    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            ids = torch.tensor([PROBE], device=head.weight.device)
            own = network(input_ids=ids, use_cache=False).logits.float()
            made = head.logits(HiddenTap(network)(network, input_ids=ids, use_cache=False)).float()
    finally:
        network.train(training)
    if not torch.allclose(own, made, atol=1e-3 * float(own.abs().max()) + 1e-6, rtol=1e-3):
        kind = _whole(network).config.model_type
        raise ModelError(
            f"a '{kind}' model makes its logits in a way that imbik's losses do not know",
            next="choose another architecture for the student",
        )


def _whole(network: PreTrainedModel) -> PreTrainedModel:
    """The causal language model inside an adapter's wrapper."""
    unwrap = getattr(network, "get_base_model", None)
    return cast("PreTrainedModel", unwrap() if unwrap else network)


def _inner(network: PreTrainedModel) -> nn.Module:
    """The part that ends in the hidden states."""
    whole = _whole(network)
    return cast("nn.Module", getattr(whole, whole.base_model_prefix))
