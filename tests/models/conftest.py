"""Tiny models and tokenizers shared by the tests of `models`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from imbik.models.load import load_tokenizer
from imbik.models.model import LanguageModel
from imbik.testing.tiny_models import TEXTS, make_model, make_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    " + message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
LLAMA31 = LLAMA3.replace(
    "{{ bos_token }}", "{{ bos_token }}Today is {{ strftime_now('%d %b %Y') }}. {{ date_string }}\n"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}"
    "{% for message in messages %}{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
LLAMA2 = (
    "{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + message['content'].strip() + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'].strip() + ' ' + eos_token }}"
    "{% endif %}{% endfor %}"
)
QWEN3 = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{% endif %}"
)
SPECIALS = {
    "chatml": (CHATML, ["<|im_start|>", "<|im_end|>"], [], "<|im_end|>", None),
    "llama3": (
        LLAMA3,
        ["<|bos|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        [],
        "<|eot_id|>",
        "<|bos|>",
    ),
    "llama31": (
        LLAMA31,
        ["<|bos|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        [],
        "<|eot_id|>",
        "<|bos|>",
    ),
    "gemma": (GEMMA, ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"], ["\n\n", "<table>"], "<eos>", "<bos>"),
    "llama2": (LLAMA2, ["<s>", "</s>"], [], "</s>", "<s>"),
    "qwen3": (QWEN3, ["<|im_start|>", "<|im_end|>"], ["<think>", "</think>"], "<|im_end|>", None),
    "plain": (None, ["<s>", "</s>"], [], "</s>", None),
    "own": ("own", [], [], "", None),
}


@cache
def _tokenizer(name: str, folder: Path) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer dressed as another family's: its control tokens and its chat template."""
    from tokenizers import AddedToken

    tokenizer = load_tokenizer(make_tokenizer(folder / name, classes=["iade", "kart kayıp"] if name == "own" else []))
    template, special, plain, end, start = SPECIALS[name]
    if template == "own":
        return tokenizer
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in plain])
    tokenizer.eos_token, tokenizer.chat_template = end, template
    if start:
        tokenizer.bos_token = start
    return tokenizer


@pytest.fixture(scope="session")
def tokenizers_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tokenizers of this session lie."""
    return tmp_path_factory.mktemp("tokenizers")


@pytest.fixture(scope="session")
def dressed(tokenizers_folder: Path) -> Callable[[str], PreTrainedTokenizerFast]:
    """The tokenizer dressed as the family of that name."""
    return lambda name: _tokenizer(name, tokenizers_folder)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LanguageModel]:
    """A tiny model of an architecture; the same one for all tests, so none may change it."""

    @cache
    def made(architecture: str) -> LanguageModel:
        folder = tmp_path_factory.mktemp(architecture)
        return make_model(folder, architecture=architecture, texts=TEXTS, heads=2, layers=2, hidden_size=16)

    return made
