"""Claim: with `train.workers` the loop does not wait for captured logits to be read and laid out.

    python benchmarks/train_workers.py [--form compressed] [--rate 300000] [--steps 40] [--rounds 3]

A step is 16 rows of 512 tokens with the teacher's 64 likeliest tokens at each (128,256 tokens, the compressed form by
default, which has to be unpacked). The loop computes nothing: it sleeps for as long as a card that learns `--rate`
tokens a second would be at work, so that what is measured is how long it waits for its next micro-batch, and whether a
core is left to fetch it. Arms take turns: no process (the floor), 1 and 2. Printed: seconds waited for a million
tokens, tokens a second with waiting, and their ratio to no process; medians of rounds. Start-up of processes is not
counted: the first step is taken before the clock starts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from imbik.models.logit_writer import LogitWriter
from imbik.models.logits import Form, LogitRow, LogitSettings, LogitStore
from imbik.train.ahead import Ahead
from imbik.train.batches import Order
from imbik.train.lesson import Lesson
from imbik.train.precision import Measured
from imbik.train.rows import Row, with_teacher

V, K, LENGTH, SIZE = 128_256, 64, 512, 16
MEASURED = Measured(precision="bf16", threads=1, layout="padded", micro_batch=8)


def made(folder: Path, form: Form, steps: int) -> Lesson:
    """A lesson whose rows have captured logits on the disk."""
    draw = np.random.default_rng(0)
    rows = [Row(f"r{n}", draw.integers(0, V, LENGTH + 1).astype(np.int32), np.arange(LENGTH)) for n in range(4 * SIZE)]
    settings = LogitSettings(teacher="t", tokenizer_hash="v", top_k=K, form=form, vocabulary=V)
    said = []
    for row in rows:
        logprobs = np.sort(draw.normal(-6, 2, (LENGTH, K)).astype(np.float32), 1)[:, ::-1].copy()
        ids = np.array([draw.choice(V, K, replace=False) for _ in range(LENGTH)], dtype=np.uint32)
        said.append(LogitRow(row.id, row.hash, ids, np.minimum(logprobs, -0.01)))
    LogitWriter(folder, settings).append(said)
    taught = with_teacher(rows, LogitStore.open(folder))
    return Lesson("b", 1, taught, Order(taught, seed=1, size=SIZE, total=steps * SIZE), [], [], None)


def waited(lesson: Lesson, workers: int, rate: float) -> float:
    """Seconds that the loop waits for a million tokens."""
    ahead, total, tokens = Ahead(lesson, workers), 0.0, 0
    for step in range(lesson.order.steps):
        stream = ahead.batches(step, ahead.cuts(lesson.batch(step), MEASURED.micro_batch), MEASURED)
        while True:
            began = time.perf_counter()
            batch = next(stream, None)
            if batch is None:
                break
            if step:
                total, tokens = total + time.perf_counter() - began, tokens + batch.passed
            time.sleep(batch.passed / rate)
    ahead.close()
    return total / tokens * 1e6


def main() -> None:
    """Take turns, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--form", choices=["exact", "compressed"], default="compressed")
    parser.add_argument("--rate", type=float, default=300_000, help="tokens a second that the card would learn")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    own = parser.parse_args()
    found: dict[int, list[float]] = {0: [], 1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        lesson = made(Path(folder), own.form, own.steps)
        for turn in range(own.rounds):
            for workers in (0, 1, 2) if turn % 2 == 0 else (2, 1, 0):
                found[workers].append(waited(lesson, workers, own.rate))
    print(f"{own.form}, {own.rate:,.0f} tokens/s of computing")
    floor = 1e6 / (1e6 / own.rate + statistics.median(found[0]))
    for workers, values in found.items():
        seconds = statistics.median(values)
        speed = 1e6 / (1e6 / own.rate + seconds)
        print(f"workers {workers}: waits {seconds:.2f} s a million tokens, {speed:,.0f} tokens/s, {speed / floor:.2f}x")


if __name__ == "__main__":
    main()
