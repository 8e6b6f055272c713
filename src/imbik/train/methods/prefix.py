"""Virtual tokens before every row, learned as keys and values of each layer; everything else frozen: prefix tuning.

Li & Liang 2021, arXiv:2101.00190; the folder is PEFT's, and PEFT reads it. A prefix takes room in the context and is no
matrix of the model, so it stays beside its base and such a student has no export.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from imbik.core.errors import ModelError, PluginError
from imbik.core.plugins import PluginSettings
from imbik.models.model import LanguageModel, weights_in
from imbik.models.prefix import NAME, attach_prefix
from imbik.train.methods import Prepared


class Prefix:
    """A learned prefix in every layer."""

    class Settings(PluginSettings):
        """Its length, and what it begins as."""

        tokens: int = Field(16, ge=1, description="virtual tokens before each row")
        text: str = Field("", description="begin as if these words stood there (repeated or cut to that length)")

    version = 1
    needs_base = True

    def __init__(self, settings: Prefix.Settings) -> None:
        self.settings = settings
        self.takes = settings.tokens

    def prepare(self, model: LanguageModel, *, seed: int) -> Prepared:
        """Freeze the model and put a prefix before its keys and values.

        Raises: PluginError where the prefix leaves no room for rows, or the model's keys and values have no one shape.
        """
        network: Any = model.network
        tokens = self.settings.tokens
        if tokens >= model.context:
            raise PluginError(
                f"a prefix of {tokens} tokens leaves no room in a context of {model.context}",
                where="train.method.tokens",
                next=f"--set train.method.tokens={max(1, model.context // 8)}",
            )
        network.requires_grad_(False)
        try:
            attach_prefix(network, self._begin(model, seed))
        except ModelError as error:
            raise PluginError(error.what, where="train.method", next="use lora") from None
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(f".{NAME}." in name)
        learning, total = weights_in(network, learning=True), weights_in(network)
        return Prepared(network, f"a prefix of {tokens} tokens in every layer: {learning:,} of {total:,} weights learn")

    def _begin(self, model: LanguageModel, seed: int) -> list[int]:
        """The tokens that the prefix begins as: the text's, else some of the vocabulary's."""
        import torch

        tokens, tokenizer = self.settings.tokens, model.tokenizer
        if self.settings.text:
            found = list(tokenizer(self.settings.text, add_special_tokens=False)["input_ids"])
            if not found:
                raise PluginError("these words have no token", where="train.method.text", next="write others")
            return [found[place % len(found)] for place in range(tokens)]
        special = set(tokenizer.all_special_ids)
        plain = [number for number in sorted(set(tokenizer.get_vocab().values())) if number not in special]
        draw = torch.Generator().manual_seed(seed)
        return [plain[place] for place in torch.randint(len(plain), (tokens,), generator=draw).tolist()]
