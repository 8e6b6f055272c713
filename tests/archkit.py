"""Tiny folders of the architectures that must load and train: real shapes scaled down, real kinds of tokenizer.

A config keeps what makes its family itself (ratios of widths and heads, rope scaling, windows, caps, ties, experts);
the widths shrink. Each folder is written as the family writes it, so that the code which loads a real one loads it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imbik.testing.tiny_models import TEXTS

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_HEADER = "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>'"
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}{{ " + _HEADER + " }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
LLAMA31 = LLAMA3.replace(
    "{{ bos_token }}",
    "{{ bos_token }}{{ '<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
    "Today Date: ' + strftime_now('%d %b %Y') + '\n\n' }}"
    "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] | trim }}{% set messages = messages[1:] %}"
    "{% endif %}{{ '<|eot_id|>' }}",
)
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ ' ' + message['content'] | trim + eos_token }}{% else %}{{ raise_exception('only user and assistant') }}"
    "{% endif %}{% endfor %}"
)
PHI3 = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
PHI4 = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"
)
DIALOGPT = "{% for message in messages %}{{ message['content'] + eos_token }}{% endfor %}"
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
QWEN2 = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}"
    "{% endif %}" + CHATML
)
QWEN3 = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ message['content'] + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\n' }}{% if enable_thinking is defined and enable_thinking is false %}"
    "{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for message in messages %}"
    "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
DEEPSEEK = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'] }}"
    "{% elif message['role'] == 'user' %}{{ '<｜User｜>' + message['content'] }}"
    "{% else %}{{ '<｜Assistant｜>' + message['content'] + '<｜end▁of▁sentence｜>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}"
)
_LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True)
class Words:
    """A tokenizer as a family has it: `kind` bytes (byte-level BPE) or pieces (SentencePiece-like BPE with byte
    fallback); control tokens declared special and not; which begins and ends a text; the class its config names."""

    kind: str
    template: str
    special: tuple[str, ...]
    plain: tuple[str, ...] = ()
    end: str = ""
    start: str = ""
    pad: str = ""
    unknown: str = ""
    name: str = "PreTrainedTokenizerFast"
    split: str = ""
    form: str = ""
    prepend: bool = True


_QWEN_SPLIT = _LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")
_LLAMA3_TOKENS = ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
_QWEN = Words(
    "bytes", QWEN2, ("<|endoftext|>", "<|im_start|>", "<|im_end|>"), ("<tool_call>", "</tool_call>"), "<|im_end|>",
    pad="<|endoftext|>", name="Qwen2Tokenizer", split=_QWEN_SPLIT, form="NFC",
)  # fmt: skip
_LLAMA3 = Words(
    "bytes", LLAMA3, _LLAMA3_TOKENS, (), "<|eot_id|>", "<|begin_of_text|>", split=_LLAMA3_SPLIT
)  # fmt: skip
_PHI3 = Words(
    "pieces", PHI3, ("<|endoftext|>", "<|assistant|>", "<|system|>", "<|end|>", "<|user|>"), (), "<|endoftext|>",
    "<s>", "<|endoftext|>", "<unk>", "LlamaTokenizer",
)  # fmt: skip
_GEMMA = Words(
    "pieces", GEMMA, ("<pad>", "<eos>", "<bos>", "<start_of_turn>", "<end_of_turn>"), ("<unused0>", "[multimodal]"),
    "<eos>", "<bos>", "<pad>", "<unk>", "GemmaTokenizer", prepend=False,
)  # fmt: skip
WORDS = {
    "llama3": _LLAMA3,
    "llama3.1": Words(
        "bytes", LLAMA31, (*_LLAMA3_TOKENS, "<|python_tag|>", "<|eom_id|>"), (), "<|eot_id|>", "<|begin_of_text|>",
        split=_LLAMA3_SPLIT,
    ),
    "mistral": Words(
        "pieces", MISTRAL, ("[INST]", "[/INST]"), (), "</s>", "<s>", unknown="<unk>", name="LlamaTokenizer"
    ),
    "phi3": _PHI3,
    "phi4": Words(
        "bytes", PHI4, ("<|endoftext|>", "<|end|>", "<|assistant|>", "<|user|>", "<|system|>", "<|tool|>"), (),
        "<|endoftext|>", "<|endoftext|>", "<|endoftext|>", "<|endoftext|>", "GPT2Tokenizer", _LLAMA3_SPLIT,
    ),
    "gpt2": Words("bytes", DIALOGPT, ("<|endoftext|>",), (), "<|endoftext|>", "<|endoftext|>", name="GPT2Tokenizer"),
    "qwen2": _QWEN,
    "qwen3": Words(
        "bytes", QWEN3, ("<|endoftext|>", "<|im_start|>", "<|im_end|>"), ("<think>", "</think>", "<tool_call>"),
        "<|im_end|>", pad="<|endoftext|>", name="Qwen2Tokenizer", split=_QWEN_SPLIT, form="NFC",
    ),
    "gemma": _GEMMA,
    "smollm3": Words(
        "bytes", CHATML, ("<|begin_of_text|>", "<|im_start|>", "<|im_end|>"), ("<think>", "</think>"), "<|im_end|>",
        pad="<|im_end|>", split=_LLAMA3_SPLIT,
    ),
    "deepseek": Words(
        "bytes", DEEPSEEK, ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>"),
        ("<｜User｜>", "<｜Assistant｜>", "<｜tool▁calls▁begin｜>"), "<｜end▁of▁sentence｜>", "<｜begin▁of▁sentence｜>",
        "<｜▁pad▁｜>", name="LlamaTokenizerFast", split=_LLAMA3_SPLIT,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Family:
    """An architecture as it is published: transformers' model type, its tokenizer, its config scaled down."""

    title: str
    model_type: str
    words: str
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def tokenizer(self) -> str:
        """Its kind, in words."""
        return "byte-level BPE" if WORDS[self.words].kind == "bytes" else "SentencePiece BPE"


