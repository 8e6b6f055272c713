"""LoRA over a base in four bits (QLoRA): the frozen weights take an eighth of their memory.

NF4 with double quantisation (Dettmers et al. 2023, "QLoRA", arXiv:2305.14314), by bitsandbytes, on the CPU and on a
card. The base is read in four bits, never whole in full. The student is used as it was trained, over the base in four
bits; its merged export holds exactly those numbers in full.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from imbik.models.folder import FourBit
from imbik.models.model import LanguageModel
from imbik.train.methods import Prepared
from imbik.train.methods.lora import LoRA


class QLoRA:
    """Adapters of rank `r` over linear layers in four bits."""

    class Settings(LoRA.Settings):
        """As LoRA's, and how the base is held."""

        kind: Literal["nf4", "fp4"] = Field("nf4", description="the four-bit number format")
        double: bool = Field(True, description="quantise the scales too (double quantisation)")

    version = 1
    needs_base = True

    def __init__(self, settings: QLoRA.Settings) -> None:
        self.settings = settings
        self._lora = LoRA(LoRA.Settings(**settings.model_dump(include=set(LoRA.Settings.model_fields))))

    def load(self, folder: Path) -> LanguageModel:
        """The base in four bits.

        Raises: ModelError, MissingExtraError.
        """
        from imbik.models.load import load

        return load(folder, four_bit=FourBit(kind=self.settings.kind, double=self.settings.double))

    def prepare(self, model: LanguageModel, *, seed: int) -> Prepared:
        """Put adapters over the layers, and say how many are held in four bits.

        Raises: PluginError when no layer has such a name.
        """
        held = sum(type(module).__name__ == "Linear4bit" for module in model.network.modules())
        made = self._lora.prepare(model, seed=seed)
        return Prepared(made.network, f"{made.adapted}; {held} layers in four bits", made.warnings)
