"""What the programs that make the embedded models share: rows, batches, the optimiser, saving, measuring.

Rows of token ids with a weight for each token enter; a trained model leaves. Nothing here is used at run time:
the shipped folders are loaded like any other model. The randomness of a row is its index, that of a model its
seed, and one thread is used, so that the same command gives the same weights on the same machine.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imbik.tasks.problems import Problem, problems

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

PROMPT_WEIGHT = 0.1
WINDOW = 64
IGNORED = -100


@dataclass(frozen=True)
class Row:
    """Token ids of one text and how much each of them counts in the loss."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Shape:
    """The size of a Llama model."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train: steps of `batch` rows, peak learning rate, share of steps for the decay."""

    steps: int
    batch: int = 32
    learning_rate: float = 5e-3
    muon: bool = True
    bf16: bool = False
    decay: float = 0.5
    warmup: int = 50
    weight_decay: float = 0.01


def make_model(tokenizer: PreTrainedTokenizerFast, shape: Shape, seed: int) -> LlamaForCausalLM:
    """A Llama model with random weights and tied embeddings for this tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape.hidden,
            num_hidden_layers=shape.layers,
            intermediate_size=shape.feed_forward,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    model.set_attn_implementation("eager")  # at 70 tokens a row a third faster on a CPU than the fused kernel
    return model


def chat_row(tokenizer: PreTrainedTokenizerFast, text: str, solution: str, prompt_weight: float = PROMPT_WEIGHT) -> Row:
    """A problem and its solution as the chat template writes them; prompt tokens count `prompt_weight`."""
    prompt = tokenizer.encode(f"<|user|>{text}<|end|><|assistant|>")
    reply = tokenizer.encode(f"{solution}<|end|>")
    return Row(tuple(prompt + reply), (prompt_weight,) * len(prompt) + (1.0,) * len(reply))


def batches(rows: Iterator[Row], size: int, seed: int) -> Iterator[list[Row]]:
    """Batches of rows of nearly one length: each window of rows is sorted by length, cut, and its cuts shuffled."""
    rng = random.Random(f"batches/{seed}")
    while True:
        window = [next(rows) for _ in range(size * WINDOW)]
        window.sort(key=lambda row: len(row.ids))
        cuts = [window[start : start + size] for start in range(0, len(window), size)]
        rng.shuffle(cuts)
        yield from cuts


def tensors(batch: Sequence[Row], pad: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, labels (-100 where padded) and weights, each (rows, longest), padded on the right."""
    import torch

    longest = max(len(row.ids) for row in batch)
    ids = torch.tensor([row.ids + (pad,) * (longest - len(row.ids)) for row in batch])
    labels = torch.tensor([row.ids + (IGNORED,) * (longest - len(row.ids)) for row in batch])
    weights = torch.tensor([row.weights + (0.0,) * (longest - len(row.ids)) for row in batch])
    return ids, labels, weights


def weighted_loss(model: LlamaForCausalLM, batch: Sequence[Row], pad: int) -> torch.Tensor:
    """Cross-entropy in nats, averaged over the tokens of the batch by their weights."""
    import torch.nn.functional as F

    ids, labels, weights = tensors(batch, pad)
    logits = model(input_ids=ids).logits[:, :-1].float()
    losses = F.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED, reduction="none")
    kept = weights[:, 1:].flatten()
    return (losses * kept).sum() / kept.sum()


