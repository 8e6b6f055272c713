"""Claim: training with imbik is as fast as a loop written by hand, and faster than transformers' own Trainer.

Each arm trains a Llama made from a config on the same synthetic rows of 30 to 110 tokens, with the same optimiser
(fused AdamW), clipping and learning rate. `plain` and `trainer` get imbik's own batches (rows of like length, padded
on the right, no mask), the best setting for both; `trainer, random` is what the library does by itself. Arms take
turns; the figure is non-padding tokens per second of CPU time (a busy machine does not decide), of the fastest round,
without the seconds an arm takes to begin, which stand in the second column: a short run is subtracted from a long one.

Floor: 0.9 of the plain loop. Positive control, in the same run: `slowed` is imbik with a quarter added to each step,
and must show.

    python benchmarks/train_throughput.py [--steps 100] [--rounds 3] [--threads 1]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PrinterCallback, Trainer, TrainingArguments

from imbik.core.plugins import PluginBlock, make
from imbik.recipe.training import Train
from imbik.train.batches import Order, lay_out
from imbik.train.board import Board
from imbik.train.checkpoints import Checkpoints
from imbik.train.lesson import Hooks, Lesson
from imbik.train.module import StudentModule
from imbik.train.optimizers import BETAS
from imbik.train.precision import Measured
from imbik.train.rows import Row
from imbik.train.trainer import StudentTrainer

RATE = 1e-3
SHORT = 10
FLOOR = 0.9
CONTROL = 1.1
Arm = Callable[["Size", Sequence[Row], int], float]


@dataclass(frozen=True)
class Size:
    """A model and its batch."""

    hidden: int
    layers: int
    vocabulary: int
    batch: int = 32

    def model(self) -> LlamaForCausalLM:
        torch.manual_seed(0)
        inner = int(self.hidden * 8 / 3) // 8 * 8
        model: LlamaForCausalLM = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=self.vocabulary, hidden_size=self.hidden, num_hidden_layers=self.layers,
                intermediate_size=inner, num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=True,
                max_position_embeddings=512, bos_token_id=None, eos_token_id=None,
            )
        )  # fmt: skip
        model.train()
        return model


SIZES = (Size(64, 2, 600), Size(64, 2, 2048), Size(128, 4, 2048))


def make_rows(vocabulary: int, count: int = 2000) -> list[Row]:
    """Rows whose last two thirds are learned."""
    draw = np.random.default_rng(0)
    lengths = draw.integers(30, 110, count)
    return [
        Row(f"r{n}", draw.integers(0, vocabulary, length).astype(np.int32), np.arange(length // 3, length - 1))
        for n, length in enumerate(lengths)
    ]


def slowed(size: Size, rows: Sequence[Row], steps: int) -> float:
    """CPU seconds of imbik's trainer when each step takes a quarter longer."""
    last = time.process_time()

    def waste(*_: object) -> None:
        nonlocal last
        until = time.process_time() + 0.25 * (time.process_time() - last)
        while time.process_time() < until:
            pass
        last = until

    return imbik(size, rows, steps, waste)


def imbik(size: Size, rows: Sequence[Row], steps: int, before: Callable[..., None] = lambda *_: None) -> float:
    """CPU seconds of imbik's trainer; `before` is called before each forward pass."""
    module = StudentModule(size.model(), [make("train/losses", PluginBlock(use="cross_entropy"))])
    module.register_forward_pre_hook(before)
    order = Order(rows, seed=1, size=size.batch, total=steps * size.batch)
    lesson = Lesson("bench", 1, rows, order, [], module.losses, None)
    train = Train(learning_rate=RATE, schedule="constant", validate_every=10**6, checkpoint_every=10**6)
    measured = Measured(precision="fp32", threads=torch.get_num_threads(), layout="padded", micro_batch=size.batch)
    with tempfile.TemporaryDirectory() as folder:
        hooks = Hooks(lambda *_: None, lambda *_: None, lambda *_: None, lambda *_: None)
        board = Board(Path(folder))
        trainer = StudentTrainer(module, lesson, train, measured, Checkpoints(Path(folder), print), board, hooks)
        board.write = lambda *_: None  # type: ignore[method-assign]
        trainer.save = lambda: None  # type: ignore[method-assign]
        started = time.process_time()
        trainer.run()
        return time.process_time() - started


def batches(size: Size, rows: Sequence[Row], steps: int) -> Iterator[dict[str, torch.Tensor]]:
    """imbik's batches, as transformers wants them."""
    order = Order(rows, seed=1, size=size.batch, total=steps * size.batch)
    for step in range(steps):
        chosen = [rows[index] for index in order.batch(step)]
        batch = lay_out(chosen, "padded")
        labels = torch.full(batch.ids.shape, -100)
        labels.view(-1)[batch.places] = batch.labels
        # The library shifts labels by one: imbik's inputs are already shifted, so shift them back.
        yield {"input_ids": batch.ids, "shift_labels": labels, "labels": labels}


