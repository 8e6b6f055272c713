"""Where a model runs: the graphics card where there is one and the model is worth the way there, else the processor.

Enters: a model and what the recipe says (`auto`, `cpu`, `cuda`, `cuda:1`). Leaves: a torch device. Small models stay on
the processor: they are no faster on a card, and there they give the same bits every time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imbik.core.errors import ModelError
from imbik.models.model import LanguageModel

if TYPE_CHECKING:
    import torch

SMALL = 30_000_000
# Of a card's free memory, what weights may take: the rest is for keys, values and activations.
WEIGHTS_SHARE = 0.8


def device_for(model: LanguageModel, wanted: str = "auto") -> torch.device:
    """The device that a model's questions are answered on.

    Raises: ModelError when a card is asked for by name and there is none of that name.
    """
    import torch

    if wanted != "auto":
        return _named(wanted)
    if model.parameters < SMALL or not torch.cuda.is_available():
        return torch.device("cpu")
    card = torch.device("cuda", torch.cuda.current_device())
    if next(model.network.parameters()).device == card:
        return card
    weights = sum(weight.numel() * weight.element_size() for weight in model.network.parameters())
    return card if weights <= WEIGHTS_SHARE * torch.cuda.mem_get_info(card)[0] else torch.device("cpu")


def _named(wanted: str) -> torch.device:
    import torch

    device = torch.device(wanted)
    if device.type == "cpu":
        return device
    there = torch.cuda.device_count()
    if (device.index or 0) >= there:
        found = f"torch sees {there} of them" if there else "torch sees none"
        raise ModelError(
            f"there is no graphics card '{wanted}' ({found})",
            where="device",
            next="write device: cpu, or leave device out; imbik doctor shows what torch sees",
        )
    return torch.device("cuda", device.index if device.index is not None else torch.cuda.current_device())
