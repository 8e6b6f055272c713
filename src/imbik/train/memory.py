"""How many rows fit at a time, and what running out of memory looks like.

Enters: a network, row lengths, the device. Leaves: a first micro-batch from an estimate (a process that the system
kills for memory can catch nothing), and the test by which the trainer recognises a failed allocation and halves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from imbik.models.spread import free_memory

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_SHARE = 0.5
_SIGNS = ("can't allocate memory", "not enough memory", "out of memory", "failed to allocate", "std::bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that memory could not be had, on a CPU or an accelerator."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)


def available_bytes(device: torch.device) -> int:
    """Memory that can still be had: of the accelerator, or of the machine or container."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return free_memory()


def bytes_a_token(network: PreTrainedModel, *, checkpointing: bool) -> int:
    """Activations kept for the backward pass, for one token: about 16 hidden and 5 MLP widths a layer, in float32."""
    config = network.config.get_text_config()
    hidden = int(config.hidden_size)
    inner = int(getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None) or 4 * hidden)
    layer = 4 * (16 * hidden + 5 * inner)
    layers = int(config.num_hidden_layers)
    return layers * 8 * hidden + layer if checkpointing else layers * layer


def rows_that_fit(network: PreTrainedModel, *, longest: int, batch_size: int, checkpointing: bool) -> int:
    """Rows of `longest` tokens whose activations take at most half of the memory that gradients and optimiser leave."""
    parameters = list(network.parameters())
    device = parameters[0].device
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    left = available_bytes(device) - trained * 12
    each = bytes_a_token(network, checkpointing=checkpointing) * longest
    return max(1, min(batch_size, int(left * _SHARE / each)))
