"""Unsloth's kernels for norms and adapted MLPs of the student, on a graphics card.

Unsloth (Han and Han 2023, github.com/unslothai/unsloth) computes a gated MLP with its three adapters as one function
with derivatives by hand. Only such kernels are taken, and put into the student's own modules: Unsloth's own loading
replaces attention, decoding and transformers' Trainer for the whole process, so that packed rows, prefixes and the
student's own attempts would no longer be what imbik makes of them. Importing Unsloth changes transformers and PEFT as
well; what it counts of its users is switched off.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import Field

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginSettings
from imbik.models.model import LanguageModel
from imbik.train.accelerators import TAKE_OUT, refuse_where_missing

if TYPE_CHECKING:
    from torch import Tensor

_MLPS = {
    "silu": "apply_lora_mlp_swiglu",
    "gelu_pytorch_tanh": "apply_lora_mlp_geglu_approx",
    "gelu": "apply_lora_mlp_geglu_exact",
}
_PROJECTIONS = ("gate_proj", "up_proj", "down_proj")
_INSTALL = "pip install unsloth, in an environment of its own: it asks for older transformers and trl"


class Unsloth:
    """Fused norms, and MLPs with their adapters."""

    class Settings(PluginSettings):
        """Which modules."""

        norms: bool = Field(True, description="RMS norms")
        mlp: bool = Field(True, description="gated MLPs whose three layers carry adapters (lora, qlora)")

    version = 1

    def __init__(self, settings: Unsloth.Settings) -> None:
        self.settings = settings

    def check(self) -> None:
        """Unsloth has to be installed, and a card to be there.

        Raises: MissingExtraError, PluginError.
        """
        refuse_where_missing("unsloth", "unsloth", "unsloth", _INSTALL)

    def apply(self, model: LanguageModel) -> str:
        """Put the kernels into the student's norms and adapted MLPs; says how many of each.

        Raises: PluginError where Unsloth cannot be loaded, or nothing of this model is known to it.
        """
        import torch

        kernels = _kernels()
        network: Any = model.network
        if torch.cuda.is_available():
            network.to("cuda")  # whatever runs it from here on, its head's check above all, needs the card
        norms = _norms(network, kernels) if self.settings.norms else 0
        mlps = _mlps(network, kernels) if self.settings.mlp else 0
        if not norms and not mlps:
            raise PluginError(
                f"unsloth has no kernel for what this '{network.config.model_type}' model learns",
                where="train.accelerators",
                next=TAKE_OUT,
            )
        return f"unsloth computes {norms} norms and {mlps} adapted MLPs"


def _kernels() -> Any:
    """Unsloth's kernels, imported without its banner and its advice to be imported before everything else."""
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return import_module("unsloth.kernels")
    except (ImportError, NotImplementedError, RuntimeError, AttributeError) as error:
        raise PluginError(
            f"unsloth cannot be loaded: {str(error).splitlines()[0][:200] if str(error) else type(error).__name__}",
            where="train.accelerators",
            next=TAKE_OUT,
        ) from None


def _norms(network: Any, kernels: Any) -> int:
    """Patch every RMS norm of which the kernel computes the same: tried on each, in its two forms."""
    count = 0
    for module in network.modules():
        if not type(module).__name__.endswith("RMSNorm") or getattr(module, "weight", None) is None:
            continue
        for shifted in (False, True):  # Gemma multiplies by 1 + weight
            fast = partial(kernels.fast_rms_layernorm, module, gemma=shifted)
            if _same(module.forward, fast, module.weight):
                module.forward = fast
                count += 1
                break
    return count


def _same(own: Callable[[Tensor], Tensor], fast: Callable[[Tensor], Tensor], weight: Tensor) -> bool:
    """Whether two norms give the same for a few vectors."""
    import torch

    draw = torch.Generator().manual_seed(0)
    given = torch.randn(1, 3, weight.shape[0], generator=draw).to(weight.device)
    try:
        with torch.no_grad():
            return torch.allclose(own(given).float(), fast(given).float(), rtol=1e-4, atol=1e-5)
    except (AttributeError, RuntimeError, TypeError):
        return False


def _mlps(network: Any, kernels: Any) -> int:
    """Patch every gated MLP whose three layers carry an adapter."""
    config = network.config.get_text_config()
    act = str(getattr(config, "hidden_activation", None) or getattr(config, "hidden_act", None))
    function = getattr(kernels, _MLPS.get(act, ""), None)
    count = 0
    for module in network.modules():
        layers = [getattr(module, name, None) for name in _PROJECTIONS]
        if function is not None and all(map(_adapted, layers)):
            module.forward = partial(_fused_mlp, module, function, module.forward)
            count += 1
    return count


def _adapted(layer: Any) -> bool:
    """Whether a layer carries a plain adapter over a frozen base without a bias."""
    base = getattr(layer, "base_layer", None)
    return base is not None and hasattr(layer, "lora_A") and getattr(base, "bias", None) is None


def _fused_mlp(
    module: Any, function: Callable[..., Tensor], plain: Callable[[Tensor], Tensor], given: Tensor
) -> Tensor:
    """The kernel in the format autocast computes in; the module's own way where its base is held in another."""
    import torch

    if not torch.is_autocast_enabled("cuda"):
        return plain(given)
    kind = torch.get_autocast_dtype("cuda")
    bases = [getattr(module, name).base_layer.weight for name in _PROJECTIONS]
    if any(base.dtype != kind and getattr(base, "quant_state", None) is None for base in bases):
        return plain(given)
    return function(module, given.to(kind, copy=True))
