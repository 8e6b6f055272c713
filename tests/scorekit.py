"""A tiny random classifier, for the tests of the check `score` and of the books."""

from __future__ import annotations

from pathlib import Path

from imbik.models.load import load_tokenizer


def classifier(folder: Path, labels: list[str], base: Path) -> Path:
    """A random classifier over the tiny model's tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    tokenizer = load_tokenizer(base)
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=512, pad_token_id=tokenizer.pad_token_id, id2label=dict(enumerate(labels)),
        label2id={name: number for number, name in enumerate(labels)},
    )  # fmt: skip
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
