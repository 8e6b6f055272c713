"""Make the embedded teacher: ``python -m imbik.embedded.make_teacher [--out DIR] [--steps N] [--seed S]``.

Enters: a seed. Leaves: a folder with a Llama model of about 1.9 million parameters in bfloat16, its tokenizer
and chat template, trained on an endless stream of fresh pool problems (no row is seen twice), and its accuracy
on the held-out sets A, B and C on the screen. It is run once; the folder ships with the package.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.embedded.tokenizer import train_tokenizer
from imbik.embedded.training import Plan, Row, Shape, batches, chat_row, figures, make_model, save, train
from imbik.tasks.problems import generate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SHAPE = Shape(hidden=192, layers=4, heads=3, feed_forward=512)
STEPS = 8_000
DATA = Path(__file__).parent / "data"


def rows(tokenizer: PreTrainedTokenizerFast, seed: int) -> Iterator[Row]:
    """Fresh pool problems with their solutions, for ever."""
    for index in itertools.count():
        problem = generate("pool", index, seed)
        yield chat_row(tokenizer, problem.text, problem.solution)


def show(step: int, loss: float, speed: float) -> None:
    """One line of progress."""
    print(f"step {step}: loss {loss:.4f}, {speed:,.0f} tokens/s", flush=True)


def make(out: Path, steps: int, seed: int, count: int = 1000) -> dict[str, float]:
    """Train, save, load again and measure on `count` problems a set."""
    import torch

    torch.set_num_threads(1)
    tokenizer = train_tokenizer()
    model = make_model(tokenizer, SHAPE, seed)
    plan = Plan(steps=steps, batch=48, learning_rate=8e-3, bf16=True, decay=0.6)
    train(model, batches(rows(tokenizer, seed), plan.batch, seed), plan, int(tokenizer.pad_token_id), show)
    return figures(save(model, tokenizer, out), tokenizer, count)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the embedded teacher.")
    parser.add_argument("--out", type=Path, default=DATA / "teacher")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    for name, value in make(chosen.out, chosen.steps, chosen.seed).items():
        print(f"accuracy on {name}: {value:.1%}")


if __name__ == "__main__":
    main()
