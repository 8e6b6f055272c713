"""Frozen layers held in the number format they are computed in: an adapter's base takes half the memory.

Under autocast a linear layer's weight is rounded to bf16 (or fp16) whenever it is used; a frozen one may be rounded
once. Values and gradients stay the same bit for bit, the float32 copy is gone, and with it a conversion a step. Only
layers of a base that lies on disk are held so: it is what the student is read from afterwards. Embeddings, norms and
the head stay as they are, for they are not computed in that format, and so do layers under DoRA, which measures their
weights in full.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from imbik.train.precision import DTYPES, Precision


class HeldLinear(nn.Linear):
    """A linear layer whose weight is in a narrower format than what it may be given."""

    def forward(self, given: Tensor) -> Tensor:
        """(…, in) -> (…, out); without autocast in the format of what is given."""
        if torch.is_autocast_enabled(given.device.type):
            return super().forward(given)
        bias = None if self.bias is None else self.bias.to(given.dtype)
        return nn.functional.linear(given, self.weight.to(given.dtype), bias)


def hold_frozen(network: Any, precision: Precision) -> int:
    """Hold a network's frozen linear layers in the precision; returns how many bytes that frees (0: nothing to do)."""
    kind = DTYPES.get(precision)
    if kind is None:
        return 0
    ends = (network.get_input_embeddings(), network.get_output_embeddings())
    kept = {id(layer.weight) for layer in ends if layer is not None}
    kept |= {
        id(layer.base_layer.weight) for layer in network.modules() if getattr(layer, "lora_magnitude_vector", None)
    }
    freed = 0
    for module in network.modules():
        if type(module) is not nn.Linear or id(module.weight) in kept:
            continue
        parameters = list(module.parameters())
        if any(one.requires_grad or one.dtype != torch.float32 for one in parameters):
            continue
        for one in parameters:
            one.data = one.data.to(kind)
            freed += one.numel() * (4 - kind.itemsize)
        module.__class__ = HeldLinear
    return freed
