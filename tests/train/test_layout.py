"""Packed, padded, cut into micro-batches: the same loss, the same gradient, and no row sees another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from imbik.core.plugins import PluginBlock, make
from imbik.testing.tiny_models import make_model
from imbik.train.batches import Layout, lay_out
from imbik.train.module import StudentModule, hidden_states
from imbik.train.precision import packs_cleanly
from imbik.train.rows import Row

ARCHITECTURES = ["llama", "gpt2", "gemma2", "qwen3"]
LENGTHS = [5, 9, 9, 12, 20, 21, 3, 2]


def rows(taught: bool = False, weighted: bool = False) -> list[Row]:
    draw = np.random.default_rng(0)
    made = []
    for number, length in enumerate(LENGTHS):
        places = np.arange(length // 2, length - 1) if length > 2 else np.array([0])
        said = np.sort(draw.normal(size=(len(places), 4)).astype(np.float32) - 3, axis=1)[:, ::-1].copy()
        known = np.tile(np.arange(4, dtype=np.uint32), (len(places), 1))
        recall = (lambda known=known, said=said: (known, said)) if taught and number != 2 else None
        weights = draw.uniform(0.01, 1, len(places)).astype(np.float32) if weighted and number != 5 else None
        made.append(Row(f"r{number}", draw.integers(0, 300, length).astype(np.int32), places, recall, weights))
    return made


def module(folder: Path, architecture: str, *losses: str) -> StudentModule:
    network = make_model(folder / architecture, architecture=architecture, context=64).network
    return StudentModule(network, [make("train/losses", PluginBlock(use=name)) for name in losses])


def gradients(student: StudentModule, given: list[Row], layout: Layout, size: int) -> tuple[float, dict[str, Tensor]]:
    """Loss and gradients of one step cut into micro-batches of `size` rows."""
    student.zero_grad()
    tokens, value = torch.tensor(sum(row.learned for row in given)), 0.0
    for at in range(0, len(given), size):
        loss = student(**lay_out(given[at : at + size], layout).tensors("cpu"), tokens=tokens)
        loss.backward()
        value += loss.item()
    return value, {name: p.grad.clone() for name, p in student.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("losses", [("cross_entropy",), ("cross_entropy", "forward_kl")])
def test_layout_and_accumulation_change_nothing(tmp_path: Path, architecture: str, losses: tuple[str, ...]) -> None:
    both = len(losses) > 1
    student, given = module(tmp_path, architecture, *losses), rows(taught=both, weighted=both)
    value, wanted = gradients(student, given, "padded", len(given))
    arms: list[tuple[Layout, int]] = [("padded", 4), ("padded", 1), ("packed", 8), ("packed", 3)]
    for layout, size in arms:
        other, found = gradients(student, given, layout, size)
        assert other == pytest.approx(value, rel=1e-5)
        for name, gradient in wanted.items():
            torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6, msg=f"{layout} {size} {name}")


def test_the_loss_is_the_weighted_mean_over_learned_tokens(tmp_path: Path) -> None:
    student, given = module(tmp_path, "llama", "cross_entropy"), rows(weighted=True)
    value, _ = gradients(student, given, "packed", 3)
    total = weight = 0.0
    for row in given:
        ids = torch.from_numpy(row.ids.astype(np.int64))
        with torch.no_grad():
            logits = student.network(input_ids=ids[None, :-1]).logits[0, row.places]
        each = torch.nn.functional.cross_entropy(logits.double(), ids[row.places + 1], reduction="none").numpy()
        counts = np.ones(len(row.places)) if row.weights is None else row.weights
        total, weight = total + float((each * counts).sum()), weight + float(counts.sum())
    assert value == pytest.approx(total / weight, rel=1e-5)
    assert value != pytest.approx(gradients(student, rows(), "packed", 3)[0], rel=1e-4)


# transformers gives Gemma 2 no sdpa: its scores are capped.
@pytest.mark.parametrize(
    ("architecture", "attention"),
    [(name, kind) for name in ARCHITECTURES for kind in ("sdpa", "eager") if (name, kind) != ("gemma2", "sdpa")],
)
def test_packed_rows_do_not_see_one_another(tmp_path: Path, architecture: str, attention: str) -> None:
    """Changing every token of one row leaves the hidden states of the others exactly as they were."""
    network: Any = make_model(tmp_path / architecture, architecture=architecture).network
    network.set_attn_implementation(attention)
    first, second = torch.arange(10, 17)[None], torch.arange(40, 49)[None]
    positions = torch.cat([torch.arange(7), torch.arange(9)])[None]
    with torch.no_grad():
        one = hidden_states(network, torch.cat([first, second], 1), positions)
        other = hidden_states(network, torch.cat([first + 100, second], 1), positions)
        alone = hidden_states(network, second, None)
    assert torch.equal(one[:, 7:], other[:, 7:])
    assert not torch.allclose(one[:, :7], other[:, :7])
    torch.testing.assert_close(one[:, 7:], alone, rtol=1e-4, atol=1e-5)


def test_packing_is_tried_on_the_network_itself(tmp_path: Path) -> None:
    student = module(tmp_path, "llama", "cross_entropy")
    assert packs_cleanly(student, rows())
    assert not packs_cleanly(student, rows()[:1])
    body: Any = student.network.model
    whole = body.forward
    body.forward = lambda **inputs: whole(**{**inputs, "position_ids": None})
    assert not packs_cleanly(student, rows())


def test_a_packed_batch_holds_every_row_once_and_little_else() -> None:
    given = rows()
    batch = lay_out(given, "packed")
    assert batch.ids.shape == (4, 20)
    assert batch.passed == sum(length - 1 for length in LENGTHS)
    assert len(batch.labels) == sum(len(row.places) for row in given)
    flat = batch.ids.flatten()
    starts = sorted(int(place) for place in batch.places)
    assert len(set(starts)) == len(starts)
    found = sorted(zip(flat[batch.places].tolist(), batch.labels.tolist(), strict=True))
    wanted = sorted((int(row.ids[p]), int(row.ids[p + 1])) for row in given for p in row.places)
    assert found == wanted


def test_rows_the_teacher_did_not_read_are_marked() -> None:
    batch = lay_out(rows(taught=True), "padded")
    assert batch.teacher_logprobs is not None
    silent = batch.teacher_logprobs.isinf().all(1)
    assert int(silent.sum()) == len(rows()[2].places)
    assert lay_out(rows(), "padded").teacher_ids is None
