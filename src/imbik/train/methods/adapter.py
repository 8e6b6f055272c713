"""Small matrices after each layer's parts, everything else frozen: bottleneck adapters.

Houlsby et al. 2019, arXiv:1902.00751 (`after: [attention, mlp]`); Pfeiffer et al. 2021, arXiv:2005.00247 (`after:
[mlp]`, as well at half the weights). They stay beside their base: being no linear part of a layer, they cannot be
merged into it, so such a student has no export.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from imbik.core.errors import ModelError, PluginError
from imbik.core.plugins import PluginSettings
from imbik.models.bottleneck import NAME, Shape, attach
from imbik.models.model import LanguageModel, weights_in
from imbik.train.methods import Prepared


class Adapter:
    """Bottleneck adapters in every layer."""

    class Settings(PluginSettings):
        """Their width and place."""

        size: int = Field(16, ge=1, description="width of the bottleneck")
        after: list[Literal["attention", "mlp"]] = Field(["mlp"], min_length=1, description="what they follow")
        activation: Literal["relu", "gelu", "silu"] = Field("gelu", description="the function between the matrices")

    version = 1
    needs_base = True

    def __init__(self, settings: Adapter.Settings) -> None:
        self.settings = settings

    def prepare(self, model: LanguageModel, *, seed: int) -> Prepared:
        """Freeze the model and put adapters into its layers.

        Raises: PluginError where a layer has no such part.
        """
        network: Any = model.network
        own = self.settings
        shape = Shape(size=own.size, after=tuple(dict.fromkeys(own.after)), activation=own.activation)
        try:
            placed = attach(network, shape, seed=seed)
        except ModelError as error:
            raise PluginError(error.what, where="train.method", next="use lora") from None
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(f".{NAME}." in name)
        learning, total = weights_in(network, learning=True), weights_in(network)
        return Prepared(network, f"adapters at {len(placed)} places: {learning:,} of {total:,} weights learn")
