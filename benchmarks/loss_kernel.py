"""Claim: a distillation loss costs little more than its matrix products, in memory and in time, whichever it is.

One forward and backward of the loss between two heads: 1,024 tokens, hidden 512, vocabulary 128,256, float32. Each arm
runs in a process of its own, in turns, forwards and backwards through the list; a figure is the median over rounds of
the peak of resident memory, inputs and libraries included, and of CPU seconds, imports and inputs left out. `floor` is
the four matrix products alone, 128 tokens at a time; `naive` is forward KL written with torch over the whole matrices;
`trl gkd` is TRL's `generalized_jsd_loss` over whole logits, `trl chunked` the chunked loss of its DistillationTrainer.

Floors: forward KL at most 1,300 MB, 1.2 of the matrix products' time, never slower than naive; jsd, skew KL and TVD
within 1.3 of forward KL. Positive control, in the same run: naive must show more than twice the memory.

    python benchmarks/loss_kernel.py [--rounds 3] [--tokens 1024] [--vocabulary 128256]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

HIDDEN = 512
BLOCK = 128
MEMORY_MB, OF_FLOOR, OF_KL = 1300.0, 1.2, 1.3
OURS = ("forward_kl", "reverse_kl", "jsd", "skew_kl", "skew_reverse_kl", "tvd", "alpha_beta")
COMPARED = ("jsd", "skew_kl", "skew_reverse_kl", "tvd")
PEERS = ("floor", "naive", "trl gkd", "trl chunked")
Arm = Callable[[Tensor, Tensor, Tensor, Tensor], None]


def floor(hidden: Tensor, weight: Tensor, theirs: Tensor, matrix: Tensor) -> None:
    """The four products: both logits, and the two gradients of the student's."""
    slope, head = torch.empty_like(hidden), torch.zeros_like(weight)
    with torch.no_grad():
        for at in range(0, hidden.shape[0], BLOCK):
            part = slice(at, at + BLOCK)
            logits = hidden[part] @ weight.t()
            _ = theirs[part] @ matrix.t()
            slope[part] = logits @ weight
            head.addmm_(logits.t(), hidden[part])


def naive(hidden: Tensor, weight: Tensor, theirs: Tensor, matrix: Tensor) -> None:
    """Forward KL over whole matrices."""
    student = torch.log_softmax(hidden @ weight.t(), -1)
    with torch.no_grad():
        target = torch.log_softmax(theirs @ matrix.t(), -1)
    torch.nn.functional.kl_div(student, target, reduction="batchmean", log_target=True).backward()  # type: ignore[no-untyped-call]


def trl_gkd(hidden: Tensor, weight: Tensor, theirs: Tensor, matrix: Tensor) -> None:
    """TRL's generalised JSD over whole logits, beta 0.5."""
    from trl.experimental.gkd import GKDTrainer

    with torch.no_grad():
        target = theirs @ matrix.t()
    GKDTrainer.generalized_jsd_loss(hidden @ weight.t(), target, beta=0.5).backward()  # type: ignore[no-untyped-call]


def trl_chunked(hidden: Tensor, weight: Tensor, theirs: Tensor, matrix: Tensor) -> None:
    """TRL's chunked divergence, beta 0.5."""
    from trl.trainer.distillation_trainer import _chunked_divergence_loss

    mask = torch.ones(1, hidden.shape[0], dtype=torch.long)
    _chunked_divergence_loss(hidden[None], theirs[None], weight, matrix, mask, beta=0.5)[0].backward()  # type: ignore[no-untyped-call]


def ours(name: str) -> Arm:
    """One of imbik's losses, as training calls it."""

    def arm(hidden: Tensor, weight: Tensor, theirs: Tensor, matrix: Tensor) -> None:
        from imbik.core.plugins import PluginBlock, make
        from imbik.models.head import OutputHead
        from imbik.train.losses import Dense, Signals

        labels = torch.zeros(hidden.shape[0], dtype=torch.long)
        count = torch.tensor(float(hidden.shape[0]))
        given = Signals(hidden, OutputHead(weight), labels, count, Dense(theirs, OutputHead(matrix)))
        make("train/losses", PluginBlock(use=name)).value(given).backward()

    return arm


def one(name: str, tokens: int, vocabulary: int) -> None:
    """Run an arm in this process and print what it took; a small round first loads what is loaded lazily."""
    made = {"floor": floor, "naive": naive, "trl gkd": trl_gkd, "trl chunked": trl_chunked}
    arm = made.get(name) or ours(name)
    arm(*inputs(8, 100))
    given = inputs(tokens, vocabulary)
    before = time.process_time()
    arm(*given)
    took = time.process_time() - before
    print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, took]))


def inputs(tokens: int, vocabulary: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Student's hidden states and head, with gradients, and the teacher's."""
    draw = torch.Generator().manual_seed(0)
    shapes = ((tokens, HIDDEN), (vocabulary, HIDDEN)) * 2
    made = [torch.randn(shape, generator=draw) for shape in shapes]
    for tensor in made[1::2]:
        tensor.mul_(0.05)
    return made[0].requires_grad_(), made[1].requires_grad_(), made[2], made[3]


def measured(names: Sequence[str], rounds: int, extra: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Medians of MB and CPU seconds by arm."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names if turn % 2 == 0 else reversed(names):
            command = [sys.executable, __file__, "--arm", name, *extra]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            memory, seconds = json.loads(said.splitlines()[-1])
            found[name].append((memory, seconds))
    return {
        name: (statistics.median(pair[0] for pair in all_), statistics.median(pair[1] for pair in all_))
        for name, all_ in found.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--vocabulary", type=int, default=128_256)
    parser.add_argument("--only", nargs="*", help="these arms, and the floor")
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.arm:
        one(asked.arm, asked.tokens, asked.vocabulary)
        return 0
    names = ("floor", *asked.only) if asked.only else PEERS + OURS
    extra = ["--tokens", str(asked.tokens), "--vocabulary", str(asked.vocabulary)]
    found = measured(names, asked.rounds, extra)
    print(
        f"{asked.tokens:,} tokens, hidden {HIDDEN}, vocabulary {asked.vocabulary:,}, "
        f"{torch.get_num_threads()} thread(s)"
    )
    for name, (memory, seconds) in found.items():
        print(f"  {name:16} {memory:7,.0f} MB {seconds:7.2f} s  {seconds / found['floor'][1]:5.2f}x the products")
    return 0 if asked.only else verdict(found)


def verdict(found: dict[str, tuple[float, float]]) -> int:
    """Print each claim with its figure; 1 where one does not hold."""
    memory, seconds = found["forward_kl"]
    claims = [
        (f"forward_kl {memory:,.0f} MB, at most {MEMORY_MB:,.0f}", memory <= MEMORY_MB),
        (
            f"{seconds / found['floor'][1]:.2f} of the products' time, at most {OF_FLOOR}",
            seconds <= OF_FLOOR * found["floor"][1],
        ),
        (f"{seconds / found['naive'][1]:.2f} of naive's time, at most 1", seconds <= found["naive"][1]),
        (
            f"control: naive has {found['naive'][0] / memory:.1f} of its memory, more than 2",
            found["naive"][0] > 2 * memory,
        ),
    ]
    for name in COMPARED:
        ratio = found[name][1] / seconds
        claims.append((f"{name} {ratio:.2f} of forward_kl's time, at most {OF_KL}", ratio <= OF_KL))
    for words, holds in claims:
        print(f"{'holds' if holds else 'FAILS'}: {words}")
    return 0 if all(holds for _, holds in claims) else 1


if __name__ == "__main__":
    sys.exit(main())
