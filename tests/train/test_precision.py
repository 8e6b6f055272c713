"""What is measured before the first step, and what the recipe decides instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imbik.core.plugins import PluginBlock, make
from imbik.recipe.training import Train
from imbik.testing.tiny_models import make_model
from imbik.train import memory, precision
from imbik.train.module import StudentModule
from imbik.train.precision import measure
from imbik.train.rows import Row


def student(folder: Path) -> StudentModule:
    return StudentModule(make_model(folder / "m").network, [make("train/losses", PluginBlock(use="cross_entropy"))])


def batches(*lengths: int) -> list[list[Row]]:
    return [[Row(f"r{n}", np.arange(length, dtype=np.int32), np.array([1])) for n, length in enumerate(lengths)]]


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def measured(folder: Path, rows: list[list[Row]], **train: Any) -> precision.Measured:
    module = student(folder)
    before = [p.clone() for p in module.parameters()]
    found = measure(module, rows, Train(**{"threads": 1, **train}), len(rows[0]))
    assert all(torch.equal(one, other) for one, other in zip(before, module.parameters(), strict=True))
    assert all(p.grad is None for p in module.parameters())
    return found


def test_what_the_recipe_says_is_not_measured(tmp_path: Path) -> None:
    found = measured(tmp_path, batches(9, 9, 9), precision="bf16")
    assert (found.precision, found.threads, found.layout, found.micro_batch) == ("bf16", 1, "padded", 3)
    assert found.lines == ()
    assert found.as_text()["precision"] == "bf16"


def test_fp16_on_a_cpu_becomes_bf16_and_is_said(tmp_path: Path) -> None:
    found = measured(tmp_path, batches(9, 9), precision="fp16")
    assert found.precision == "bf16"
    assert "bf16 is used" in found.lines[0]


@pytest.mark.parametrize(("seconds", "wanted"), [((1.0, 0.5), "bf16"), ((1.0, 0.95), "fp32"), ((1.0, 1.3), "fp32")])
def test_auto_takes_bf16_only_where_it_is_clearly_faster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, float], wanted: str
) -> None:
    def timed(self: Any, arms: Any, *, wall: bool) -> dict[str, float]:
        for _, work in arms:
            work()
        return dict(zip(("fp32", "bf16"), seconds, strict=True))

    monkeypatch.setattr(precision._Trial, "fastest", timed)
    found = measured(tmp_path, batches(9, 9))
    assert found.precision == wanted
    assert f"bf16 is {seconds[0] / seconds[1]:.2f}x as fast as fp32" in found.lines


def test_auto_really_measures(tmp_path: Path) -> None:
    found = measured(tmp_path, batches(9, 20, 6), threads=0)
    assert found.precision in ("fp32", "bf16")
    assert any(line.startswith("bf16 is") for line in found.lines)
    assert any(line.startswith("packed rows are") for line in found.lines)


def test_packing_is_not_tried_without_padding_to_save_or_when_switched_off(tmp_path: Path) -> None:
    assert measured(tmp_path / "a", batches(20, 20, 20), precision="fp32").lines == ()
    assert measured(tmp_path / "b", batches(5, 40, 5), precision="fp32", packing=False).layout == "padded"


def test_a_full_machine_gets_fewer_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = make_model(tmp_path / "m").network
    each = memory.bytes_a_token(network, checkpointing=False) * 50
    trained = sum(p.numel() for p in network.parameters()) * 12
    assert memory.bytes_a_token(network, checkpointing=True) < memory.bytes_a_token(network, checkpointing=False)
    for rows, wanted in ((3, 3), (1000, 16), (0, 1)):
        monkeypatch.setattr(memory, "available_bytes", lambda device, rows=rows: trained + 2 * each * rows + 1)
        assert memory.rows_that_fit(network, longest=50, batch_size=16, checkpointing=False) == wanted
    assert memory.is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried …"))
    assert memory.is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not memory.is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
