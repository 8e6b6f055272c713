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


def weights_in(network: nn.Module, *, learning: bool = False) -> int:
    """Number of weights (two of four bits share a byte), shared ones counted once; or of those `learning` alone."""
    return sum(
        parameter.numel() * (2 if type(parameter).__name__ == "Params4bit" else 1)
        for parameter in network.parameters()
        if parameter.requires_grad or not learning
    )


def context_in(config: PretrainedConfig) -> int:
    """Longest sequence in tokens, by a model's config."""
    text = config.get_text_config()
    found = [getattr(text, name, None) for name in _LENGTHS]
    return next((int(length) for length in found if length), 2048)