def _longrope(half: int, **more: float) -> dict[str, Any]:
    """Phi's two sets of factors, one number for each pair of rotated dimensions."""
    short = [1.0 + 0.01 * number for number in range(half)]
    long = [1.0 + 0.4 * number**1.5 for number in range(half)]
    return {"rope_type": "longrope", "short_factor": short, "long_factor": long, "rope_theta": 10000.0, **more}


def _llama3_rope(factor: float) -> dict[str, Any]:
    return {
        "rope_type": "llama3", "rope_theta": 500000.0, "factor": factor, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
    }  # fmt: skip


_LLAMA = {
    "hidden_size": 32, "intermediate_size": 112, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
}  # fmt: skip
_PHI = {
    "hidden_size": 32, "intermediate_size": 88, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 4, "tie_word_embeddings": False, "resid_pdrop": 0.0, "embd_pdrop": 0.0,
}  # fmt: skip
FAMILIES = {
    "llama-3": Family(
        "Llama 3", "llama", "llama3",
        {**_LLAMA, "max_position_embeddings": 256, "rope_parameters": {"rope_type": "default", "rope_theta": 5e5}},
    ),
    "llama-3.1": Family(
        "Llama 3.1", "llama", "llama3.1", {**_LLAMA, "max_position_embeddings": 512, "rope_parameters": _llama3_rope(8)}
    ),
    "llama-3.2": Family(
        "Llama 3.2", "llama", "llama3.1",
        {
            **_LLAMA, "intermediate_size": 128, "head_dim": 8, "tie_word_embeddings": True,
            "max_position_embeddings": 512, "rope_parameters": _llama3_rope(32),
        },
    ),
    "mistral": Family(
        "Mistral", "mistral", "mistral",
        {**_LLAMA, "head_dim": 8, "sliding_window": 48, "max_position_embeddings": 256},
    ),
    "phi-3-mini-4k": Family(
        "Phi-3 mini 4k", "phi3", "phi3", {**_PHI, "sliding_window": 47, "max_position_embeddings": 256}
    ),
    "phi-3-mini-128k": Family(
        "Phi-3 mini 128k", "phi3", "phi3",
        {
            **_PHI, "sliding_window": 2048, "max_position_embeddings": 1024, "rope_parameters": _longrope(4),
            "original_max_position_embeddings": 128,
        },
    ),
    "phi-3.5-mini": Family(
        "Phi-3.5 mini", "phi3", "phi3",
        {
            **_PHI, "sliding_window": 2048, "max_position_embeddings": 1024, "original_max_position_embeddings": 128,
            "rope_parameters": {**_longrope(4), "short_factor": [1.0, 1.02, 1.03, 1.03]},
        },
    ),
    "phi-4-mini": Family(
        "Phi-4-mini", "phi3", "phi4",
        {
            **_PHI, "hidden_size": 48, "num_attention_heads": 6, "num_key_value_heads": 2, "tie_word_embeddings": True,
            "sliding_window": 2048, "max_position_embeddings": 1024, "original_max_position_embeddings": 128,
            "partial_rotary_factor": 0.75, "rope_parameters": _longrope(3, partial_rotary_factor=0.75),
        },
    ),
    "gpt2": Family(
        "GPT-2 (DialoGPT)", "gpt2", "gpt2",
        {
            "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, "resid_pdrop": 0.0, "embd_pdrop": 0.0,
            "attn_pdrop": 0.0,
        },
    ),
    "qwen2": Family(
        "Qwen 2", "qwen2", "qwen2",
        {
            **_LLAMA, "hidden_size": 28, "intermediate_size": 152, "num_attention_heads": 14, "num_key_value_heads": 2,
            "tie_word_embeddings": True, "max_position_embeddings": 256,
        },
    ),
    "qwen3": Family(
        "Qwen 3", "qwen3", "qwen3",
        {
            **_LLAMA, "num_key_value_heads": 2, "head_dim": 16, "tie_word_embeddings": True,
            "max_position_embeddings": 256,
        },
    ),
    "gemma-2": Family(
        "Gemma 2", "gemma2", "gemma",
        {
            **_LLAMA, "num_key_value_heads": 2, "head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 48,
            "final_logit_softcapping": 30.0, "attn_logit_softcapping": 50.0, "tie_word_embeddings": True,
            "max_position_embeddings": 256,
        },
    ),
    "gemma-3": Family(
        "Gemma 3 (text)", "gemma3_text", "gemma",
        {
            **_LLAMA, "num_hidden_layers": 3, "head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 24,
            "layer_types": ["sliding_attention", "sliding_attention", "full_attention"], "tie_word_embeddings": True,
            "max_position_embeddings": 256,
        },
    ),
    "smollm3": Family(
        "SmolLM3", "smollm3", "smollm3",
        {**_LLAMA, "num_hidden_layers": 4, "tie_word_embeddings": True, "max_position_embeddings": 256},
    ),
    "deepseek-v3": Family(
        "DeepSeek V3", "deepseek_v3", "deepseek",
        {
            "hidden_size": 28, "intermediate_size": 72, "moe_intermediate_size": 8, "num_hidden_layers": 3,
            "num_attention_heads": 4, "num_key_value_heads": 4, "q_lora_rank": 12, "kv_lora_rank": 8,
            "qk_nope_head_dim": 8, "qk_rope_head_dim": 4, "v_head_dim": 8, "n_routed_experts": 8, "n_group": 4,
            "topk_group": 2, "num_experts_per_tok": 4, "n_shared_experts": 1, "first_k_dense_replace": 1,
            "routed_scaling_factor": 2.5, "max_position_embeddings": 512, "tie_word_embeddings": False,
            "rope_parameters": {
                "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0,
                "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 128,
            },
        },
    ),
}  # fmt: skip
VOCABULARY, PADDED = 420, 448


