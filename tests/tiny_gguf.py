"""A tiny Llama as a GGUF file, written from a model folder: what the llama.cpp engine is tested on.

The rotary embedding of llama.cpp pairs neighbouring numbers where transformers pairs halves, so rows of the query and
key projections are put in the other order, as every converter does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from imbik.models.model import LanguageModel

_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "post_attention_layernorm": "ffn_norm",
    "input_layernorm": "attn_norm",
}


def write_gguf(model: LanguageModel, path: Path) -> Path:
    """Write a tiny Llama in 32-bit floats with its tokenizer inside; returns the file."""
    import gguf

    config: Any = model.network.config
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    _add_tokenizer(writer, model, config.vocab_size)
    for name, weight in model.network.state_dict().items():
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        found = next((count for part, count in heads.items() if part in name), 0)
        array = weight.float().numpy()
        writer.add_tensor(_renamed(name), _permuted(array, found) if found else array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: Any, model: LanguageModel, size: int) -> None:
    import gguf

    state = json.loads(model.tokenizer.backend_tokenizer.to_str())
    special = {item["id"] for item in state["added_tokens"]}
    by_id = {number: text for text, number in model.tokenizer.get_vocab().items()}
    texts = [by_id.get(number, f"[unused{number}]") for number in range(size)]
    kinds = [
        gguf.TokenType.CONTROL if n in special else gguf.TokenType.NORMAL if n in by_id else gguf.TokenType.UNUSED
        for n in range(size)
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(texts)
    writer.add_token_types(kinds)
    writer.add_token_merges(
        [merge if isinstance(merge, str) else " ".join(merge) for merge in state["model"]["merges"]]
    )
    writer.add_eos_token_id(model.tokenizer.eos_token_id)
    writer.add_add_bos_token(False)
    if model.tokenizer.chat_template:
        writer.add_chat_template(model.tokenizer.chat_template)


def _renamed(name: str) -> str:
    for ours, theirs in _NAMES.items():
        name = name.replace(ours, theirs)
    return name.replace("model.layers.", "blk.")


def _permuted(array: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    rows = array.shape[0] // heads // 2
    return array.reshape(heads, 2, rows, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)
