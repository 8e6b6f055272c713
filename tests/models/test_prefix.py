"""A learned prefix: what it is at first, that everything which reads rows sees it, and that PEFT agrees."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import archkit
from imbik.core.errors import ModelError, PluginError
from imbik.core.plugins import PluginBlock, make
from imbik.core.questions import Sampling
from imbik.models.engines.transformers import TransformersEngine
from imbik.models.layers import show_attention
from imbik.models.load import load
from imbik.models.model import LanguageModel
from imbik.models.prefix import attach_prefix, load_prefix, save_prefix
from imbik.models.save import save
from imbik.testing.tiny_models import make_model
from imbik.train.module import hidden_states
from imbik.train.pupil import enable_checkpointing

BEFORE = [4, 17, 8, 33, 21]
ROWS = [[3, 60, 7, 9, 11, 40], [5, 12, 9]]
FAMILIES = ["llama", "gpt2", "qwen3", "phi3", "gemma2", "mistral"]


def made(folder: Path, architecture: str = "llama") -> LanguageModel:
    return make_model(folder, architecture=architecture, hidden_size=64, heads=4)


def logits(network: Any, ids: list[int], **named: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = network(input_ids=torch.tensor([ids]), **named).logits[0]
    return found


def drawn(model: LanguageModel) -> None:
    """Weights of the prefix that no real tokens have."""
    draw = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.network.named_parameters():
            if ".prefix." in name:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=draw))


@pytest.mark.parametrize("family", [name for name in archkit.FAMILIES if name != "deepseek-v3"])
def test_it_begins_as_its_tokens_before_the_row(tmp_path: Path, family: str) -> None:
    model = load(archkit.make_family(family, tmp_path / "base"))
    wanted = logits(model.network, BEFORE + ROWS[0])[len(BEFORE) :]
    context = model.context
    attach_prefix(model.network, BEFORE)
    torch.testing.assert_close(logits(model.network, ROWS[0]), wanted, rtol=1e-4, atol=1e-5)
    assert model.context == context - len(BEFORE)


@pytest.mark.parametrize("architecture", FAMILIES)
def test_packed_rows_checkpointed_layers_and_decoding_all_see_it(tmp_path: Path, architecture: str) -> None:
    model = made(tmp_path / "base", architecture)
    attach_prefix(model.network, BEFORE)
    drawn(model)
    network: Any = model.network
    body = getattr(network, network.base_model_prefix)
    alone = [body(input_ids=torch.tensor([row])).last_hidden_state[0] for row in ROWS]
    packed = hidden_states(
        network, torch.tensor([ROWS[0] + ROWS[1]]), torch.tensor([[*range(len(ROWS[0])), *range(len(ROWS[1]))]])
    )
    torch.testing.assert_close(packed[0], torch.cat(alone), rtol=1e-4, atol=1e-5)
    network.train()
    enable_checkpointing(network)
    again = hidden_states(network, torch.tensor([ROWS[0]]), None)
    torch.testing.assert_close(again[0], alone[0], rtol=1e-4, atol=1e-5)
    network.eval()
    sampling = Sampling(max_tokens=6)
    engine = TransformersEngine(model)
    together = engine.generate(ROWS, [sampling] * 2, seeds=[0, 0])
    for row, answer in zip(ROWS, together, strict=True):
        ids = list(row)
        for token in answer.ids:
            assert int(logits(network, ids)[-1].argmax()) == token
            ids.append(token)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "mistral"])
def test_peft_reads_the_folder_and_says_the_same(tmp_path: Path, architecture: str) -> None:
    from peft import PeftModel

    model = made(tmp_path / "base", architecture)
    attach_prefix(model.network, BEFORE)
    drawn(model)
    save_prefix(model.network, tmp_path / "prefix")
    plain: Any = load(tmp_path / "base").network
    with warnings.catch_warnings(action="ignore"):
        foreign: Any = PeftModel.from_pretrained(plain, str(tmp_path / "prefix"))
        wanted = logits(foreign, ROWS[0], attention_mask=torch.ones(1, len(ROWS[0]), dtype=torch.long))
    torch.testing.assert_close(logits(model.network, ROWS[0]), wanted, rtol=1e-4, atol=1e-5)


def test_only_the_prefix_learns_and_gradients_reach_every_layer(tmp_path: Path) -> None:
    model = made(tmp_path / "base")
    network: Any = make("train/methods", PluginBlock(use="prefix", raw={"tokens": 3})).prepare(model, seed=1).network
    ids = torch.tensor([ROWS[0]])
    network(input_ids=ids, labels=ids).loss.backward()
    learning = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert len(learning) == 2 * network.config.num_hidden_layers
    assert all(".prefix." in name and float(parameter.grad.abs().sum()) > 0 for name, parameter in learning.items())


def test_words_to_begin_with_are_the_tokens_of_a_text(tmp_path: Path) -> None:
    model = made(tmp_path / "base")
    text = model.tokenizer.decode(BEFORE[:2])
    found = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    method = make("train/methods", PluginBlock(use="prefix", raw={"tokens": 4, "text": text}))
    wanted = logits(model.network, [*(found * 4)[:4], *ROWS[0]])[4:]
    method.prepare(model, seed=1)
    torch.testing.assert_close(logits(model.network, ROWS[0]), wanted, rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    model = made(tmp_path / "base")
    with pytest.raises(PluginError, match="leaves no room"):
        make("train/methods", PluginBlock(use="prefix", raw={"tokens": model.context})).prepare(model, seed=1)
    attach_prefix(model.network, BEFORE)
    save_prefix(model.network, tmp_path / "prefix")
    other = make_model(tmp_path / "other", hidden_size=64, heads=4, layers=3)
    with pytest.raises(ModelError, match="does not fit its base"):
        load_prefix(other.network, tmp_path / "prefix")
    with pytest.raises(ModelError, match="columns"):
        show_attention(model.network)
    deep = load(archkit.make_family("deepseek-v3", tmp_path / "deep"))
    with pytest.raises(PluginError, match="different shapes"):
        make("train/methods", PluginBlock(use="prefix", raw={})).prepare(deep, seed=1)


def test_a_student_with_a_prefix_is_saved_beside_its_base(tmp_path: Path) -> None:
    model = made(tmp_path / "base")
    attach_prefix(model.network, BEFORE)
    drawn(model)
    wanted = logits(model.network, ROWS[0])
    save(model, tmp_path / "weights", base=str(tmp_path / "base"))
    again = load(tmp_path / "weights")
    torch.testing.assert_close(logits(again.network, ROWS[0]), wanted, rtol=1e-4, atol=1e-5)
    assert again.context == model.context
