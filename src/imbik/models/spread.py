"""Where the weights of a model lie that is larger than one device: over cards, then memory, then disk.

Enters: a model's folder, the precision of its weights, limits where the recipe gives them. Leaves: None for a model
that fits where it will run, else a `Spread` for `load`. Layers are brought to their device when their turn comes
(accelerate's dispatch); what lies on disk is read from the model's own safetensors files, nothing is copied.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.core.errors import ModelError
from imbik.models.device import SMALL, WEIGHTS_SHARE

if TYPE_CHECKING:
    import torch
    from torch import nn

_CGROUP = Path("/sys/fs/cgroup")
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_STORED = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}
_UNITS = {"TB": 10**12, "GB": 10**9, "MB": 10**6, "KB": 10**3, "B": 1}
_HEADER_LIMIT = 100_000_000


@dataclass(frozen=True)
class Spread:
    """The most bytes of weights by place: a card's number, or `cpu`. What is left over lies on disk."""

    limits: Mapping[int | str, int]
    weights: int

    def __str__(self) -> str:
        places = [f"{size / 1e9:.3g} GB on {_name(place)}" for place, size in self.limits.items()]
        return (
            f"{self.weights / 1e9:.3g} GB of weights are larger than one device: at most {', '.join(places)}, the rest "
            "on disk"
        )


def spread_for(
    folder: Path, *, dtype: str = "float32", device: str = "auto", memory: Mapping[str, str] | None = None
) -> Spread | None:
    """How a model must be spread, or None where it fits the device it will run on.

    `memory` (`{cpu: 8GB, cuda:0: 20GB}`) forces limits. Without it: a model that fits one card (without
    cards: the memory) is not spread, others take 80% of what each card, then the memory, has free.
    Raises: ModelError for a place or a size that is none.
    """
    count, stored = weights_in(folder)
    weights = count * _BYTES[dtype] if dtype in _BYTES else stored
    if memory:
        return Spread(_limits(memory), weights)
    if count < SMALL:
        return None
    cards, room = _free_cards(device), int(WEIGHTS_SHARE * free_memory())
    if any(weights <= free for free in cards.values()) or (not cards and weights <= room):
        return None
    return Spread({**cards, "cpu": room}, weights)


def weights_in(folder: Path) -> tuple[int, int]:
    """Numbers and bytes in a folder's safetensors files, by their headers."""
    count = size = 0
    for path in sorted(folder.glob("*.safetensors")):
        for shape, kind in _tensors(path):
            numbers = math.prod(shape)
            count, size = count + numbers, size + numbers * _STORED.get(kind, 1)
    return count, size


def free_memory() -> int:
    """Bytes that can still be had of the machine or container."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        used = int((_CGROUP / "memory.current").read_text())
        return free if limit == "max" else min(free, int(limit) - used)
    except (OSError, ValueError):
        return free


def is_spread(network: nn.Module) -> bool:
    """Whether a network's layers are brought to their device one by one."""
    return hasattr(network, "_hf_hook")


def input_device(network: nn.Module) -> torch.device:
    """Where a network wants its token ids: the device it computes on, wherever its weights lie."""
    import torch

    if is_spread(network):
        return torch.device(network._hf_hook.execution_device)  # type: ignore[union-attr, arg-type]
    return next(network.parameters()).device


def _tensors(path: Path) -> Iterator[tuple[list[int], str]]:
    """Shape and kind of each tensor of a file (safetensors: 8 bytes of length, then a JSON table)."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        table = json.loads(file.read(length)) if length < _HEADER_LIMIT else {}
    yield from ((entry["shape"], entry["dtype"]) for name, entry in table.items() if name != "__metadata__")


def _free_cards(device: str) -> dict[int | str, int]:
    """What weights may take of each card that may be used."""
    import torch

    if device == "cpu" or not torch.cuda.is_available():
        return {}
    named = int(device.partition(":")[2]) if ":" in device else None
    cards = range(torch.cuda.device_count()) if named is None else [named]
    return {card: int(WEIGHTS_SHARE * torch.cuda.mem_get_info(card)[0]) for card in cards}


def _limits(memory: Mapping[str, str]) -> dict[int | str, int]:
    """`{cuda:0: 20GB, cpu: 8GB}` as accelerate wants it, cards first."""
    found: dict[int | str, int] = {}
    for place, text in sorted(memory.items(), reverse=True):
        card = place.removeprefix("cuda:")
        if place != "cpu" and (not place.startswith("cuda:") or not card.isdecimal()):
            raise ModelError(
                f"'{place}' is no place for weights", where="memory", next="memory: {cuda:0: 20GB, cpu: 8GB}"
            )
        found["cpu" if place == "cpu" else int(card)] = _size(text)
    return {"cpu": 0, **found} if "cpu" not in found else found


def _size(text: str) -> int:
    """`1.5GB` in bytes."""
    for unit, factor in _UNITS.items():
        number = text.upper().replace(" ", "").removesuffix(unit)
        if text.upper().endswith(unit) and number.replace(".", "", 1).isdecimal():
            return int(float(number) * factor)
    raise ModelError(f"'{text}' is no size", where="memory", next="write it as 20GB or 500MB")


def _name(place: int | str) -> str:
    return "the processor's memory" if place == "cpu" else f"cuda:{place}"
