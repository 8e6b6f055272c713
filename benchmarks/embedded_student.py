"""How much of the embedded teacher a small student keeps, and what that costs on one core.

    python benchmarks/embedded_student.py --rows 6000 --steps 3000 --batch 32 --learning-rate 8e-3

The teacher answers `rows` problems of the pool (greedy, batched); wrong answers are dropped; the base student is
fine-tuned on the rest and measured on the sets A, B and C beside the teacher. ``--gold`` takes our own solutions
in place of the teacher's answers (how learnable are the problems?), ``--answers-only`` drops the reasoning,
``--optimizer adamw`` does without Muon. This is a plain loop for finding good settings; the pipeline does the
same with `imbik run`. Every figure is printed with the seconds it took.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from imbik.embedded import base_path, teacher_path
from imbik.embedded.make_teacher import show
from imbik.embedded.training import Plan, Row, accuracy, answer, batches, chat_row, replies, train
from imbik.tasks.problems import Problem, problems


def load(folder: Path) -> LlamaForCausalLM:
    """A model in float32 with the plain attention, which is the faster one at these lengths."""
    model: LlamaForCausalLM = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    model.eval()
    return model


def taught(
    teacher: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, asked: list[Problem], batch: int
) -> list[tuple[str, str]]:
    """Texts and the teacher's right answers to them; prints speed and how many were right."""
    began = time.perf_counter()
    told = replies(teacher, tokenizer, [problem.text for problem in asked], batch=batch)
    seconds = time.perf_counter() - began
    tokens = sum(len(tokenizer.encode(reply)) + 1 for reply in told)
    kept = [
        (problem.text, reply) for problem, reply in zip(asked, told, strict=True) if answer(reply) == problem.answer
    ]
    print(
        f"teacher: {len(asked)} answers in {seconds:.1f} s, {tokens / seconds:,.0f} tokens/s, "
        f"{len(kept) / len(asked):.1%} right",
        flush=True,
    )
    return kept


def shuffled(rows: list[Row], seed: int) -> Iterator[Row]:
    """The rows for ever, in a new order each epoch."""
    for epoch in itertools.count():
        order = list(rows)
        random.Random(f"epoch/{seed}/{epoch}").shuffle(order)
        yield from order


def measure(name: str, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, count: int) -> None:
    """Print accuracy on A, B and C."""
    began = time.perf_counter()
    found = {held: accuracy(model, tokenizer, list(problems(held, count))) for held in ("A", "B", "C")}
    shown = ", ".join(f"{held} {value:.1%}" for held, value in found.items())
    print(f"{name}: {shown} ({count} problems each, {time.perf_counter() - began:.0f} s)", flush=True)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teacher", type=Path, default=teacher_path())
    parser.add_argument("--base", type=Path, default=base_path())
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=8e-3)
    parser.add_argument("--prompt-weight", type=float, default=0.0)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--decay", type=float, default=0.5)
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default="muon")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--test", type=int, default=1000)
    parser.add_argument("--generation-batch", type=int, default=256)
    parser.add_argument("--gold", action="store_true")
    parser.add_argument("--answers-only", action="store_true")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    torch.set_num_threads(1)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(chosen.base)
    asked = list(problems("pool", chosen.rows, seed=7))
    if chosen.gold:
        pairs = [(problem.text, problem.solution) for problem in asked]
    else:
        teacher = load(chosen.teacher)
        measure("teacher", teacher, tokenizer, chosen.test)
        pairs = taught(teacher, tokenizer, asked, chosen.generation_batch)
    if chosen.answers_only:
        pairs = [(text, reply[reply.rindex("Cevap:") :]) for text, reply in pairs]
    rows = [chat_row(tokenizer, text, reply, chosen.prompt_weight) for text, reply in pairs]
    print(f"{len(rows)} rows, {sum(len(row.ids) for row in rows) / len(rows):.1f} tokens a row", flush=True)
    student = load(chosen.base)
    measure("baseline", student, tokenizer, min(200, chosen.test))
    plan = Plan(
        steps=chosen.steps,
        batch=chosen.batch,
        learning_rate=chosen.learning_rate,
        decay=chosen.decay,
        muon=chosen.optimizer == "muon",
        weight_decay=chosen.weight_decay,
    )
    began = time.perf_counter()
    train(
        student,
        batches(shuffled(rows, chosen.seed), plan.batch, chosen.seed),
        plan,
        int(tokenizer.pad_token_id),
        show,
        every=max(1, plan.steps // 10),
    )
    print(f"student: {student.num_parameters():,} parameters, {time.perf_counter() - began:.0f} s")
    measure("student", student, tokenizer, chosen.test)


if __name__ == "__main__":
    main()
