"""Make the base student: ``python -m imbik.embedded.make_base [--out DIR] [--steps N] [--seed S] [--tokenizer DIR]``.

Enters: the teacher's tokenizer and a seed. Leaves: a folder with a Llama model of at least 8 times fewer
parameters than the teacher, in bfloat16. It stands for the pretrained model that every real user starts from: it
has read plain sentences, problem texts without solutions and bare lines of arithmetic (`problems.streams`), never
a solved problem and never the assistant's turn, so on the tasks themselves it fails.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.embedded.make_teacher import DATA, show
from imbik.embedded.training import Plan, Row, Shape, batches, figures, make_model, save, train
from imbik.tasks.problems.streams import document

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SHAPE = Shape(hidden=64, layers=4, heads=2, feed_forward=160)
STEPS = 9_000
MIXTURE = ("arithmetic", "arithmetic", "sentences", "problems")


def rows(tokenizer: PreTrainedTokenizerFast, seed: int) -> Iterator[Row]:
    """Documents of the three streams, for ever; a problem's text stands as the user's turn."""
    for index in count():
        kind = random.Random(f"mixture/{seed}/{index}").choice(MIXTURE)
        text = document(kind, index, seed)
        ids = tokenizer.encode(f"<|user|>{text}<|end|>" if kind == "problems" else f"{text}<|end|>")
        yield Row(tuple(ids), (1.0,) * len(ids))


def make(out: Path, tokenizer_folder: Path, steps: int, seed: int, problems: int = 1000) -> dict[str, float]:
    """Train, save, load again and measure on `problems` problems a set."""
    import torch
    from transformers import PreTrainedTokenizerFast

    torch.set_num_threads(1)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tokenizer_folder)
    model = make_model(tokenizer, SHAPE, seed)
    plan = Plan(steps=steps, batch=64, learning_rate=8e-3, decay=0.6)
    train(model, batches(rows(tokenizer, seed), plan.batch, seed), plan, int(tokenizer.pad_token_id), show)
    return figures(save(model, tokenizer, out), tokenizer, problems)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the embedded base student.")
    parser.add_argument("--out", type=Path, default=DATA / "base")
    parser.add_argument("--tokenizer", type=Path, default=DATA / "teacher", help="folder with the teacher's tokenizer")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    for name, value in make(chosen.out, chosen.tokenizer, chosen.steps, chosen.seed).items():
        print(f"accuracy on {name}: {value:.1%}")


if __name__ == "__main__":
    main()
