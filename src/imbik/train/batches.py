"""Which rows a step sees, and how they lie in tensors.

Enters: encoded rows, a seed, a batch size, how many rows to pass. Leaves: for every step number its rows, found without
walking through earlier steps (so resuming needs the step number only), and tensors without cross-talk between rows.

The rows form one endless stream: epoch after epoch, each in the order of a hash of (seed, epoch, row id). The stream
is cut into windows of 32 batches; within a window rows are sorted by length and the batches shuffled, so a batch
holds rows of nearly one length and little is padded. How a batch lies in tensors (padded, packed, cut into
micro-batches) changes neither its rows nor its loss.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from imbik.train.crossing import other_side
from imbik.train.rows import Row

if TYPE_CHECKING:
    from torch import Tensor

WINDOW = 32
Layout = Literal["padded", "packed"]
SIDE = ("ids", "positions", "places", "labels", "weights", "teacher_ids", "teacher_logprobs", "mix")
Indices = npt.NDArray[np.int64]


def draw_of(*parts: object) -> int:
    """A 64-bit number that depends on nothing but the parts."""
    return int.from_bytes(hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest(), "big")


def drawn(*parts: object) -> float:
    """A number in [0, 1) that depends on nothing but the parts."""
    return draw_of(*parts) / 2.0**64


def seed_of(*parts: object) -> int:
    """A seed for torch's generator: randomness belongs to a step, never to a process."""
    return draw_of(*parts) >> 1


