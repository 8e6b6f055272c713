"""Prompts to completions: the one path by which in-process teachers, evaluation, chat and predict get answers.

Enters: token ids (or tasks), how to draw, allowed choices. Leaves: typed Completions in order. A prompt that does not
fit the model's context is a failed completion with the reason, never a crash of its block.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from imbik.core.questions import Sampling
from imbik.core.types import Completion, Message, Outcome, Task, TokenLogprob, Usage
from imbik.models.engines import Choice, Engine, Generated
from imbik.models.tokens import encode_answer, encode_task_prompt

TOP_CHOICES = 20
_CHAT = Task(id="", kind="", messages=(Message(role="user", content=""),))


def answer_prompts(
    engine: Engine,
    prompts: Sequence[Sequence[int]],
    samplings: Sequence[Sampling],
    seeds: Sequence[int],
    choices: Sequence[tuple[str, ...]],
    *,
    tasks: Sequence[Task] = (),
) -> list[Completion]:
    """One completion a prompt. Where a prompt has choices, only these are read and the answer is exactly one of them.

    `tasks` are what the prompts were made of, where that matters for choices: tasks with a text template of their own.
    """
    context = engine.model.context
    found: dict[int, Completion] = {}
    groups: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for row, prompt in enumerate(prompts):
        if not prompt or len(prompt) >= context:
            found[row] = _too_long(len(prompt), context)
        else:
            groups[(tuple(choices[row]), tasks[row].template if tasks else "")].append(row)
    for (allowed, _), rows in groups.items():
        block = [prompts[row] for row in rows]
        drawn = [samplings[row] for row in rows]
        numbers = [seeds[row] for row in rows]
        if allowed:
            ids = _choice_ids(engine, allowed, tasks[rows[0]] if tasks else _CHAT)
            made = _choose(engine, block, drawn, numbers, allowed, ids)
        else:
            made = _generate(engine, block, drawn, numbers)
        found.update(zip(rows, made, strict=True))
    return [found[row] for row in range(len(prompts))]


def answer_tasks(
    engine: Engine,
    tasks: Sequence[Task],
    sampling: Sampling,
    choices: Sequence[tuple[str, ...]],
    *,
    seed: int = 0,
) -> list[Completion]:
    """The bare tasks answered, as students are trained; `choices[i]` () for free text."""
    tokenizer = engine.model.tokenizer
    prompts = [encode_task_prompt(tokenizer, task) for task in tasks]
    return answer_prompts(engine, prompts, [sampling] * len(tasks), [seed] * len(tasks), choices, tasks=tasks)


def _choice_ids(engine: Engine, allowed: tuple[str, ...], task: Task) -> list[list[int]]:
    """The choices as they follow the prompt: one token each where the model has class tokens, else text and its end."""
    model = engine.model
    if all(text in model.class_tokens for text in allowed):
        return [[model.class_tokens[text]] for text in allowed]
    return [encode_answer(model.tokenizer, task, text) for text in allowed]


def _generate(
    engine: Engine, prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling], seeds: Sequence[int]
) -> list[Completion]:
    started = time.monotonic()
    made = engine.generate(prompts, samplings, seeds=seeds)
    seconds = (time.monotonic() - started) / len(prompts)
    return [_completion(item, len(prompt), seconds) for item, prompt in zip(made, prompts, strict=True)]


def _completion(made: Generated, read: int, seconds: float) -> Completion:
    return Completion(
        answer=made.text.strip(),
        outcome=Outcome.ANSWERED if made.finished else Outcome.TRUNCATED,
        reason="" if made.finished else f"reached its limit of {len(made.ids)} tokens",
        usage=Usage(input_tokens=read, output_tokens=len(made.ids) + made.finished),
        seconds=seconds,
    )


def _choose(
    engine: Engine,
    prompts: Sequence[Sequence[int]],
    samplings: Sequence[Sampling],
    seeds: Sequence[int],
    allowed: tuple[str, ...],
    ids: Sequence[Sequence[int]],
) -> list[Completion]:
    started = time.monotonic()
    made = engine.choose(prompts, ids)
    seconds = (time.monotonic() - started) / len(prompts)
    return [
        _chosen(choice, allowed, sampling, seed, len(prompt), len(ids[choice.index]), seconds)
        for choice, sampling, seed, prompt in zip(made, samplings, seeds, prompts, strict=True)
    ]


def _chosen(
    choice: Choice, allowed: tuple[str, ...], sampling: Sampling, seed: int, read: int, written: int, seconds: float
) -> Completion:
    index = choice.index if sampling.temperature == 0 else _draw(choice, sampling.temperature, seed)
    best = np.argsort(-choice.logprobs, kind="stable")[:TOP_CHOICES]
    top = tuple((allowed[place], float(choice.logprobs[place])) for place in best)
    return Completion(
        answer=allowed[index],
        usage=Usage(input_tokens=read, output_tokens=written),
        seconds=seconds,
        logprobs=(TokenLogprob(token=allowed[index], logprob=float(choice.logprobs[index]), top=top),),
    )


def _draw(choice: Choice, temperature: float, seed: int) -> int:
    """A choice drawn from the distribution at this temperature."""
    scaled = choice.logprobs.astype(np.float64) / temperature
    cumulative = np.exp(scaled - scaled.max()).cumsum()
    wanted = np.random.default_rng(seed).random() * cumulative[-1]
    return int(np.searchsorted(cumulative, wanted, side="right"))


def _too_long(length: int, context: int) -> Completion:
    reason = f"the prompt has {length} tokens; the model's context is {context}"
    return Completion(outcome=Outcome.FAILED, reason=reason)
