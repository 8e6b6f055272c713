"""Liger: refused where it cannot be used; where it can, the student's modules alone change, not what they compute."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from transformers.models.llama import modeling_llama

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, make
from imbik.testing.tiny_models import make_model


def accelerator(**settings: Any) -> Any:
    return make("train/accelerators", PluginBlock(use="liger", raw=settings))


class FastNorm(torch.nn.Module):
    """Stands for what Liger puts into transformers' module."""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A library that patches as Liger does: classes of the module, and the modules of a model."""
    asked: dict[str, Any] = {}

    def patch(
        rope: bool = True, fused_linear_cross_entropy: bool = True, rms_norm: bool = True, swiglu: bool = True,
        model: Any = None,
    ) -> None:  # fmt: skip
        asked.update(rope=rope, loss=fused_linear_cross_entropy, rms_norm=rms_norm, swiglu=swiglu)
        modeling_llama.LlamaRMSNorm = FastNorm  # type: ignore[misc, assignment]
        model.model.norm.patched = True

    for name in ("liger_kernel", "liger_kernel.transformers", "liger_kernel.transformers.monkey_patch"):
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["liger_kernel.transformers.monkey_patch"].MODEL_TYPE_TO_APPLY_LIGER_FN = {"llama": patch}  # type: ignore[attr-defined]
    return asked


def test_the_students_modules_change_and_the_library_does_not(tmp_path: Path, installed: dict[str, Any]) -> None:
    own = modeling_llama.LlamaRMSNorm
    model = make_model(tmp_path / "m")
    assert accelerator(mlp=False).apply(model) == "liger computes norms"
    assert installed == {"rope": False, "loss": False, "rms_norm": True, "swiglu": False}
    assert modeling_llama.LlamaRMSNorm is own
    network: Any = model.network
    assert network.model.norm.patched
    other = make_model(tmp_path / "q", architecture="qwen2")
    with pytest.raises(PluginError, match="no kernels for 'qwen2'"):
        accelerator().apply(other)


@pytest.mark.gpu
@pytest.mark.parametrize("architecture", ["llama", "qwen3", "mistral", "gemma2"])
def test_values_and_gradients_are_those_without_it(tmp_path: Path, architecture: str) -> None:
    ids = torch.tensor([[3, 60, 7, 9, 11, 40, 5, 12]], device="cuda")
    found = []
    for fast in (False, True):
        model = make_model(tmp_path / f"{fast}", architecture=architecture, hidden_size=64, heads=4)
        network: Any = model.network.to("cuda")  # type: ignore[arg-type]
        if fast:
            accelerator().check()
            accelerator().apply(model)
        loss = network(input_ids=ids, labels=ids).loss
        loss.backward()
        found.append([loss.detach(), *(parameter.grad for parameter in network.parameters())])
    for plain, quick in zip(*found, strict=True):
        torch.testing.assert_close(quick, plain, rtol=1e-3, atol=1e-5)