def plain(size: Size, rows: Sequence[Row], steps: int) -> float:
    """CPU seconds of a loop that does nothing but train."""
    model = size.model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=BETAS, fused=True)
    started = time.process_time()
    for batch in batches(size, rows, steps):
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return time.process_time() - started


def arguments(folder: str, steps: int, rows: int) -> TrainingArguments:
    """The library's cheapest settings."""
    return TrainingArguments(
        output_dir=folder, max_steps=steps, per_device_train_batch_size=rows, learning_rate=RATE,
        optim="adamw_torch_fused", adam_beta1=BETAS[0], adam_beta2=BETAS[1], lr_scheduler_type="constant",
        report_to=[], logging_strategy="no", save_strategy="no", disable_tqdm=True,
        use_cpu=True, remove_unused_columns=False, dataloader_pin_memory=False,
    )  # fmt: skip


def timed(trainer: Trainer) -> float:
    trainer.remove_callback(PrinterCallback)
    started = time.process_time()
    trainer.train()
    return time.process_time() - started


def trainer(size: Size, rows: Sequence[Row], steps: int) -> float:
    """CPU seconds of transformers' Trainer on imbik's batches."""
    with tempfile.TemporaryDirectory() as folder:
        data: Any = list(batches(size, rows, steps))
        made = Trainer(size.model(), arguments(folder, steps, 1), data_collator=lambda one: one[0], train_dataset=data)
        made._get_train_sampler = lambda *_: torch.utils.data.SequentialSampler(data)  # type: ignore[method-assign]
        return timed(made)


def trainer_random(size: Size, rows: Sequence[Row], steps: int) -> float:
    """CPU seconds of transformers' Trainer with its own random batches and mask."""

    def collate(chosen: Sequence[Row]) -> dict[str, torch.Tensor]:
        width = max(len(row.ids) for row in chosen)
        ids, labels = torch.zeros(len(chosen), width, dtype=torch.long), torch.full((len(chosen), width), -100)
        mask = torch.zeros(len(chosen), width, dtype=torch.long)
        for number, row in enumerate(chosen):
            ids[number, : len(row.ids)] = torch.as_tensor(row.ids, dtype=torch.long)
            mask[number, : len(row.ids)] = 1
            labels[number, row.places + 1] = ids[number, row.places + 1]
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    with tempfile.TemporaryDirectory() as folder:
        data: Any = list(rows)
        return timed(
            Trainer(size.model(), arguments(folder, steps, size.batch), data_collator=collate, train_dataset=data)
        )


ARMS: dict[str, Arm] = {
    "imbik": imbik,
    "plain": plain,
    "trainer": trainer,
    "trainer, random": trainer_random,
    "slowed": slowed,
}


@dataclass
class Speed:
    """Least CPU seconds of a short and of a long run."""

    short: float = float("inf")
    long: float = float("inf")

    def take(self, short: float, long: float) -> None:
        self.short, self.long = min(self.short, short), min(self.long, long)


def measure(size: Size, steps: int, rounds: int) -> dict[str, Speed]:
    """All arms, taking turns; the first turn of each warms up."""
    rows = make_rows(size.vocabulary)
    found = {name: Speed() for name in ARMS}
    for turn in range(rounds + 1):
        for name, arm in ARMS.items():
            short, long = arm(size, rows, SHORT), arm(size, rows, SHORT + steps)
            if turn:
                found[name].take(short, long)
    return found


def main() -> None:
    """Print one table a model size; exit with 1 when a floor is not held or the control does not show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    held = True
    for size in SIZES:
        found = measure(size, given.steps, given.rounds)
        parameters = sum(p.numel() for p in size.model().parameters())
        print(
            f"\n{parameters:,} parameters, vocabulary {size.vocabulary}, batch {size.batch}, {given.threads} thread(s)"
        )
        per_step = {name: (speed.long - speed.short) / given.steps for name, speed in found.items()}
        rows = make_rows(size.vocabulary)
        tokens = size.batch * sum(len(row.ids) - 1 for row in rows) / len(rows)
        for name, seconds in per_step.items():
            begin, ratio = found[name].short - SHORT * seconds, per_step["plain"] / seconds
            print(f"  {name:<16}{tokens / seconds:>9,.0f} tokens/s {begin:>6.2f} s to begin {ratio:>6.2f}x", flush=True)
        held &= per_step["plain"] / per_step["imbik"] >= FLOOR and per_step["slowed"] / per_step["imbik"] > CONTROL
    print("\nheld" if held else "\nNOT HELD")
    sys.exit(not held)


if __name__ == "__main__":
    main()
