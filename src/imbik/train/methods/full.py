"""All weights of the student are trained.

The choice for small models and models made from a config; for a large pretrained one it takes memory for gradients and
optimiser of every weight, which `lora` does not.
"""

from __future__ import annotations

from imbik.core.plugins import PluginSettings
from imbik.models.model import LanguageModel
from imbik.train.methods import Prepared


class Full:
    """Every parameter learns."""

    class Settings(PluginSettings):
        """Nothing to set."""

    version = 1
    needs_base = False

    def __init__(self, settings: Full.Settings) -> None:
        self.settings = settings

    def prepare(self, model: LanguageModel, *, seed: int) -> Prepared:  # noqa: ARG002
        """Every parameter requires a gradient."""
        model.network.requires_grad_(True)
        return Prepared(model.network, f"all {model.parameters:,} weights")
