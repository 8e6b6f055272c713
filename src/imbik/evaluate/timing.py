"""What a model costs to run: latency of single requests, speed, parameters, memory and disk.

Enters: an engine with its model, and prompts of held-out rows. Leaves: the cost half of a system's scores. One
request at a time, after warm-up, in this process: what a person waiting for one answer sees.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from imbik.core.questions import Sampling
from imbik.core.types import Task
from imbik.evaluate.scores import Latency, SystemScores

if TYPE_CHECKING:
    from imbik.models.engines.transformers import TransformersEngine
    from imbik.models.model import LanguageModel

WARM_UP = 2


class Request(NamedTuple):
    """One request: prompt ids, how to draw, the allowed answers (() for any text), and the task it was made of."""

    prompt: list[int]
    sampling: Sampling
    choices: tuple[str, ...]
    task: Task


def cost_to_run(engine: TransformersEngine, model: LanguageModel, requests: Sequence[Request]) -> SystemScores:
    """Time each request alone, then count parameters and bytes. No request: sizes only."""
    import psutil

    seconds, tokens, first = _timed(engine, requests)
    longest = max((len(r.prompt) + n for r, n in zip(requests, tokens, strict=True)), default=model.context)
    return SystemScores(
        latency_ms=latency(seconds),
        time_to_first_token_ms=1000 * float(np.median(first)) if first else None,
        tokens_per_second=sum(tokens) / sum(seconds) if seconds and sum(tokens) else None,
        parameters=model.parameters,
        weights_bytes=sum(p.numel() * p.element_size() for p in model.network.parameters()),
        cache_bytes=cache_bytes(model, longest),
        process_bytes=int(psutil.Process().memory_info().rss),
        disk_bytes=disk_bytes(model),
    )


def latency(seconds: Sequence[float]) -> Latency | None:
    """Median and 95th percentile in milliseconds, or None when nothing was timed."""
    if not seconds:
        return None
    p50, p95 = np.percentile(np.asarray(seconds) * 1000, [50, 95])
    return Latency(p50=float(p50), p95=float(p95))


def cache_bytes(model: LanguageModel, length: int) -> int:
    """Keys and values of one sequence: 2 x layers x key/value heads x head width x length x bytes of a number.

    A layer with a sliding window keeps no more than its window.
    """
    config: Any = model.network.config.get_text_config()
    heads = config.num_attention_heads
    shared = getattr(config, "num_key_value_heads", None) or heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    window = getattr(config, "sliding_window", None) or length
    kinds = getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers
    kept = sum(min(length, window) if kind == "sliding_attention" else length for kind in kinds)
    return int(2 * shared * width * kept * next(model.network.parameters()).element_size())


def disk_bytes(model: LanguageModel) -> int | None:
    """Bytes of the model's folder, and of the base that an adapter stands on; None for a model that was never saved."""
    from imbik.models.folder import read_base
    from imbik.models.load import resolve

    if model.folder is None:
        return None
    base = read_base(model.folder)
    return _folder_bytes(model.folder) + (_folder_bytes(resolve(base, model.folder)) if base else 0)


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _timed(engine: TransformersEngine, requests: Sequence[Request]) -> tuple[list[float], list[int], list[float]]:
    """Seconds of each request, tokens it wrote, and seconds to its first token."""
    for request in requests[:WARM_UP]:
        _answer(engine, request)
    seconds, tokens, first = [], [], []
    for request in requests:
        started = time.perf_counter()
        written = _answer(engine, request)
        seconds.append(time.perf_counter() - started)
        tokens.append(written)
        started = time.perf_counter()
        _answer(engine, request._replace(sampling=Sampling(max_tokens=1)))
        first.append(time.perf_counter() - started)
    return seconds, tokens, first


def _answer(engine: TransformersEngine, request: Request) -> int:
    """Answer one request; how many tokens it wrote."""
    from imbik.models.answer import answer_prompts

    completion = answer_prompts(
        engine, [request.prompt], [request.sampling], [0], [request.choices], tasks=[request.task]
    )[0]
    return completion.usage.output_tokens
