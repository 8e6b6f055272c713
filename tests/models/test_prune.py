"""A student made of a part of a larger model: whole parts give the whole, chosen parts are the larger one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

import archkit
from imbik.core.errors import ModelError
from imbik.models.layers import decoder_layers
from imbik.models.load import load
from imbik.models.prune import chosen, pruned, with_layers, with_narrow_mlp
from imbik.models.save import save
from imbik.models.width import with_heads, with_hidden
from imbik.recipe.training import Keep
from imbik.testing.tiny_models import make_model

FAMILIES = ["llama", "mistral", "qwen2", "qwen3", "gemma2", "gpt2", "phi3", "smollm3", "granite", "olmo2"]
NARROWED = [name for name in archkit.FAMILIES if name not in ("gpt2", "deepseek-v3")]
IDS = torch.tensor([[3, 60, 7, 9, 11]])


def logits(network: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = network.eval()(input_ids=IDS).logits
    return found


@pytest.mark.parametrize("architecture", FAMILIES)
def test_all_layers_and_all_channels_are_the_model_itself(tmp_path: Path, architecture: str) -> None:
    network = make_model(tmp_path / "m", architecture=architecture, layers=4).network
    torch.testing.assert_close(logits(with_layers(network, [0, 1, 2, 3])), logits(network))
    torch.testing.assert_close(logits(with_narrow_mlp(network, 1.0)), logits(network))


@pytest.mark.parametrize("architecture", FAMILIES)
def test_kept_layers_are_the_larger_models_own_and_the_student_is_read_again(tmp_path: Path, architecture: str) -> None:
    model = make_model(tmp_path / "m", architecture=architecture, layers=4)
    small = pruned(model, Keep(layers=[0, 3], mlp=0.5))
    assert len(decoder_layers(small.network)) == 2
    assert small.parameters < model.parameters
    parts = (decoder_layers(small.network)[1], decoder_layers(model.network)[3])
    mine, theirs = (dict(part.named_parameters()) for part in parts)
    same = [name for name, tensor in mine.items() if tensor.shape == theirs[name].shape]
    assert same
    assert all(torch.equal(mine[name], theirs[name]) for name in same)
    save(small, tmp_path / "small")
    torch.testing.assert_close(logits(load(tmp_path / "small").network), logits(small.network))


def test_the_weightiest_channels_stay(tmp_path: Path) -> None:
    network: Any = make_model(tmp_path / "m", layers=1).network
    mlp = network.model.layers[0].mlp
    width = mlp.down_proj.weight.shape[1]
    with torch.no_grad():
        mlp.down_proj.weight[:, : width // 2] *= 1e-6
    narrow = with_narrow_mlp(network, 0.5)
    kept: Any = narrow.model.layers[0].mlp
    assert torch.equal(kept.gate_proj.weight, mlp.gate_proj.weight[width - width // 2 :])
    torch.testing.assert_close(logits(narrow), logits(network), rtol=1e-3, atol=1e-4)


def test_layers_are_evenly_spread_with_the_first_and_the_last() -> None:
    assert chosen(2, 12) == [0, 11]
    assert chosen(4, 12) == [0, 4, 7, 11]
    assert chosen(1, 12) == [0]
    assert chosen(12, 12) == list(range(12))
    assert chosen([2, 0], 3) == [2, 0]
    with pytest.raises(ModelError, match="13 layers are to be kept, and the model has 12"):
        chosen(13, 12)
    with pytest.raises(ModelError, match="no layer 12"):
        chosen([12], 12)


def test_what_keeps_nothing_is_refused() -> None:
    for wrong in ({}, {"layers": []}, {"layers": -1}):
        with pytest.raises(ValueError, match="say what is kept"):
            Keep.model_validate(wrong)


@pytest.mark.parametrize("family", NARROWED)
def test_heads_that_say_nothing_are_the_ones_that_go(tmp_path: Path, family: str) -> None:
    """Where a group of heads writes nothing, in each layer another, the model without them is the model itself."""
    config = AutoConfig.from_pretrained(archkit.make_family(family, tmp_path / "m"), local_files_only=True)
    text = config.get_text_config()
    text.head_dim = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    text.num_attention_heads, text.num_key_value_heads = 6, 3
    network: Any = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    layers = decoder_layers(network)
    groups = text.num_key_value_heads
    each = text.num_attention_heads // groups * layers[0].self_attn.head_dim  # type: ignore[union-attr, operator]
    with torch.no_grad():
        for number, layer in enumerate(layers):
            gone = number % groups
            layer.self_attn.o_proj.weight[:, gone * each : (gone + 1) * each] = 0  # type: ignore[index, union-attr, operator]
    fewer = with_heads(network, (groups - 1) / groups)
    assert fewer.config.get_text_config().num_key_value_heads == groups - 1
    torch.testing.assert_close(logits(fewer), logits(network))
    torch.testing.assert_close(logits(with_heads(network, 1.0)), logits(network))


@pytest.mark.parametrize("architecture", [name for name in FAMILIES if name not in ("gpt2", "gemma2")])
def test_channels_that_carry_nothing_are_the_ones_that_go(tmp_path: Path, architecture: str) -> None:
    """Norms give what they gave: dividing by the root of a mean over fewer channels is made good."""
    network: Any = make_model(tmp_path / "m", architecture=architecture, hidden_size=32).network
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim == 1:
                continue
            parameter *= 50  # beside which what norms add to a mean square is nothing
            if name.endswith("embed_tokens.weight") or "lm_head" in name:
                parameter[:, ::2] = 0
            elif name.endswith(("o_proj.weight", "down_proj.weight")):
                parameter[::2] = 0
            else:
                parameter[:, ::2] = 0
    narrow = with_hidden(network, 0.5)
    assert narrow.config.hidden_size == 16
    torch.testing.assert_close(logits(narrow), logits(network), rtol=1e-3, atol=1e-4)
    assert with_hidden(network, 1.0) is network


def test_a_narrower_student_is_saved_and_read_again(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m", layers=3, hidden_size=64, heads=4)
    small = pruned(model, Keep(layers=2, mlp=0.5, heads=0.5, hidden=0.5))
    save(small, tmp_path / "small")
    again = load(tmp_path / "small")
    torch.testing.assert_close(logits(again.network), logits(small.network))
    assert again.parameters < model.parameters / 3


def test_an_architecture_whose_heads_follow_its_width_is_refused(tmp_path: Path) -> None:
    network = make_model(tmp_path / "m", architecture="gpt2").network
    for change in (with_heads, with_hidden):
        with pytest.raises(ModelError, match="as wide as its width says") as error:
            change(network, 0.5)
        assert "student.keep.mlp" in error.value.next
