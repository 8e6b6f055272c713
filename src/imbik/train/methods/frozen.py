"""Some layers stay as they are, the others are trained whole.

For a pretrained student that should keep what it knows of language: the lower layers and the embeddings frozen, the
upper ones trained. Nothing is added, so what is exported is the model itself.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from pydantic import Field

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginSettings
from imbik.models.layers import decoder_layers
from imbik.models.model import LanguageModel, weights_in
from imbik.train.methods import Prepared


class Frozen:
    """All weights but those that are frozen learn."""

    class Settings(PluginSettings):
        """What is frozen."""

        layers: int = Field(0, ge=0, description="the first so many layers are frozen")
        embeddings: bool = Field(True, description="freeze the embeddings (and the head, where it shares them)")
        freeze: list[str] = Field([], description="further weights, as patterns of their names: ['*norm*']")
        learn: list[str] = Field([], description="weights that learn all the same: ['*.layers.0.mlp.*']")

    version = 1
    needs_base = False

    def __init__(self, settings: Frozen.Settings) -> None:
        self.settings = settings

    def prepare(self, model: LanguageModel, *, seed: int) -> Prepared:  # noqa: ARG002 - nothing is drawn
        """Freeze, and say how much learns.

        Raises: PluginError for more layers than there are, a pattern that fits nothing, or where nothing would learn.
        """
        network: Any = model.network
        own, layers = self.settings, decoder_layers(network)
        if own.layers > len(layers):
            raise PluginError(
                f"{own.layers} layers are to be frozen, and this model has {len(layers)}",
                where="train.method.layers",
                next=f"--set train.method.layers={len(layers) - 1}",
            )
        network.requires_grad_(True)
        for layer in layers[: own.layers]:
            layer.requires_grad_(False)
        if own.embeddings:
            network.get_input_embeddings().requires_grad_(False)
        _set(network, own.freeze, "freeze", learns=False)
        _set(network, own.learn, "learn", learns=True)
        learning, total = weights_in(network, learning=True), weights_in(network)
        if not learning:
            raise PluginError("every weight is frozen", where="train.method", next="freeze less")
        return Prepared(
            network, f"{learning:,} of {total:,} weights learn, {own.layers} of {len(layers)} layers frozen"
        )


def _set(network: Any, patterns: list[str], key: str, *, learns: bool) -> None:
    """Let what fits the patterns learn, or not."""
    named = list(network.named_parameters())
    for pattern in patterns:
        fitting = [parameter for name, parameter in named if fnmatchcase(name, pattern)]
        if not fitting:
            raise PluginError(
                f"no weight of this model fits {pattern!r}; one is called {named[-1][0]}",
                where=f"train.method.{key}",
                next="write a pattern such as '*.layers.0.*'",
            )
        for parameter in fitting:
            parameter.requires_grad_(learns)
