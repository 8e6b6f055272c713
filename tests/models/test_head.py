"""The output head equals the model's own logits, for every architecture and with adapters."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import ModelError
from imbik.models.head import HiddenTap, OutputHead, head_of
from imbik.models.init import ARCHITECTURES
from imbik.models.load import load
from imbik.models.model import LanguageModel

Tiny = Callable[[str], LanguageModel]
IDS = [[5, 6, 7, 8], [9, 10, 11, 12]]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_kernel_equals_the_models_own_logits(tiny: Tiny, architecture: str) -> None:
    import torch

    network = tiny(architecture).network
    head = head_of(network)
    with torch.no_grad():
        hidden = HiddenTap(network)(network, input_ids=torch.tensor(IDS))
        own = network(torch.tensor(IDS)).logits
    assert hidden.shape == (2, 4, 16)
    assert torch.allclose(head.logits(hidden), own, atol=1e-5)


def other(kind: str, **config: object):  # type: ignore[no-untyped-def]
    """A tiny network of an architecture that imbik loads but does not make."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {
        "vocab_size": 50,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
    }
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(
        AutoConfig.for_model(kind, **sizes, num_key_value_heads=2, pad_token_id=0, **config)
    ).eval()


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("granite", {"logits_scaling": 4.0, "head_dim": 8}),
        ("cohere", {"logit_scale": 0.25}),
        ("gemma2", {"final_logit_softcapping": 0.1, "head_dim": 8}),
        ("phi", {}),
    ],
)
def test_scales_caps_and_biases(kind: str, config: dict[str, object]) -> None:
    import torch

    network = other(kind, **config)
    head = head_of(network)
    assert (head.scale, head.soft_cap, head.bias) != (1.0, None, None)
    if head.bias is not None:
        torch.nn.init.normal_(head.bias)
    with torch.no_grad():
        hidden = HiddenTap(network)(network, input_ids=torch.tensor(IDS))
        assert torch.allclose(head_of(network).logits(hidden), network(torch.tensor(IDS)).logits, atol=1e-5)


def test_an_unknown_way_of_making_logits_is_refused() -> None:
    network = other("llama")
    whole = type(network)
    forward = network.forward

    def doubled(*args: object, **inputs: object):  # type: ignore[no-untyped-def]
        output = forward(*args, **inputs)
        output.logits = output.logits * 2
        return output

    network.forward = doubled
    assert isinstance(network, whole)
    with pytest.raises(ModelError, match="in a way"):
        head_of(network)


def test_adapters_take_part_in_the_hidden_states(tiny: Tiny) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    folder = tiny("llama").folder
    assert isinstance(folder, Path)
    config = LoraConfig(r=2, target_modules=["q_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # inside peft
        adapted = get_peft_model(load(folder).network, config).eval()
    with torch.no_grad():
        hidden = HiddenTap(adapted)(adapted, input_ids=torch.tensor(IDS))
        assert torch.allclose(head_of(adapted).logits(hidden), adapted(torch.tensor(IDS)).logits, atol=1e-5)
        plain = tiny("llama").network(torch.tensor(IDS)).logits
    assert not torch.allclose(adapted(torch.tensor(IDS)).logits, plain)


def adapted_head(tiny: Tiny, architecture: str, **settings: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    folder = tiny(architecture).folder
    assert isinstance(folder, Path)
    config = LoraConfig(r=2, target_modules=["q_proj", "lm_head"], init_lora_weights=False, **settings)
    if architecture == "gpt2":
        config.target_modules = {"c_attn", "lm_head"}
    with warnings.catch_warnings(action="ignore"):
        return get_peft_model(load(folder).network, config).eval()


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2", "qwen3", "granite"])
def test_an_adapter_on_the_head_takes_part(tiny: Tiny, architecture: str) -> None:
    import torch

    adapted = adapted_head(tiny, architecture, use_rslora=True)
    head = head_of(adapted)
    assert head.adapter is not None
    with torch.no_grad():
        hidden = HiddenTap(adapted)(adapted, input_ids=torch.tensor(IDS))
        own = adapted(torch.tensor(IDS)).logits
        assert torch.allclose(head.logits(hidden), own, atol=1e-5)
        assert not torch.allclose(replace(head, adapter=None).logits(hidden), own, atol=1e-3)
        with adapted.disable_adapter():
            assert head_of(adapted).adapter is None
        with warnings.catch_warnings(action="ignore"):  # merging into a tied head moves the embeddings too
            adapted.merge_adapter()
        whole = head_of(adapted)
        assert whole.adapter is None
        assert torch.allclose(whole.logits(hidden), own, atol=1e-4)


def test_other_adapters_on_the_head_are_refused(tiny: Tiny) -> None:
    adapted = adapted_head(tiny, "llama", use_dora=True)
    with pytest.raises(ModelError, match="dora"):
        head_of(adapted)


def test_gradients_flow_through_the_head() -> None:
    import torch

    hidden = torch.randn(3, 4, requires_grad=True, dtype=torch.float64)
    weight = torch.randn(5, 4, requires_grad=True, dtype=torch.float64)
    bias = torch.randn(5, requires_grad=True, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda h, w, b: OutputHead(w, b, scale=0.5, soft_cap=3.0).logits(h), (hidden, weight, bias)
    )
