"""Claim: training with imbik is as fast as a loop written by hand, and faster than transformers' own Trainer and TRL's.

Each arm trains a Llama made from a config on the same synthetic rows of 30 to 110 tokens, with the same optimiser
(fused AdamW), clipping and learning rate. `plain` and `trainer` get imbik's own batches (rows of like length, padded
on the right, no mask), the best setting for both; `trainer, random` is what the library does by itself, `sft` what
TRL's SFTTrainer does with the same token ids. `auto` is imbik with what `precision: auto` and `packing` measure, on
the same rows; `ragged` (most rows short, a few long, by chance in a step) is passed padded and packed. Arms take
turns, in the other direction every second round; the figure is non-padding tokens per second of CPU time (a busy
machine does not decide), of the fastest round, without the seconds an arm takes to begin, which stand in the second
column: a short run is subtracted from a long one.

Floors: 0.95 of the plain loop, `auto` 1.05 of it from a million parameters on where the processor multiplies bf16,
1.0 of the Trainer, 1.6 of SFTTrainer, packing 1.5 on ragged rows. Positive control, in the same run: `slowed` is
imbik with a quarter added to each step, and must show.

    python benchmarks/train_throughput.py [--steps 100] [--rounds 3] [--threads 1] [--size 2]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PrinterCallback, Trainer, TrainingArguments

from imbik.core.plugins import PluginBlock, make
from imbik.recipe.training import Train
from imbik.train.batches import Layout, Order, lay_out
from imbik.train.board import Board
from imbik.train.checkpoints import Checkpoints
from imbik.train.lesson import Hooks, Lesson
from imbik.train.module import StudentModule
from imbik.train.optimizers import BETAS
from imbik.train.precision import Measured
from imbik.train.precision import measure as measure_machine
from imbik.train.rows import Row
from imbik.train.trainer import StudentTrainer

RATE = 1e-3
SHORT = 10
FLOORS = {"plain": 0.95, "trainer": 1.0, "sft": 1.6}
AUTO, PACKING, LARGE = 1.05, 1.5, 1_000_000
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


def imbik(
    size: Size,
    rows: Sequence[Row],
    steps: int,
    before: Callable[..., None] = lambda *_: None,
    measured: Measured | None = None,
    *,
    bucketing: bool = True,
) -> float:
    """CPU seconds of imbik's trainer; `before` is called before each forward pass."""
    module = StudentModule(size.model(), [make("train/losses", PluginBlock(use="cross_entropy"))])
    module.register_forward_pre_hook(before)
    order = Order(rows, seed=1, size=size.batch, total=steps * size.batch, bucketing=bucketing)
    lesson = Lesson("bench", 1, rows, order, [], module.losses, None)
    train = Train(learning_rate=RATE, schedule="constant", validate_every=10**6, checkpoint_every=10**6)
    measured = measured or fixed(size)
    with tempfile.TemporaryDirectory() as folder:
        hooks = Hooks(lambda *_: None, lambda *_: None, lambda *_: None, lambda *_: None)
        board = Board(Path(folder))
        trainer = StudentTrainer(module, lesson, train, measured, Checkpoints(Path(folder), print), board, hooks)
        board.write = lambda *_: None  # type: ignore[method-assign]
        trainer.save = lambda: None  # type: ignore[method-assign]
        started = time.process_time()
        trainer.run()
        return time.process_time() - started


def fixed(size: Size, layout: Layout = "padded") -> Measured:
    """fp32, padded: what `plain` does."""
    return Measured(precision="fp32", threads=torch.get_num_threads(), layout=layout, micro_batch=size.batch)


def chosen(size: Size, rows: Sequence[Row]) -> Measured:
    """What imbik would measure before the first step, on this processor and these rows."""
    module = StudentModule(size.model(), [make("train/losses", PluginBlock(use="cross_entropy"))])
    order = Order(rows, seed=1, size=size.batch, total=4 * size.batch)
    trial = [[rows[index] for index in order.batch(step)] for step in range(4)]
    return measure_machine(module, trial, Train(learning_rate=RATE, threads=torch.get_num_threads()), size.batch)


@lru_cache
def auto_settings(size: Size) -> Measured:
    """Measured once for a size, as a run does."""
    return chosen(size, make_rows(size.vocabulary))


def auto(size: Size, rows: Sequence[Row], steps: int) -> float:
    """CPU seconds of imbik with what it measures."""
    return imbik(size, rows, steps, measured=auto_settings(size))


