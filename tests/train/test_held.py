"""Frozen layers held in bf16: the same values and gradients under autocast, half the memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from imbik.core.plugins import PluginBlock, make
from imbik.testing.tiny_models import make_model
from imbik.train.held import HeldLinear, hold_frozen

IDS = torch.tensor([[3, 60, 7, 9, 11, 40, 5, 12]])


def adapted(folder: Path, method: str, **settings: Any) -> Any:
    model = make_model(folder, hidden_size=64, heads=4)
    network: Any = make("train/methods", PluginBlock(use=method, raw=settings)).prepare(model, seed=1).network
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.add_(0.02)
    return network


def learned(network: Any) -> list[torch.Tensor]:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = network(input_ids=IDS, labels=IDS).loss
    loss.backward()
    return [loss.detach(), *(one.grad for one in network.parameters() if one.requires_grad)]


@pytest.mark.parametrize("settings", [{}, {"dora": True}, {"modules_to_save": ["lm_head"]}])
def test_every_bit_stays_under_autocast(tmp_path: Path, settings: dict[str, Any]) -> None:
    plain, held = (adapted(tmp_path / name, "lora", **settings) for name in ("a", "b"))
    assert (hold_frozen(held, "bf16") > 0) is not settings.get("dora", False)
    for one, other in zip(learned(plain), learned(held), strict=True):
        assert torch.equal(one, other)


def test_only_frozen_layers_of_the_base_change_and_take_half(tmp_path: Path) -> None:
    network = adapted(tmp_path / "m", "lora")
    freed = hold_frozen(network, "bf16")
    held = [module for module in network.modules() if isinstance(module, HeldLinear)]
    assert freed == sum(2 * module.weight.numel() for module in held)
    assert all(not module.weight.requires_grad and module.weight.dtype == torch.bfloat16 for module in held)
    for part in (network.get_input_embeddings(), network.get_output_embeddings()):
        assert part.weight.dtype == torch.float32
    assert all(one.dtype == torch.float32 for one in network.parameters() if one.requires_grad)
    assert hold_frozen(network, "bf16") == 0
    assert hold_frozen(adapted(tmp_path / "n", "lora"), "fp32") == 0


def test_without_autocast_a_held_layer_takes_what_it_is_given(tmp_path: Path) -> None:
    """What writes the student's attempts computes in float32."""
    plain, held = (adapted(tmp_path / name, "lora").eval() for name in ("a", "b"))
    hold_frozen(held, "bf16")
    with torch.no_grad():
        one, other = plain(input_ids=IDS).logits, held(input_ids=IDS).logits
    assert other.dtype == torch.float32
    torch.testing.assert_close(one, other, rtol=0.05, atol=0.02)


def test_a_student_that_learns_whole_is_left_alone(tmp_path: Path) -> None:
    network: Any = make_model(tmp_path / "m").network
    assert hold_frozen(network, "bf16") == 0
