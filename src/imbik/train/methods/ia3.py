"""One learned factor for each key, value and inner activation (IA3): the fewest weights of all methods.

Liu et al. 2022, "Few-shot parameter-efficient fine-tuning is better and cheaper than in-context learning",
arXiv:2205.05638, by PEFT. The factors merge into the matrices they stand on.
"""

from __future__ import annotations

import warnings
from typing import Any

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginSettings
from imbik.models.layers import attention_of, decoder_layers, mlp_of
from imbik.models.model import LanguageModel, weights_in
from imbik.train.methods import Prepared

_LOOKED_UP = ("k_proj", "v_proj", "qkv_proj", "c_attn")  # what a token is found by, and what it gives
_INNER = ("down_proj", "c_proj", "fc2", "w2")  # reads the inner activations of the MLP


class IA3:
    """Learned factors on keys, values and inner activations."""

    class Settings(PluginSettings):
        """Nothing to set."""

    version = 1
    needs_base = True

    def __init__(self, settings: IA3.Settings) -> None:
        self.settings = settings

    def prepare(self, model: LanguageModel, *, seed: int) -> Prepared:  # noqa: ARG002 - factors begin at 1
        """Put factors on every layer and say where they are.

        Raises: PluginError where the layers have no such parts.
        """
        from peft import IA3Config, get_peft_model

        network: Any = model.network
        looked_up, inner = _names(network, attention_of, _LOOKED_UP), _names(network, mlp_of, _INNER)
        if not looked_up or not inner:
            raise PluginError(
                "the layers of this model have no keys, values and inner activations of the usual names",
                where="train.method",
                next="use lora",
            )
        config = IA3Config(task_type="CAUSAL_LM", target_modules=[*looked_up, *inner], feedforward_modules=inner)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PEFT notes what it sets right by itself (Conv1D's layout)
            adapted: Any = get_peft_model(network, config)
        learning = weights_in(adapted, learning=True)
        return Prepared(adapted, f"factors on {len(looked_up) + len(inner)} matrices: {learning:,} weights learn")


def _names(network: Any, part_of: Any, endings: tuple[str, ...]) -> list[str]:
    """Full names of the matrices with such names in that part of each layer."""
    parts = [part_of(layer) for layer in decoder_layers(network)]
    inside = {id(module) for part in parts if part is not None for module in part.modules()}
    return [
        name
        for name, module in network.named_modules()
        if id(module) in inside and name.rsplit(".", 1)[-1] in endings and hasattr(module, "weight")
    ]
