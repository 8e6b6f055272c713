"""A local encoder: texts as vectors of length one, for finding what is near in meaning.

Enters: a folder of a transformers encoder (safetensors only, no code from the folder) and texts. Leaves: the mean of
its last hidden states over the tokens of each text, normalised.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BATCH, _LONGEST = 32, 512  # texts, tokens


class Encoder:
    """Loaded once; `encode` gives vectors (texts, hidden size), float32."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        from imbik.models.load import quiet

        quiet()
        if not (folder / "config.json").is_file():
            raise InputError("there is no encoder here", where=str(folder), next="name a transformers model's folder")
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token or self._tokenizer.unk_token

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (texts, hidden size) of length one."""
        import numpy as np
        import torch

        found = []
        for start in range(0, len(texts), _BATCH):
            batch = self._tokenizer(
                list(texts[start : start + _BATCH]), padding=True, truncation=True, max_length=_LONGEST,
                return_tensors="pt", return_token_type_ids=False,
            )  # fmt: skip
            with torch.inference_mode():
                hidden = self._model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None]
            mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
            found.append(torch.nn.functional.normalize(mean.float(), dim=-1).numpy())
        return np.concatenate(found)
