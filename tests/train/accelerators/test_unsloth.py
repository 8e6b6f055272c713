"""Unsloth: refused where it cannot be used; where it can, the student's modules compute the same with it."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, make
from imbik.models.model import LanguageModel
from imbik.testing.tiny_models import make_model
from imbik.train.held import hold_frozen

PLACE = "imbik.train.accelerators.unsloth"


def accelerator(**settings: Any) -> Any:
    return make("train/accelerators", PluginBlock(use="unsloth", raw=settings))


def adapted(folder: Path, architecture: str = "llama", use: str = "lora", **settings: Any) -> LanguageModel:
    model = make_model(folder, architecture=architecture, hidden_size=64, heads=4)
    prepared = make("train/methods", PluginBlock(use=use, raw=settings)).prepare(model, seed=1)
    with torch.no_grad():
        for name, parameter in prepared.network.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.05, generator=torch.Generator().manual_seed(len(name)))
    return model


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A library with kernels of those names, in plain torch; says which were called."""
    called: list[str] = []

    def norm(layer: Any, given: torch.Tensor, gemma: bool = False) -> torch.Tensor:
        called.append("norm")
        eps = getattr(layer, "variance_epsilon", None) or layer.eps
        wide = given.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
        return (wide * (layer.weight + 1 if gemma else layer.weight)).to(given.dtype)

    def swiglu(module: Any, given: torch.Tensor) -> torch.Tensor:
        called.append("mlp")
        made: torch.Tensor = module.down_proj(torch.nn.functional.silu(module.gate_proj(given)) * module.up_proj(given))
        return made

    for name in ("unsloth", "unsloth.kernels"):
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["unsloth.kernels"].fast_rms_layernorm = norm  # type: ignore[attr-defined]
    sys.modules["unsloth.kernels"].apply_lora_mlp_swiglu = swiglu  # type: ignore[attr-defined]
    return called


def test_norms_and_adapted_mlps_are_computed_by_the_kernels(tmp_path: Path, installed: list[str]) -> None:
    model = adapted(tmp_path / "m")
    network: Any = model.network
    layers = network.config.num_hidden_layers
    before = network(input_ids=torch.tensor([[3, 5, 7]])).logits
    assert accelerator().apply(model) == f"unsloth computes {2 * layers + 1} norms and {layers} adapted MLPs"
    installed.clear()
    torch.testing.assert_close(network(input_ids=torch.tensor([[3, 5, 7]])).logits, before)
    assert installed.count("norm") == 2 * layers + 1
    assert "mlp" not in installed, "without autocast an MLP computes in its own way"


@pytest.mark.usefixtures("installed")
def test_gemmas_norms_are_known_by_what_they_compute(tmp_path: Path) -> None:
    told = accelerator(mlp=False).apply(adapted(tmp_path / "m", "gemma2"))
    assert told.startswith("unsloth computes 9 norms")


@pytest.mark.usefixtures("installed")
def test_where_it_has_no_kernel_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="no kernel for what this 'gpt2' model learns"):
        accelerator().apply(adapted(tmp_path / "g", "gpt2"))
    with pytest.raises(PluginError, match="no kernel"):
        accelerator(norms=False).apply(adapted(tmp_path / "q", target_modules=["q_proj"]))


def test_a_library_that_cannot_be_loaded_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: list[str]
) -> None:
    assert installed == []

    def broken(name: str) -> Any:
        raise NotImplementedError("needs an accelerator\nand more")

    monkeypatch.setattr(f"{PLACE}.import_module", broken)
    with pytest.raises(PluginError, match="cannot be loaded: needs an accelerator\n"):
        accelerator().apply(adapted(tmp_path / "m"))


@pytest.mark.gpu
@pytest.mark.parametrize("architecture", ["llama", "mistral", "qwen2", "qwen3", "gemma2", "smollm3"])
def test_values_and_gradients_are_those_without_it(tmp_path: Path, architecture: str) -> None:
    """In bf16, packed rows among them: each within what bf16 rounds."""
    pytest.importorskip("unsloth")
    ids = torch.tensor([[3, 60, 7, 9, 11, 40, 5, 12]], device="cuda")
    places = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3]], device="cuda")
    found = []
    for fast in (False, True):
        model = adapted(tmp_path / f"{fast}", architecture)
        network: Any = model.network.to("cuda")  # type: ignore[arg-type]
        hold_frozen(network, "bf16")
        if fast:
            accelerator().check()
            assert "0 adapted MLPs" not in accelerator().apply(model)
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = network(input_ids=ids, position_ids=places, labels=ids).loss
        loss.backward()
        grads = {name: one.grad for name, one in network.named_parameters() if one.requires_grad}
        found.append((loss.detach(), grads))
    (plain, wanted), (quick, grads) = found
    torch.testing.assert_close(quick, plain, rtol=1e-2, atol=1e-3)
    for name, grad in wanted.items():
        assert grads[name] is not None, name
        gap = (grads[name] - grad).norm() / grad.norm().clamp_min(1e-6)
        assert gap < 0.05, (name, float(gap))
