"""Bottleneck adapters: two small matrices after a layer's attention or MLP, with a residual around them.

Enters: a network and a shape. Leaves: the network with adapters in its layers (beside the modules they follow, so that
no other weight changes its name), and a folder with the adapters alone. Houlsby et al. 2019, arXiv:1902.00751 (after
both); Pfeiffer et al. 2021, arXiv:2005.00247 (after the MLP). They are no linear part of a layer: nothing merges them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from imbik.core.errors import ModelError
from imbik.core.files import read_json, write_json
from imbik.core.types import Record
from imbik.models.layers import attention_of, decoder_layers, mlp_of

if TYPE_CHECKING:
    from torch import Tensor, nn

FILE, WEIGHTS, NAME = "bottleneck.json", "bottleneck.safetensors", "bottleneck"


class Shape(Record, frozen=True, kw_only=True):
    """Width of the bottleneck, where it stands, which function is between the matrices."""

    size: int
    after: tuple[Literal["attention", "mlp"], ...] = ("mlp",)
    activation: Literal["relu", "gelu", "silu"] = "gelu"


def attach(network: Any, shape: Shape, *, seed: int = 0) -> list[str]:
    """Put adapters into every layer; returns where. They begin as nothing: the second matrix is zero.

    Raises: ModelError where a layer has no such part.
    """
    import torch

    width, placed = int(network.config.get_text_config().hidden_size), []
    device = next(network.parameters()).device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for number, layer in enumerate(decoder_layers(network)):
            for place in shape.after:
                module = (attention_of if place == "attention" else mlp_of)(layer)
                if module is None:
                    raise ModelError(f"layer {number} has no {place} that an adapter could follow")
                module.add_module(NAME, _made(width, shape).to(device))
                module.register_forward_hook(_after)
                placed.append(f"{number}.{place}")
    network.imbik_bottleneck = shape
    return placed


def has_bottlenecks(network: object) -> bool:
    """Whether adapters of this kind are in a network."""
    return hasattr(network, "imbik_bottleneck")


def save_bottlenecks(network: Any, folder: Path) -> None:
    """The adapters alone, with their shape."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json(folder / FILE, network.imbik_bottleneck)
    own = {name: p.detach().cpu().contiguous() for name, p in network.named_parameters() if f".{NAME}." in name}
    save_file(own, folder / WEIGHTS)


def has_bottlenecks_saved(folder: Path) -> bool:
    """Whether a folder holds adapters of this kind."""
    return (folder / FILE).exists()


def load_bottlenecks(network: Any, folder: Path) -> None:
    """Put saved adapters into their base.

    Raises: ModelError when they do not fit.
    """
    from safetensors.torch import load_file

    attach(network, read_json(folder / FILE, Shape))
    wanted, own = load_file(folder / WEIGHTS), dict(network.named_parameters())
    shapes = {name: parameter.shape for name, parameter in own.items() if f".{NAME}." in name}
    if shapes != {name: tensor.shape for name, tensor in wanted.items()}:
        raise ModelError("the adapters do not fit their base", where=str(folder), next="check base.json beside them")
    for name, tensor in wanted.items():
        own[name].data.copy_(tensor)


def _made(width: int, shape: Shape) -> nn.Module:
    import torch

    between = {"relu": torch.nn.ReLU, "gelu": torch.nn.GELU, "silu": torch.nn.SiLU}[shape.activation]()
    up = torch.nn.Linear(shape.size, width)
    torch.nn.init.zeros_(up.weight)
    torch.nn.init.zeros_(up.bias)
    return torch.nn.Sequential(torch.nn.Linear(width, shape.size), between, up)


def _after(module: Any, arguments: Any, output: Any) -> Any:  # noqa: ARG001 - the hook's contract
    """Add what the adapter says of a module's output."""
    if isinstance(output, tuple):
        return (_adapted(module, output[0]), *output[1:])
    return _adapted(module, output)


def _adapted(module: Any, hidden: Tensor) -> Tensor:
    adapter = getattr(module, NAME)
    added: Tensor = adapter(hidden.to(adapter[0].weight.dtype))
    return hidden + added.to(hidden.dtype)
