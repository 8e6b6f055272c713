"""What is kept of a teacher's distributions, and how far that is from all of them.

Enters: rows of token ids, an engine. Leaves: `LogitRow`s in the form the recipe asks for; for a sample of rows the
size, the bias and the variance of what was kept, beside the whole distributions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from imbik.core.types import Record
from imbik.models.logit_forms import kept_when_compressed
from imbik.models.logits import Form, LogitRow, LogitStore
from imbik.models.tokens import token_hash

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from imbik.capture.rows import CaptureRow
    from imbik.models.engines import Engine

QUALITY = "quality.json"
SAMPLE_ROWS = 16


class Quality(Record, frozen=True, kw_only=True, omit_defaults=False):
    """How a store stands to the whole distributions, on `positions` of a sample.

    `kl`: mean of KL(teacher || kept), the mass that is not kept spread evenly, in nats; None where samples are kept.
    `bias` with its 95% interval, and `variance`: of the entropy as estimated from what is kept (the likeliest tokens
    renormalised, or the samples), less the entropy itself, in nats.
    """

    form: Form
    rows: int
    positions: int
    bytes_per_token: float
    kl: float | None
    bias: float
    bias_low: float
    bias_high: float
    variance: float

    def __str__(self) -> str:
        """`264.3 bytes a token, KL 0.0012; bias -0.011 [-0.013, -0.009], variance 0.0004 nats on 812 tokens`."""
        kl = "" if self.kl is None else f", KL {self.kl:.4f}"
        bias = f"bias {self.bias:+.4f} [{self.bias_low:+.4f}, {self.bias_high:+.4f}], variance {self.variance:.4f} nats"
        return f"{self.bytes_per_token:.1f} bytes a token{kl}; {bias} on {self.positions:,} tokens"


def kept(form: Form, top_k: int) -> int:
    """How many of the likeliest tokens a form keeps."""
    return kept_when_compressed(top_k) if form == "compressed" else top_k


def likeliest(engine: Engine, block: Sequence[CaptureRow], count: int) -> list[LogitRow]:
    """The teacher's `count` likeliest tokens at each place."""
    best = engine.top_k([row.ids for row in block], count)
    return [
        LogitRow(row.row, token_hash(row.ids), ids[row.places], logprobs[row.places])
        for row, (ids, logprobs) in zip(block, best, strict=True)
    ]


def drawn(engine: Engine, block: Sequence[CaptureRow], count: int) -> list[LogitRow]:
    """`count` tokens drawn from the teacher's distribution at each place, with replacement (Anshumann et al. 2025,
    arXiv:2503.16870): how often each was, and the entropy. A row's draw depends on its token ids alone."""
    found = []
    for row in block:
        [(ids, logprobs)] = engine.top_k([row.ids], engine.width)
        name = token_hash(row.ids)
        generator = np.random.default_rng(int(name, 16))
        places = [_draw(ids[at], logprobs[at], count, generator) for at in row.places]
        width = max((len(tokens) for tokens, _, _ in places), default=1)
        shape = (len(places), width)
        tokens, times = np.zeros(shape, np.uint32), np.zeros(shape, np.float32)
        for number, (drawn_ids, counts, _) in enumerate(places):
            tokens[number, : len(drawn_ids)], times[number, : len(drawn_ids)] = drawn_ids, counts
        entropy = np.array([value for _, _, value in places], np.float32)
        found.append(LogitRow(row.row, name, tokens, times, entropy))
    return found


def _draw(
    ids: NDArray[np.uint32], logprobs: NDArray[np.float32], count: int, generator: np.random.Generator
) -> tuple[NDArray[np.uint32], NDArray[np.int64], float]:
    p = np.exp(logprobs.astype(np.float64))
    cumulative = np.cumsum(p)
    at = np.searchsorted(cumulative, generator.random(count) * cumulative[-1], side="right").clip(0, len(ids) - 1)
    chosen, times = np.unique(at, return_counts=True)
    entropy = -float((p * np.where(p > 0, logprobs, 0)).sum())
    return ids[chosen], times, entropy


def measure(engine: Engine, store: LogitStore, rows: Sequence[CaptureRow], size: int) -> Quality | None:
    """How the store stands to the whole distributions on these rows; `size` is that of all its files, in bytes."""
    errors, divergences, own = [], [], [row for row in rows if row.row in store]
    for row in own:
        [(ids, logprobs)] = engine.top_k([row.ids], engine.width)
        stored = store.row(row.row, token_hash(row.ids))
        for number, place in enumerate(row.places):
            whole = np.empty(len(ids[place]))
            whole[ids[place]] = logprobs[place]
            kept_ids, values = stored[0][number].astype(np.int64), stored[1][number].astype(np.float64)
            entropy = -float((np.exp(whole) * whole).sum())
            weights = values if store.sampled else np.exp(values) / np.exp(values).sum()
            errors.append(-float((weights * whole[kept_ids]).sum()) - entropy)
            if not store.sampled:
                divergences.append(_divergence(whole, kept_ids, values))
    if not errors:
        return None
    found, tokens = np.array(errors), sum(store.positions(row) for row in store.rows())
    half = 1.96 * float(found.std()) / len(found) ** 0.5
    return Quality(
        form=store.settings.form,
        rows=len(own),
        positions=len(found),
        bytes_per_token=round(size / max(tokens, 1), 2),
        kl=None if store.sampled else float(np.mean(divergences)),
        bias=float(found.mean()),
        bias_low=float(found.mean()) - half,
        bias_high=float(found.mean()) + half,
        variance=float(found.var()),
    )


def _divergence(whole: NDArray[np.float64], ids: NDArray[np.int64], logprobs: NDArray[np.float64]) -> float:
    """KL(teacher || kept), in nats, what is not kept spread evenly over all other tokens."""
    left = max(1.0 - float(np.exp(logprobs).sum()), 1e-9)
    approximate = np.full(len(whole), np.log(left / max(len(whole) - len(ids), 1)))
    approximate[ids] = logprobs
    p = np.exp(whole)
    return float((p * (whole - approximate)).sum())
