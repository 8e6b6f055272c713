"""Claim to be measured, not made: on a card imbik's JSD takes less memory than Liger's chunked one, and its time.

One forward and backward of JSD (beta 0.5) between two heads in bf16: 8,192 tokens, vocabulary 128,256, hidden 2,048 on
both sides. Arms: `floor` is the four matrix products alone (two logits, and the student's two gradients; 512 tokens at
a time), `naive` is written with torch over the whole matrices, `liger` and `liger compiled` are Liger's
`LigerFusedLinearJSDLoss` (1,024 tokens at a time, its own default) without and with torch.compile, `imbik` is the loss
as training calls it, and beside them imbik's forward KL, and the same JSD without the fused kernel, in several passes
over memory. Each arm runs in a process of its own, in turns, forwards and backwards through the list; a
figure is the median over rounds of the most that the allocator held above the inputs and of seconds a call, the median
of 5 after 2 that compile, load and warm up.

Figures to reach: less memory than Liger at its best, at most 1.1 of its time at its best. Positive control, in the same
run: naive must take more than twice imbik's memory.

    python benchmarks/loss_kernel_gpu.py [--rounds 2] [--tokens 8192] [--vocabulary 128256] [--hidden 2048]

`--device cpu --tokens 64 --vocabulary 1000 --hidden 32` shows that all of it runs; memory is then not measured. Liger
(`pip install liger-kernel==0.8.5`) is needed for its arms only: without it they are left out, and that is said.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

BLOCK = 512
WARM, CALLS = 2, 5
TIME = 1.1
LIGER = ("liger", "liger compiled")
PASSES = "imbik in passes"
ARMS = ("floor", "naive", *LIGER, "imbik", "imbik forward_kl", PASSES)
Arm = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def floor(hidden: Tensor, weight: Tensor, theirs: Tensor, matrix: Tensor) -> Tensor:
    """The products alone."""
    slope, head = torch.empty_like(hidden), torch.zeros_like(weight)
    with torch.no_grad():
        for at in range(0, hidden.shape[0], BLOCK):
            part = slice(at, at + BLOCK)
            logits = hidden[part] @ weight.t()
            _ = theirs[part] @ matrix.t()
            slope[part] = logits @ weight
            head.addmm_(logits.t(), hidden[part])
    return torch.zeros(())


def naive(hidden: Tensor, weight: Tensor, theirs: Tensor, matrix: Tensor) -> Tensor:
    """JSD over whole matrices, in float32 after the products."""
    student = torch.log_softmax((hidden @ weight.t()).float(), -1)
    with torch.no_grad():
        target = torch.log_softmax((theirs @ matrix.t()).float(), -1)
    middle = ((student.exp() + target.exp()) / 2).log()
    kl = torch.nn.functional.kl_div
    both = (
        kl(middle, student, reduction="batchmean", log_target=True),
        kl(middle, target, reduction="batchmean", log_target=True),
    )
    value: Tensor = (both[0] + both[1]) / 2
    value.backward()  # type: ignore[no-untyped-call]
    return value.detach()


def liger(compiled: bool) -> Arm:
    """Liger's chunked JSD with no loss of the text."""
    made = import_module("liger_kernel.chunked_loss").LigerFusedLinearJSDLoss
    loss: Any = made(weight_hard_loss=0.0, weight_soft_loss=1.0, beta=0.5, compiled=compiled)

    def arm(hidden: Tensor, weight: Tensor, theirs: Tensor, matrix: Tensor) -> Tensor:
        labels = torch.zeros(len(hidden), dtype=torch.long, device=hidden.device)
        value: Tensor = loss(hidden, weight, theirs, matrix, labels)
        value.backward()  # type: ignore[no-untyped-call]
        return value.detach()

    return arm


def ours(name: str) -> Arm:
    """One of imbik's losses, as training calls it."""
    from imbik.core.plugins import PluginBlock, make
    from imbik.models.head import OutputHead
    from imbik.train.losses import Dense, Signals

    loss: Any = make("train/losses", PluginBlock(use=name))

    def arm(hidden: Tensor, weight: Tensor, theirs: Tensor, matrix: Tensor) -> Tensor:
        labels = torch.zeros(len(hidden), dtype=torch.long, device=hidden.device)
        count = torch.tensor(float(len(hidden)), device=hidden.device)
        value: Tensor = loss.value(
            Signals(hidden, OutputHead(weight), labels, count, Dense(theirs, OutputHead(matrix)))
        )
        value.backward()  # type: ignore[no-untyped-call]
        return value.detach()

    return arm


def in_passes() -> Arm:
    """imbik's JSD as it is computed where the fused kernel cannot be used."""
    from imbik.train import fused

    parts: Any = fused
    parts.fits = lambda *_: False
    return ours("jsd")