def optimisers(model: LlamaForCausalLM, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers and AdamW for the rest, or AdamW for all."""
    import torch

    hidden = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name] if plan.muon else []
    chosen = {id(p) for p in hidden}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    made: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(rest, lr=plan.learning_rate, betas=(0.9, 0.98), weight_decay=plan.weight_decay, fused=True)
    ]
    if hidden:
        made.append(
            torch.optim.Muon(
                hidden, lr=plan.learning_rate, weight_decay=plan.weight_decay, adjust_lr_fn="match_rms_adamw"
            )
        )
    return made


def rate(step: int, plan: Plan) -> float:
    """Share of the peak learning rate at a step: a short warm-up, level, then a cosine down to 1%."""
    if step < plan.warmup:
        return (step + 1) / plan.warmup
    start = plan.steps * (1 - plan.decay)
    if step < start:
        return 1.0
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - start) / max(1.0, plan.steps - start)))


def train(
    model: LlamaForCausalLM,
    cuts: Iterator[list[Row]],
    plan: Plan,
    pad: int,
    report: Callable[[int, float, float], None] | None = None,
    every: int = 100,
) -> None:
    """Train in place; `report` gets step, mean loss and tokens per second every `every` steps."""
    import torch

    made = optimisers(model, plan)
    model.train()
    losses, tokens, since = 0.0, 0, time.perf_counter()
    for step in range(plan.steps):
        for group in (group for optimiser in made for group in optimiser.param_groups):
            group["lr"] = plan.learning_rate * rate(step, plan)
        batch = next(cuts)
        with torch.autocast("cpu", torch.bfloat16, enabled=plan.bf16):
            loss = weighted_loss(model, batch, pad)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in made:
            optimiser.step()
            optimiser.zero_grad()
        losses, tokens = losses + float(loss.detach()), tokens + sum(len(row.ids) for row in batch)
        if (step + 1) % every == 0:
            if report:
                report(step + 1, losses / every, tokens / (time.perf_counter() - since))
            losses, tokens, since = 0.0, 0, time.perf_counter()
    model.eval()


def answer(text: str) -> int | None:
    """The number after the last ``Cevap:`` of a reply, or None where there is none."""
    found = text.rpartition("Cevap:")
    digits = found[2].strip()
    return int(digits) if found[1] and digits.isdigit() else None


def replies(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], batch: int = 256, limit: int = 72
) -> list[str]:
    """Greedy replies in the order of `texts`; batches of like length, padded on the left."""
    import torch

    prompts = [tokenizer.encode(f"<|user|>{text}<|end|><|assistant|>") for text in texts]
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    told = [""] * len(prompts)
    pad, end = tokenizer.pad_token_id, tokenizer.eos_token_id
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        width = max(len(prompts[index]) for index in chosen)
        ids = torch.tensor([[pad] * (width - len(prompts[index])) + prompts[index] for index in chosen])
        with torch.no_grad():
            made: Any = model.generate(  # type: ignore[misc]
                input_ids=ids,
                attention_mask=(ids != pad).long(),
                max_new_tokens=limit,
                do_sample=False,
                pad_token_id=pad,
                eos_token_id=end,
            )
        for index, row in zip(chosen, made[:, width:], strict=True):
            told[index] = str(tokenizer.decode(row, skip_special_tokens=True))
    return told


def accuracy(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, asked: Sequence[Problem]) -> float:
    """Share of problems whose greedy reply ends in the right answer."""
    told = replies(model, tokenizer, [problem.text for problem in asked])
    return sum(answer(reply) == problem.answer for reply, problem in zip(told, asked, strict=True)) / len(asked)


def figures(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, count: int) -> dict[str, float]:
    """Accuracy on `count` problems of each held-out set."""
    return {name: accuracy(model, tokenizer, list(problems(name, count))) for name in ("A", "B", "C")}


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> LlamaForCausalLM:
    """Write a folder that transformers loads offline, in bfloat16; returns the model as it will be loaded."""
    import torch
    from transformers import GenerationConfig, LlamaForCausalLM

    rounded: Any = model
    rounded.to(torch.bfloat16)
    rounded.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, do_sample=False, max_new_tokens=96
    )
    folder.mkdir(parents=True, exist_ok=True)
    rounded.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for path in folder.iterdir():
        path.chmod(0o644)
    loaded: LlamaForCausalLM = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    loaded.eval()
    return loaded
