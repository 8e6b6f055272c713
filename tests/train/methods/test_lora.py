"""Adapters: where they really are, what stays frozen, and that a saved one gives the same answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, make
from imbik.models.load import load
from imbik.models.save import save
from imbik.testing.tiny_models import make_model
from imbik.train.methods.lora import reached


def method(**settings: Any) -> Any:
    return make("train/methods", PluginBlock(use="lora", raw=settings))


def moved(network: Any) -> None:
    """Give the adapters something to say: B starts at zero."""
    draw = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.requires_grad and "lora_" in name:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=draw))


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "qwen3"])
@pytest.mark.parametrize("settings", [{"r": 4}, {"r": 2, "rslora": True, "alpha": 3}, {"r": 2, "dora": True}])
def test_a_saved_adapter_answers_as_the_trained_one(
    tmp_path: Path, architecture: str, settings: dict[str, Any]
) -> None:
    model = make_model(tmp_path / "base", architecture=architecture)
    prepared = method(**settings).prepare(model, seed=1)
    assert "of" in prepared.adapted
    moved(prepared.network)
    model.network = prepared.network.eval()
    ids = torch.tensor([[3, 60, 7, 9]])
    wanted = model.network(input_ids=ids).logits
    save(model, tmp_path / "weights", base=str(tmp_path / "base"))
    assert (tmp_path / "weights" / "base.json").exists()
    assert not list((tmp_path / "weights").glob("*.safetensors"))
    torch.testing.assert_close(load(tmp_path / "weights").network(input_ids=ids).logits, wanted, rtol=1e-5, atol=1e-6)


def test_the_head_is_adapted_where_it_is_named_and_exported_right_though_it_is_tied(tmp_path: Path) -> None:
    from imbik.export.formats.safetensors import merged

    model = make_model(tmp_path / "base")
    prepared = method(r=2, target_modules=["q_proj", "lm_head"]).prepare(model, seed=1)
    assert "lm_head" in reached(prepared.network)
    moved(prepared.network)
    model.network = prepared.network.eval()
    ids = torch.tensor([[3, 60, 7, 9]])
    with torch.no_grad():
        wanted = model.network(input_ids=ids).logits
        torch.testing.assert_close(merged(model.network)(input_ids=ids).logits, wanted, rtol=1e-4, atol=1e-5)


def test_all_reaches_every_linear_layer_but_the_head(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m")
    prepared = method().prepare(model, seed=1)
    assert prepared.adapted.startswith("adapters on 14 of 14 matrices: ")
    assert "without" not in prepared.adapted
    learning = {name for name, p in prepared.network.named_parameters() if p.requires_grad}
    assert learning
    assert all("lora_" in name for name in learning)


def test_mixtures_of_experts_are_adapted_whole() -> None:
    """PEFT alone leaves out DeepSeek's dense and shared layers, whose names it takes for experts'."""
    from transformers import AutoModelForCausalLM, DeepseekV3Config

    config = DeepseekV3Config(
        vocab_size=60, hidden_size=16, num_hidden_layers=2, intermediate_size=32, moe_intermediate_size=8,
        n_routed_experts=4, num_experts_per_tok=2, num_attention_heads=2, num_key_value_heads=2, n_group=1,
        topk_group=1, q_lora_rank=8, kv_lora_rank=8, qk_nope_head_dim=4, qk_rope_head_dim=4, v_head_dim=4,
        first_k_dense_replace=1, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip

    class Holder:
        network = AutoModelForCausalLM.from_config(config)

    prepared = method(r=2).prepare(Holder(), seed=1)
    assert prepared.adapted.startswith("adapters on 18 of 18 matrices")
    found = reached(prepared.network)
    assert "model.layers.0.mlp.gate_proj" in found
    assert "model.layers.1.mlp.shared_experts.down_proj" in found
    assert "model.layers.1.mlp.experts.gate_up_proj" in found
    Holder.network = AutoModelForCausalLM.from_config(config)
    with pytest.raises(PluginError, match="fused"):
        method(dropout=0.1).prepare(Holder(), seed=1)


def test_chosen_layers_are_named_and_the_rest_is_reported(tmp_path: Path) -> None:
    prepared = method(target_modules=["q_proj", "v_proj"]).prepare(make_model(tmp_path / "m"), seed=1)
    assert prepared.adapted.startswith("adapters on 4 of 14 matrices")
    assert prepared.adapted.endswith("without: down_proj, gate_proj, k_proj, o_proj, up_proj")


def test_pefts_word_for_all_layers_is_understood(tmp_path: Path) -> None:
    prepared = method(target_modules="all-linear").prepare(make_model(tmp_path / "m"), seed=1)
    assert prepared.adapted.startswith("adapters on 14 of 14 matrices")


def test_a_module_to_train_whole_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no module of this model is called 'wte'; there are: .*embed_tokens"):
        method(modules_to_save=["wte"]).prepare(make_model(tmp_path / "m"), seed=1)


def test_a_layer_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no linear layer of this model is called 'c_attn'; there are: down_proj"):
        method(target_modules=["q_proj", "c_attn"]).prepare(make_model(tmp_path / "m"), seed=1)


def test_the_seed_decides_the_adapters(tmp_path: Path) -> None:
    def first(seed: int) -> torch.Tensor:
        network = method(r=2).prepare(make_model(tmp_path / f"m{seed}"), seed=seed).network
        return next(p for name, p in network.named_parameters() if "lora_A" in name).clone()

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))