def arm_of(name: str) -> Arm:
    """The function of an arm; what it needs is imported here."""
    if name in LIGER:
        return liger(name.endswith("compiled"))
    if name == PASSES:
        return in_passes()
    if name.startswith("imbik"):
        return ours(name.removeprefix("imbik").strip() or "jsd")
    return {"floor": floor, "naive": naive}[name]


def one(name: str, given: argparse.Namespace) -> None:
    """Run an arm in this process; prints bytes, seconds a call and its value as JSON."""
    arm, card = arm_of(name), given.device == "cuda"
    tensors = inputs(given)
    before = torch.cuda.memory_allocated() if card else 0
    seconds, value = [], torch.zeros(())
    for turn in range(WARM + CALLS):
        for tensor in tensors[:2]:
            tensor.grad = None
        if card and turn == WARM:
            torch.cuda.reset_peak_memory_stats()
        started = _now(card)
        value = arm(*tensors)
        seconds.append(_now(card) - started)
    peak = torch.cuda.max_memory_allocated() - before if card else 0
    print(json.dumps([peak, statistics.median(seconds[WARM:]), float(value)]))


def _now(card: bool) -> float:
    if card:
        torch.cuda.synchronize()
    return time.perf_counter()


def inputs(given: argparse.Namespace) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Student's hidden states and head, with gradients, and the teacher's; in bf16."""
    torch.manual_seed(0)
    shapes = ((given.tokens, given.hidden), (given.vocabulary, given.hidden)) * 2
    made = [torch.randn(shape, device=given.device, dtype=torch.bfloat16) for shape in shapes]
    for tensor in made[1::2]:
        tensor.mul_(1.6 / given.hidden**0.5)
    return made[0].requires_grad_(), made[1].requires_grad_(), made[2], made[3]


def measured(names: Sequence[str], rounds: int, extra: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """Medians of bytes, seconds and value by arm; an arm that fails is told and left out."""
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            command = [sys.executable, __file__, "--arm", name, *extra]
            said = subprocess.run(command, capture_output=True, text=True)
            if said.returncode:
                print(f"{name} failed: {said.stderr.strip().splitlines()[-1]}")
                continue
            found[name].append(json.loads(said.stdout.splitlines()[-1]))
    return {
        name: (statistics.median(r[0] for r in all_), statistics.median(r[1] for r in all_), all_[0][2])
        for name, all_ in found.items()
        if all_
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--vocabulary", type=int, default=128_256)
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.arm:
        one(given.arm, given)
        return 0
    names = [name for name in ARMS if name not in LIGER or find_spec("liger_kernel")]
    if len(names) < len(ARMS):
        print("Liger is not installed, so its arms are left out: pip install liger-kernel==0.8.5")
    extra = [f"--{key}={getattr(given, key)}" for key in ("tokens", "vocabulary", "hidden", "device")]
    found = measured(names, given.rounds, extra)
    card = torch.cuda.get_device_name() if given.device == "cuda" else "no card: memory is not measured"
    print(f"{given.tokens:,} tokens, hidden {given.hidden:,}, vocabulary {given.vocabulary:,}, bf16, {card}")
    for name, (peak, seconds, value) in found.items():
        print(f"  {name:28} {peak / 1e6:8,.0f} MB {seconds * 1e3:9.1f} ms   value {value:.5f}")
    return verdict(found)


def verdict(found: dict[str, tuple[float, float, float]]) -> int:
    """Print each claim with its figure; 1 where one does not hold, or an arm of ours is missing."""
    if "imbik" not in found:
        return 1
    peak, seconds, value = found["imbik"]
    claims = []
    if "naive" in found:
        same = abs(value / found["naive"][2] - 1)
        claims.append((f"imbik's value is naive's to {same:.1e}, at most 1e-2 in bf16", same <= 1e-2))
        if peak:
            times = found["naive"][0] / peak
            claims.append((f"control: naive takes {times:.1f} times imbik's memory, more than 2", times > 2))
    peers = [found[name] for name in LIGER if name in found]
    if peers:
        least, fastest = min(peer[0] for peer in peers), min(peer[1] for peer in peers)
        if peak:
            claims.append((f"{peak / least:.2f} of Liger's memory at its best, below 1", peak < least))
        claims.append(
            (f"{seconds / fastest:.2f} of Liger's time at its best, at most {TIME}", seconds <= TIME * fastest)
        )
    for words, holds in claims:
        print(f"{'holds' if holds else 'FAILS'}: {words}")
    return 0 if all(holds for _, holds in claims) else 1


if __name__ == "__main__":
    sys.exit(main())
