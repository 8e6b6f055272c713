"""A tokenizer of another kind than those imbik trains: SentencePiece's way, spaces marked, bytes to fall back on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from imbik.testing.tiny_models import TEXTS


def metaspace(texts: Sequence[str] = TEXTS, size: int = 420, folder: Path | None = None) -> PreTrainedTokenizerFast:
    """Trained on a few texts, as Llama 2 cuts text; saved in `folder` where one is given."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    core = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special[:3], show_progress=False)
    core.train_from_iterator(texts, trainer)
    state = core.get_vocab()
    merges = [list(pair) for pair in json.loads(core.to_str())["model"]["merges"]]
    pieces = [*special, *(piece for piece in sorted(state, key=state.__getitem__) if piece not in special)]
    core.model = models.BPE(
        vocab={piece: number for number, piece in enumerate(pieces)},
        merges=[(left, right) for left, right in merges],
        byte_fallback=True,
        unk_token="<unk>",
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token="<unk>",
        eos_token="</s>",
        pad_token="<unk>",
        clean_up_tokenization_spaces=False,
    )
    if folder is not None:
        made.save_pretrained(folder)
    return made