def ragged(vocabulary: int, count: int = 2000) -> list[Row]:
    """Rows of which most are short and a few long."""
    draw = np.random.default_rng(1)
    lengths = np.clip(draw.lognormal(3.2, 0.9, count), 6, 250).astype(int)
    return [
        Row(f"r{n}", draw.integers(0, vocabulary, length).astype(np.int32), np.arange(length // 3, length - 1))
        for n, length in enumerate(lengths)
    ]


def packed(size: Size, _: Sequence[Row], steps: int) -> float:
    """CPU seconds of imbik on ragged rows, packed."""
    return imbik(size, ragged(size.vocabulary), steps, measured=fixed(size, "packed"), bucketing=False)


def padded(size: Size, _: Sequence[Row], steps: int) -> float:
    """CPU seconds of imbik on ragged rows, padded."""
    return imbik(size, ragged(size.vocabulary), steps, bucketing=False)


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


def sft(size: Size, rows: Sequence[Row], steps: int) -> float:
    """CPU seconds of TRL's SFTTrainer on the same token ids, learned from all of them as it does."""
    import trl
    from datasets import Dataset

    library: Any = trl

    data = Dataset.from_list([{"input_ids": row.ids.tolist()} for row in rows])
    with tempfile.TemporaryDirectory() as folder:
        settings = library.SFTConfig(
            **arguments(folder, steps, size.batch).to_dict() | {"max_length": 512, "bf16": False}
        )
        return timed(
            library.SFTTrainer(model=size.model(), args=settings, train_dataset=data, processing_class=nobody())
        )


@lru_cache
def nobody() -> Any:
    """SFTTrainer wants a tokenizer, and asks it nothing where rows are token ids."""
    from imbik.models.load import load_tokenizer
    from imbik.testing.tiny_models import make_tokenizer

    folder = Path(tempfile.mkdtemp())
    tokenizer = load_tokenizer(make_tokenizer(folder))
    tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    return tokenizer


ARMS: dict[str, Arm] = {
    "imbik": imbik,
    "plain": plain,
    "trainer": trainer,
    "trainer, random": trainer_random,
    "slowed": slowed,
    "auto": auto,
    "sft": sft,
    "ragged, padded": padded,
    "ragged, packed": packed,
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
        for name, arm in list(ARMS.items())[:: 1 if turn % 2 else -1]:
            short, long = arm(size, rows, SHORT), arm(size, rows, SHORT + steps)
            if turn:
                found[name].take(short, long)
    return found


def holds(per_step: dict[str, float], parameters: int, found: Measured) -> bool:
    """Print the ratios that have floors; whether each is held and the control shows."""
    best = per_step["imbik"]
    ratios = {f"over {name}": (per_step[name] / best, floor) for name, floor in FLOORS.items()}
    ratios["packing"] = (per_step["ragged, padded"] / per_step["ragged, packed"], PACKING)
    ratios["control"] = (per_step["slowed"] / best, CONTROL)
    fast = parameters >= LARGE and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    ratios[f"auto ({found.precision}, {found.layout}) over plain"] = (
        per_step["plain"] / per_step["auto"],
        AUTO if fast else FLOORS["plain"],
    )
    for name, (ratio, floor) in ratios.items():
        print(f"  {name}: {ratio:.2f} (floor {floor}) {'' if ratio >= floor else 'NOT HELD'}", flush=True)
    return all(ratio >= floor for ratio, floor in ratios.values())


def main() -> None:
    """Print one table a model size; exit with 1 when a floor is not held or the control does not show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, help="one of the sizes only: 0, 1, 2")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    held = True
    for size in SIZES if given.size is None else SIZES[given.size : given.size + 1]:
        found = measure(size, given.steps, given.rounds)
        parameters = sum(p.numel() for p in size.model().parameters())
        print(
            f"\n{parameters:,} parameters, vocabulary {size.vocabulary}, batch {size.batch}, {given.threads} thread(s)"
        )
        per_step = {name: (speed.long - speed.short) / given.steps for name, speed in found.items()}
        rows = {kind: made(size.vocabulary) for kind, made in (("even", make_rows), ("ragged", ragged))}
        for name, seconds in per_step.items():
            kind = rows["ragged" if name.startswith("ragged") else "even"]
            tokens = size.batch * sum(len(row.ids) - 1 for row in kind) / len(kind)
            begin, ratio = found[name].short - SHORT * seconds, per_step["plain"] / seconds
            print(f"  {name:<16}{tokens / seconds:>9,.0f} tokens/s {begin:>6.2f} s to begin {ratio:>6.2f}x", flush=True)
        held &= holds(per_step, parameters, auto_settings(size))
    print("\nheld" if held else "\nNOT HELD")
    sys.exit(not held)


if __name__ == "__main__":
    main()