class Order:
    """The stream of rows of one variant and seed, and the batches cut from it.

    `total` rows are passed in `steps` batches of `size` (the last may be smaller); a row's turn depends on its id.
    Without `bucketing` a batch holds rows of any length, in the order of the stream.
    """

    def __init__(self, rows: Sequence[Row], *, seed: int, size: int, total: int, bucketing: bool = True) -> None:
        self._ids = [row.id for row in rows]
        self._lengths = np.array([len(row.ids) - 1 for row in rows], dtype=np.int64)
        self.seed, self.size, self.total, self.bucketing = seed, size, total, bucketing
        self.steps = -(-total // size)
        self._epoch = lru_cache(maxsize=3)(self._permutation)
        self._window = lru_cache(maxsize=2)(self._batches_of)

    def batch(self, step: int) -> Indices:
        """Indices of the rows of step `step` (from 0), the shortest first."""
        return self._window(step // WINDOW)[step % WINDOW]

    def stream(self, start: int, stop: int) -> Indices:
        """Indices of the rows at positions [start, stop) of the stream."""
        count = len(self._ids)
        parts = []
        while start < stop:
            epoch, inside = divmod(start, count)
            taken = min(stop - start, count - inside)
            parts.append(self._epoch(epoch)[inside : inside + taken])
            start += taken
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def _permutation(self, epoch: int) -> Indices:
        turns = [draw_of(self.seed, epoch, name) for name in self._ids]
        return np.argsort(np.array(turns, dtype=np.uint64), kind="stable").astype(np.int64)

    def _batches_of(self, window: int) -> list[Indices]:
        start = window * WINDOW * self.size
        rows = self.stream(start, min(start + WINDOW * self.size, self.total))
        if self.bucketing:
            rows = rows[np.argsort(self._lengths[rows], kind="stable")]
        cuts = [rows[at : at + self.size] for at in range(0, len(rows), self.size)]
        turns = sorted(range(len(cuts)), key=lambda cut: draw_of(self.seed, "window", window, cut))
        return [cuts[cut] for cut in turns]


def rows_for_tokens(rows: Sequence[Row], *, seed: int, tokens: int) -> int:
    """How many rows of the stream come nearest to `tokens` passed tokens (at least one)."""
    per_epoch = sum(len(row.ids) - 1 for row in rows)
    whole = tokens // per_epoch
    order = Order(rows, seed=seed, size=1, total=len(rows) * (whole + 1))
    lengths = order._lengths[order.stream(len(rows) * whole, len(rows) * (whole + 1))]
    reached = np.concatenate([[0], np.cumsum(lengths)]) + whole * per_epoch
    return max(1, len(rows) * whole + int(np.argmin(np.abs(reached - tokens))))


@dataclass(frozen=True)
class MicroBatch:
    """Rows in tensors: what one forward pass takes.

    ids: (B, S); positions: (B, S) where rows share a line, else None; places: (N,) indices into the flattened (B, S)
    of the positions whose next token is learned; labels: (N,) those tokens (UNLABELLED where the
    text is none); weights: (N,) how much each counts, or None
    for 1; teacher ids and log-probabilities (N, k) at the same places, where captured; passed: tokens that are not
    padding. `other` is what a teacher with another tokenizer is given, and the groups of tokens that say the same
    (fields of `losses.Spans`); None where no row has it. `mix` (N, K) is how much each of several teachers counts.
    """

    ids: Tensor
    positions: Tensor | None
    places: Tensor
    labels: Tensor
    weights: Tensor | None
    teacher_ids: Tensor | None
    teacher_logprobs: Tensor | None
    passed: int
    other: dict[str, Tensor | None] | None = None
    mix: Tensor | None = None

    def tensors(self, device: object) -> dict[str, Any]:
        """The arguments of `StudentModule.forward`, on a device."""
        from torch import Tensor

        def moved(values: Mapping[str, Any]) -> dict[str, Any]:
            return {k: v.to(device) if isinstance(v, Tensor) else None for k, v in values.items()}  # type: ignore[call-overload]

        found = moved({name: getattr(self, name) for name in SIDE})
        return found if self.other is None else {**found, "other": moved(self.other)}


def lay_out(rows: Sequence[Row], layout: Layout) -> MicroBatch:
    """Rows in tensors. The last token of a row is only ever a label, so it is not passed.

    Padding stands on the right, where causal attention never looks from a row's own tokens: no mask is needed. Packed
    rows share a line no longer than the longest row; `positions` begin again at 0 with each row, which is how
    transformers tells them apart.
    """
    import torch

    width = max(len(row.ids) for row in rows) - 1
    lines = lines_of(rows, layout)
    ids = np.zeros((len(lines), width), dtype=np.int64)
    positions = np.zeros((len(lines), width), dtype=np.int64)
    places, labels, order = [], [], []
    for number, line in enumerate(lines):
        at = 0
        for index in line:
            row = rows[index]
            length = len(row.ids) - 1
            ids[number, at : at + length] = row.ids[:-1]
            positions[number, at : at + length] = np.arange(length)
            places.append(row.places + (number * width + at))
            labels.append(row.labels)
            order.append(row)
            at += length
        positions[number, at:] = np.arange(width - at)
    said = _teacher(order)
    return MicroBatch(
        ids=torch.from_numpy(ids),
        positions=torch.from_numpy(positions) if len(lines) < len(rows) else None,
        places=torch.from_numpy(np.concatenate(places)),
        labels=torch.from_numpy(np.concatenate(labels).astype(np.int64)),
        weights=_weights(order),
        teacher_ids=torch.from_numpy(said[0]) if said else None,
        teacher_logprobs=torch.from_numpy(said[1]) if said else None,
        passed=sum(len(row.ids) - 1 for row in rows),
        other=other_side(rows, layout) if any(row.other is not None for row in rows) else None,
        mix=_mix(order),
    )


def lines_of(rows: Sequence[Row], layout: Layout) -> list[list[int]]:
    """Which rows lie in which line, by their numbers; learned tokens follow one another in this order."""
    if layout == "padded":
        return [[number] for number in range(len(rows))]
    return _fit(rows, max(len(row.ids) for row in rows) - 1)


def _weights(rows: Sequence[Row]) -> Tensor | None:
    """The weights of all rows' learned tokens, one row after the other; None where every token counts 1."""
    import torch

    if all(row.weights is None for row in rows):
        return None
    ones = [np.ones(len(row.places), dtype=np.float32) if row.weights is None else row.weights for row in rows]
    return torch.from_numpy(np.concatenate(ones))


def _mix(rows: Sequence[Row]) -> Tensor | None:
    """The shares of several teachers at all rows' learned tokens, (N, K); None where there is one."""
    import torch

    if any(row.mix is None for row in rows):
        return None
    shares = np.array([row.mix for row in rows], dtype=np.float32)
    return torch.from_numpy(np.repeat(shares, [len(row.places) for row in rows], axis=0))


def _teacher(rows: Sequence[Row]) -> tuple[Indices, npt.NDArray[np.float32]] | None:
    """The teacher's distributions of all rows, one below the other; of a row it could not read, nothing (see TopK)."""
    said = [row.teacher() if row.recall is not None else None for row in rows]
    width = max((ids.shape[1] for ids, _ in filter(None, said)), default=0)
    if not width:
        return None
    nothing = 0.0 if any(row.sampled for row in rows) else -np.inf
    ids, logprobs = [], []
    for row, found in zip(rows, said, strict=True):
        shape = (len(row.places), width)
        ids.append(_wide(found[0], width, row) if found else np.broadcast_to(np.arange(width, dtype=np.uint32), shape))
        logprobs.append(_wide(found[1], width, row) if found else np.full(shape, nothing, dtype=np.float32))
    return np.concatenate(ids).astype(np.int64), np.concatenate(logprobs).astype(np.float32)


def _wide(values: npt.NDArray[Any], width: int, row: Row) -> npt.NDArray[Any]:
    """Columns of 0 on the right up to `width`: rows of samples differ in how many tokens were drawn."""
    assert row.sampled or values.shape[1] == width, "rows of one batch know as many tokens"
    return np.pad(values, ((0, 0), (0, width - values.shape[1])))


def _fit(rows: Sequence[Row], width: int) -> list[list[int]]:
    """Lines of row indices of at most `width` tokens each: longest first, into the first line with room."""
    lines: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(rows)), key=lambda index: -len(rows[index].ids)):
        length = len(rows[index].ids) - 1
        line = next((number for number, free in enumerate(room) if free >= length), len(lines))
        if line == len(lines):
            lines.append([])
            room.append(width)
        lines[line].append(index)
        room[line] -= length
    return lines
