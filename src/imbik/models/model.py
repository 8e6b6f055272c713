"""A model in this process: network, tokenizer, and what is known about both.

Enters: what `load` or `init.make` built. Leaves: one record that engines, training, saving and serving share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.core.types import Sensitivity
from imbik.models.folder import FourBit
from imbik.models.prefix import prefix_length

if TYPE_CHECKING:
    from torch import nn
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

_ADAPTERS = ("lora_", "ia3_", ".modules_to_save.")
_LENGTHS = ("max_position_embeddings", "n_positions", "n_ctx")


@dataclass
class LanguageModel:
    """A causal language model with its tokenizer.

    `identity` is a hash of weights, tokenizer and template (for a model not yet saved: of how it was made).
    `class_tokens` maps a class's label to its one token ({} when the vocabulary has none). `notes` are remarks worth
    showing a person; `four_bit` says how linear layers are held, where that is not in full.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    identity: str
    tokenizer_hash: str
    sensitivity: Sensitivity
    folder: Path | None = None
    class_tokens: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    four_bit: FourBit | None = None

    @property
    def parameters(self) -> int:
        """Number of weights, shared ones counted once."""
        return weights_in(self.network)

    @property
    def context(self) -> int:
        """Longest sequence in tokens; a prefix takes its part of it."""
        return context_in(self.network.config) - prefix_length(self.network)


def weights_in(network: nn.Module, *, learning: bool = False, merged: bool = False) -> int:
    """Number of weights (two of four bits share a byte), shared ones counted once; or of those `learning` alone; or as
    many as are left when PEFT's adapters are `merged`."""
    return sum(
        parameter.numel() * (2 if type(parameter).__name__ == "Params4bit" else 1)
        for name, parameter in network.named_parameters()
        if (parameter.requires_grad or not learning) and not (merged and any(part in name for part in _ADAPTERS))
    )


def context_in(config: PretrainedConfig) -> int:
    """Longest sequence in tokens, by a model's config."""
    text = config.get_text_config()
    found = [getattr(text, name, None) for name in _LENGTHS]
    return next((int(length) for length in found if length), 2048)