def make_words(words: Words, folder: Path, texts: Sequence[str] = TEXTS) -> Path:
    """Write the tokenizer of a family, trained on `texts`: tokenizer.json, its config and its chat template."""
    folder.mkdir(parents=True, exist_ok=True)
    backend = _bytes(words, texts) if words.kind == "bytes" else _pieces(words, texts)
    backend.save(str(folder / "tokenizer.json"))
    named = {"eos_token": words.end, "bos_token": words.start, "pad_token": words.pad, "unk_token": words.unknown}
    config = {"tokenizer_class": words.name, "model_max_length": 1024, "clean_up_tokenization_spaces": False}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({**config, **{key: token for key, token in named.items() if token}}), encoding="utf-8"
    )
    (folder / "chat_template.jinja").write_text(words.template, encoding="utf-8")
    return folder


def make_family(name: str, folder: Path, seed: int = 0) -> Path:
    """Write a random model of a family with its tokenizer; returns its folder."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    family = FAMILIES[name]
    words = WORDS[family.words]
    make_words(words, folder)
    ids = _ids(folder)
    named = {"bos_token_id": words.start, "eos_token_id": words.end, "pad_token_id": words.pad}
    config = AutoConfig.for_model(
        family.model_type, vocab_size=PADDED, **{key: ids.get(token) for key, token in named.items()}, **family.config
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        _stir(network)
    network.save_pretrained(folder)
    return folder


def _stir(network: Any) -> None:
    """Weights large enough that attention and experts matter, and biases that are not zero."""
    import torch

    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1 and "embed" not in name and "wte" not in name:
                parameter.mul_(4.0)
            elif "bias" in name:
                parameter.normal_(0.0, 0.1)


def _ids(folder: Path) -> dict[str, int]:
    from tokenizers import Tokenizer

    return dict(Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab())


def _added(backend: Tokenizer, words: Words) -> Tokenizer:
    from tokenizers import AddedToken

    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in words.special])
    backend.add_tokens([AddedToken(token, special=False, normalized=False) for token in words.plain])
    return backend


def _bytes(words: Words, texts: Sequence[str]) -> Tokenizer:
    """Byte-level BPE: GPT-2's own split, or the one of the Llama 3 generation."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    backend = Tokenizer(models.BPE(ignore_merges=bool(words.split)))
    if words.form:
        backend.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(words.split), "isolated") if words.split else None
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None)
    backend.pre_tokenizer = pre_tokenizers.Sequence([split, level]) if split else level
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(words.special) - len(words.plain),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    _added(backend, words)
    if words.start and words.name != "GPT2Tokenizer":
        backend.post_processor = processors.TemplateProcessing(
            single=f"{words.start} $A", special_tokens=[(words.start, backend.token_to_id(words.start))]
        )
    return backend


def _pieces(words: Words, texts: Sequence[str]) -> Tokenizer:
    """SentencePiece-like BPE: spaces as ▁, bytes for what the vocabulary lacks, control tokens in the vocabulary."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers

    first = ["<unk>", "<s>", "</s>"] if words.prepend else ["<pad>", "<eos>", "<bos>", "<unk>"]
    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    spaces = normalizers.Replace(" ", "▁")
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), spaces]) if words.prepend else spaces
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(words.special) - len(words.plain),
        special_tokens=[*first, *(f"<0x{number:02X}>" for number in range(256))],
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    state = json.loads(backend.to_str())
    state["added_tokens"] = [item for item in state["added_tokens"] if item["content"] in first]
    backend = _added(Tokenizer.from_str(json.dumps(state)), words)
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    backend.decoder = decoders.Sequence([*steps, *([decoders.Strip(" ", 1, 0)] if words.prepend else [])])
    backend.post_processor = processors.TemplateProcessing(
        single=f"{words.start} $A", special_tokens=[(words.start, backend.token_to_id(words.start))]
    )
    return backend
