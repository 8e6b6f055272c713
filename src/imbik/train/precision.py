"""What is measured before the first step: number format, threads, layout. None of it is a guess about the machine.

Enters: the student's module and some of its batches. Leaves: `Measured`, written to `measured.json` before training
and read from there on resume, because a run that goes on must go on in the same arithmetic. On one processor bf16 was
1.24x as fast as fp32, on another 0.85x, so a table of processors would be wrong.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Literal, TypeVar

import torch

from imbik.core.types import Record
from imbik.recipe.training import Train
from imbik.train.batches import Layout, lay_out
from imbik.train.module import StudentModule
from imbik.train.rows import Row

Precision = Literal["fp32", "bf16", "fp16"]
# A coarser number format, and threads that other programs may be using, must pay for themselves.
BF16_GAIN, THREADS_GAIN, PACKED_GAIN = 1.1, 1.3, 1.05
PADDING_WORTH_PACKING = 0.1
ROUNDS = 3
LONG_STEP_SECONDS = 5.0
DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
K = TypeVar("K")


class Measured(Record, frozen=True, kw_only=True, omit_defaults=False):
    """How the student is computed; `micro_batch` falls when memory runs out. `lines` say what was found."""

    precision: Precision
    threads: int
    layout: Layout
    micro_batch: int
    lines: tuple[str, ...] = ()

    def as_text(self) -> dict[str, str]:
        """For the stage's manifest."""
        names = ("precision", "threads", "layout", "micro_batch")
        return {name: str(getattr(self, name)) for name in names}


def autocast(device: str, precision: Precision) -> AbstractContextManager[None]:
    """The context in which forward passes run; fp32 changes nothing."""
    return torch.autocast(device, dtype=DTYPES.get(precision), enabled=precision in DTYPES)


def measure(module: StudentModule, batches: Sequence[Sequence[Row]], train: Train, micro_batch: int) -> Measured:
    """Try what the recipe leaves open on a few batches; the student's weights are not changed.

    `batches` are lists of rows as a step will see them, `micro_batch` how many of them fit at a time.
    """
    device = next(module.parameters()).device.type
    trial = _Trial(module, [list(rows)[:micro_batch] for rows in batches], device)
    lines: list[str] = []
    threads = train.threads or (1 if device == "cpu" else torch.get_num_threads())
    torch.set_num_threads(threads)
    layout = _layout(trial, train, lines)
    precision = _precision(trial, train, layout, lines)
    if device == "cpu" and not train.threads:
        threads = _threads(trial, layout, precision, lines)
        torch.set_num_threads(threads)
    return Measured(precision=precision, threads=threads, layout=layout, micro_batch=micro_batch, lines=tuple(lines))


class _Trial:
    """Forward and backward passes on a few batches, timed."""

    def __init__(self, module: StudentModule, batches: list[list[Row]], device: str) -> None:
        self.module, self.batches, self.device = module, batches, device

    def run(self, layout: Layout, precision: Precision) -> None:
        """One pass over the batches; gradients are thrown away."""
        for rows in self.batches:
            batch = lay_out(rows, layout)
            with autocast(self.device, precision):
                tokens = torch.tensor(float(len(batch.labels)), device=self.device)
                loss = self.module(**batch.tensors(self.device), tokens=tokens)
            loss.backward()
            self.module.zero_grad(set_to_none=True)
        if self.device == "cuda":
            torch.cuda.synchronize()

    def fastest(self, arms: Iterable[tuple[K, Callable[[], None]]], *, wall: bool) -> dict[K, float]:
        """Least seconds of each arm, the arms taking turns so that a busy moment hits all of them.

        CPU seconds unless `wall`: a neighbour's load is no property of the arm.
        """
        clock = time.perf_counter if wall or self.device != "cpu" else time.process_time
        choices = list(arms)
        least: dict[K, float] = {}
        for turn in range(ROUNDS + 1):
            for name, work in choices:
                started = clock()
                work()
                taken = clock() - started
                if turn or taken > LONG_STEP_SECONDS:  # the first pass warms up, unless it is too long to repeat
                    least[name] = min(taken, least.get(name, taken))
            if len(least) == len(choices) and sum(least.values()) > LONG_STEP_SECONDS:
                break
        return least


def padding(batches: Iterable[Sequence[Row]]) -> float:
    """Share of padding when each batch is padded to its longest row."""
    passed = held = 0
    for rows in batches:
        passed += sum(len(row.ids) - 1 for row in rows)
        held += len(rows) * (max(len(row.ids) for row in rows) - 1)
    return 1 - passed / max(held, 1)


def _layout(trial: _Trial, train: Train, lines: list[str]) -> Layout:
    """Packed where there is padding to save, packing keeps rows apart in this network, and it is faster."""
    wasted = padding(trial.batches)
    if not train.packing or wasted < PADDING_WORTH_PACKING:
        return "padded"
    if not packs_cleanly(trial.module, trial.batches[0]):
        lines.append("packing is off: in this architecture packed rows would see one another")
        return "padded"
    arms: list[Layout] = ["padded", "packed"]
    least = trial.fastest([(arm, partial(trial.run, arm, "fp32")) for arm in arms], wall=False)
    gain = least["padded"] / least["packed"]
    lines.append(f"packed rows are {gain:.2f}x as fast as padded ones ({wasted:.0%} padding)")
    return "packed" if gain >= PACKED_GAIN else "padded"


def _precision(trial: _Trial, train: Train, layout: Layout, lines: list[str]) -> Precision:
    """The recipe's precision, or the faster of fp32 and bf16."""
    if train.precision == "fp16" and trial.device == "cpu":
        lines.append("fp16 has too narrow a range to train on a CPU without loss scaling: bf16 is used")
        return "bf16"
    if train.precision != "auto":
        return train.precision
    if trial.device == "cuda" and not torch.cuda.is_bf16_supported():
        return "fp32"
    arms: list[Precision] = ["fp32", "bf16"]
    least = trial.fastest([(arm, partial(trial.run, layout, arm)) for arm in arms], wall=False)
    gain = least["fp32"] / least["bf16"]
    lines.append(f"bf16 is {gain:.2f}x as fast as fp32")
    return "bf16" if gain >= BF16_GAIN else "fp32"


def _threads(trial: _Trial, layout: Layout, precision: Precision, lines: list[str]) -> int:
    """One thread, or all cores this process may use where that is clearly faster."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if cores == 1:
        return 1

    def work(count: int) -> None:
        torch.set_num_threads(count)
        trial.run(layout, precision)

    least = trial.fastest([(count, partial(work, count)) for count in (1, cores)], wall=True)
    gain = least[1] / least[cores]
    lines.append(f"{cores} threads are {gain:.2f}x as fast as one")
    return cores if gain >= THREADS_GAIN else 1


def packs_cleanly(module: StudentModule, rows: Sequence[Row]) -> bool:
    """Whether rows in one line give the same hidden states as rows apart: tried on this network, not looked up."""
    from imbik.train.module import hidden_states

    pair = sorted(rows, key=lambda row: len(row.ids))[:2]
    if len(pair) < 2:
        return False
    device = next(module.parameters()).device
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            lines = [torch.as_tensor(row.ids[:-1], dtype=torch.long, device=device)[None] for row in pair]
            apart = torch.cat([hidden_states(module.network, line, None) for line in lines], 1)
            places = torch.cat([torch.arange(line.shape[1], device=device)[None] for line in lines], 1)
            together = hidden_states(module.network, torch.cat(lines, 1), places)
    finally:
        module.train(training)
    return torch.allclose(apart, together, atol=1e-4 * float(apart.abs().max()), rtol=1e-4)
