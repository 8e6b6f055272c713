"""The kernel: blocks change nothing, no block is larger than asked, sums are exact, frozen heads cost nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from imbik.core.plugins import PluginBlock, make
from imbik.models.head import LowRank, OutputHead, head_of
from imbik.testing.tiny_models import make_model
from imbik.train.chunked import block_rows, token_losses
from imbik.train.losses import Dense, Known, Sampled, Signals, TokenTerm, TopK
from imbik.train.losses.cross_entropy import CrossEntropy


def losses() -> list[tuple[float, CrossEntropy]]:
    made = [make("train/losses", PluginBlock(use=name)) for name in ("cross_entropy", "forward_kl")]
    return list(zip((0.7, 0.3), made, strict=True))


def given(rows: int = 300, width: int = 8, vocabulary: int = 40) -> Signals:
    draw = torch.Generator().manual_seed(1)
    hidden = torch.randn(rows, width, generator=draw).requires_grad_()
    weight = torch.randn(vocabulary, width, generator=draw).requires_grad_()
    said = torch.log_softmax(torch.randn(rows, vocabulary, generator=draw), -1).topk(4, -1)
    labels = torch.randint(0, vocabulary, (rows,), generator=draw)
    teacher = TopK(said.indices, said.values)
    return Signals(hidden, OutputHead(weight), labels, torch.tensor(float(rows)), teacher)


@pytest.mark.parametrize("rows", [1, 7, 299, 300, 4096])
def test_block_size_changes_neither_value_nor_gradient(rows: int) -> None:
    signals = given()
    whole, part = token_losses(signals, losses()), token_losses(signals, losses(), rows=rows)
    torch.testing.assert_close(whole, part, rtol=1e-6, atol=1e-7)
    leaves = [signals.hidden, signals.head.weight]
    for one, other in zip(torch.autograd.grad(whole, leaves), torch.autograd.grad(part, leaves), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_a_token_of_weight_three_counts_as_three_tokens() -> None:
    signals = given(rows=50)
    assert isinstance(signals.teacher, TopK)
    counts = torch.arange(50) % 4
    weighed = replace(signals, weights=counts.float())
    said = signals.teacher
    repeated = replace(
        signals,
        hidden=signals.hidden.repeat_interleave(counts, 0),
        labels=signals.labels.repeat_interleave(counts),
        teacher=TopK(said.ids.repeat_interleave(counts, 0), said.logprobs.repeat_interleave(counts, 0)),
    )
    one, other = token_losses(weighed, losses(), rows=7), token_losses(repeated, losses())
    torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
    leaves = [signals.hidden, signals.head.weight]
    for mine, wanted in zip(torch.autograd.grad(one, leaves), torch.autograd.grad(other, leaves), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-5, atol=1e-7)


def test_no_more_than_a_block_of_logits_is_ever_made() -> None:
    seen: list[int] = []

    class Watching(CrossEntropy):
        def of_logits(self, logits: Tensor, labels: Tensor, teacher: Known | None) -> TokenTerm:
            seen.append(logits.shape[0])
            return super().of_logits(logits, labels, teacher)

    token_losses(given(), [(1.0, Watching(CrossEntropy.Settings()))], rows=64).backward()
    assert seen == [64, 64, 64, 64, 44]
    assert block_rows(128_256, "cpu") == 128
    assert block_rows(128_256, "cpu") * 128_256 * 4 < 100e6


def test_a_teacher_beside_the_student_teaches_as_its_own_logits_would() -> None:
    """Hidden states of another width and a head of its own, against every logit of it captured."""
    signals = given(rows=50)
    said = Dense(torch.randn(50, 5), OutputHead(torch.randn(signals.head.weight.shape[0], 5), None, 0.5, 3.0))
    every = torch.log_softmax(said.head.logits(said.hidden), -1).topk(said.head.weight.shape[0], -1)
    loss = losses()[1:]
    one = token_losses(replace(signals, teacher=said), loss, rows=7)
    other = token_losses(replace(signals, teacher=TopK(every.indices, every.values)), loss, rows=50)
    torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
    leaves = [signals.hidden, signals.head.weight]
    for mine, wanted in zip(torch.autograd.grad(one, leaves), torch.autograd.grad(other, leaves), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-5, atol=1e-7)


def test_parts_of_a_sampled_teacher_keep_weights_and_entropy_together() -> None:
    ids, weights = torch.arange(12).view(6, 2), torch.rand(6, 2)
    part = Sampled(ids, weights, torch.arange(6.0)).part(slice(2, 4))
    assert part.ids.tolist() == [[4, 5], [6, 7]]
    assert torch.equal(part.weights, weights[2:4])
    assert part.entropy is not None
    assert part.entropy.tolist() == [2.0, 3.0]
    assert Sampled(ids, weights).part(slice(2)).entropy is None


@pytest.mark.parametrize("frozen", [True, False])
def test_a_low_rank_adapter_on_the_head_is_that_of_the_whole_weight(frozen: bool) -> None:
    """Value and every gradient, also through scale and soft cap, against weight + scale * up @ down."""
    plain = given(rows=50)
    draw = torch.Generator().manual_seed(4)
    down, up = (torch.randn(shape, generator=draw).requires_grad_() for shape in ((3, 8), (40, 3)))
    weight = plain.head.weight.detach() if frozen else plain.head.weight
    leaves = [plain.hidden, down, up] + ([] if frozen else [weight])
    head = OutputHead(weight, torch.randn(40, generator=draw), 0.5, 3.0, LowRank(down, up, 0.7))
    value = token_losses(replace(plain, head=head), losses(), rows=7)
    merged = OutputHead(weight + 0.7 * up @ down, head.bias, 0.5, 3.0)
    wanted = token_losses(replace(plain, head=merged), losses())
    torch.testing.assert_close(value, wanted, rtol=1e-6, atol=1e-7)
    for mine, other in zip(torch.autograd.grad(value, leaves), torch.autograd.grad(wanted, leaves), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-6)


def test_an_adapters_dropout_is_drawn_once_for_value_and_gradient() -> None:
    """In float64, against the whole logits under the same draw; blocks of any length see that one draw."""
    draw = torch.Generator().manual_seed(5)
    kind = torch.float64
    hidden, weight, down, up = (
        torch.randn(shape, generator=draw, dtype=kind).requires_grad_() for shape in ((50, 8), (40, 8), (3, 8), (40, 3))
    )
    labels = torch.randint(0, 40, (50,), generator=draw)
    head = OutputHead(weight, None, 1.0, None, LowRank(down, up, 0.7, torch.nn.Dropout(0.4)))
    found = []
    for rows in (50, 7):
        torch.manual_seed(3)
        signals = Signals(hidden, head, labels, torch.tensor(50.0, dtype=kind))
        value = token_losses(signals, [(1.0, CrossEntropy(CrossEntropy.Settings()))], rows=rows)
        found.append((value.double(), torch.autograd.grad(value, [hidden, weight, down, up])))
    torch.manual_seed(3)
    logits = head.logits(hidden)
    wanted = torch.nn.functional.cross_entropy(logits, labels)
    slopes = torch.autograd.grad(wanted, [hidden, weight, down, up])
    for value, gradients in found:
        torch.testing.assert_close(value, wanted, rtol=1e-6, atol=1e-9)
        for mine, other in zip(gradients, slopes, strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-7)


def test_a_long_sum_is_not_rounded_away() -> None:
    rows = 60_000
    signals = Signals(
        torch.ones(rows, 2), OutputHead(torch.zeros(3, 2)), torch.zeros(rows, dtype=torch.long), torch.tensor(1.0)
    )
    value = token_losses(signals, [(1.0, CrossEntropy(CrossEntropy.Settings()))])
    assert value.item() == pytest.approx(rows * math.log(3), rel=1e-7)


def test_a_frozen_head_gets_no_gradient_and_backward_runs_once() -> None:
    signals = given()
    frozen = Signals(signals.hidden, OutputHead(signals.head.weight.detach()), signals.labels, signals.tokens)
    value = token_losses(frozen, losses()[:1])
    value.backward(retain_graph=True)
    assert signals.hidden.grad is not None
    with pytest.raises(RuntimeError, match="once"):
        value.backward()


def test_nothing_is_kept_without_gradients() -> None:
    with torch.no_grad():
        assert not token_losses(given(), losses()).requires_grad


def test_autocast_computes_in_its_own_format_and_sums_in_float32() -> None:
    signals = given()
    exact = token_losses(signals, losses())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = token_losses(signals, losses())
    assert coarse.dtype == torch.float32
    assert coarse.item() == pytest.approx(exact.item(), rel=2e-2)
    coarse.backward()
    assert signals.head.weight.grad is not None
    assert signals.head.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2", "qwen3", "granite"])
def test_loss_is_that_of_the_models_own_logits(architecture: str, tmp_path: Path) -> None:
    network = make_model(tmp_path / "m", architecture=architecture).network
    ids = torch.tensor([[5, 9, 30, 41, 7, 100]])
    output = network(input_ids=ids, output_hidden_states=True)
    wanted = torch.nn.functional.cross_entropy(output.logits[0, :-1].double(), ids[0, 1:])
    body = getattr(network, network.base_model_prefix)
    hidden = body(input_ids=ids).last_hidden_state[0, :-1]
    signals = Signals(hidden, head_of(network), ids[0, 1:], torch.tensor(5.0))
    value = token_losses(signals, [(1.0, CrossEntropy(CrossEntropy.Settings()))])
    assert value.item() == pytest.approx(wanted.item(), rel=1e-6)
