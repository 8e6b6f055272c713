"""The kernel under all vocabulary losses: value and gradient block by block, never tokens by vocabulary.

Enters: hidden states (N, H), an `OutputHead`, losses with a closed-form gradient by the logits. Leaves: one scalar
whose gradients (hidden states, head weight, bias) were already computed in the forward pass, so that a block of
logits lives only while it is worked on. Values are summed in float64: a float32 sum over a long batch was 0.7% off.

Matrix products want many tokens at once, everything after them wants a few that stay in the processor's cache: so a
block of logits is one buffer, written again by each block, and the losses walk over it some rows at a time, putting
each row's gradient where its logits were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from imbik.train.losses import Dense, Full, Known, Sampled, Signals, Teacher, TokenLoss, TopK

if TYPE_CHECKING:
    from imbik.models.head import OutputHead

_CPU_CELLS = 1 << 20
_GPU_CELLS = 1 << 26
_CACHE_CELLS = 1 << 18
_LEAST_ROWS = 128


def token_losses(signals: Signals, terms: Sequence[tuple[float, TokenLoss]], *, rows: int = 0) -> Tensor:
    """Weighted sum of losses over the N tokens divided by `signals.tokens`; a float32 scalar with gradients.

    `terms` are (weight, loss); `rows` is the block length (0: chosen by vocabulary and device).
    """
    head = signals.head
    adapter = head.adapter
    rows = rows or block_rows(head.weight.shape[0], signals.hidden.device.type)
    total: Tensor = _TokenLosses.apply(
        signals.hidden,
        head.weight,
        head.bias,
        None if adapter is None else adapter.inner(signals.hidden),
        None if adapter is None else adapter.up,
        head,
        signals.labels,
        _within(signals.teacher, head.weight.shape[0]),
        signals.weights,
        tuple(terms),
        rows,
        torch.is_grad_enabled(),
    )  # type: ignore[no-untyped-call]
    return total / signals.tokens


def _within(teacher: Teacher | None, vocabulary: int) -> Teacher | None:
    """Without tokens that only pad the teacher's matrix beyond the student's."""
    return teacher.within(vocabulary) if isinstance(teacher, TopK | Sampled) else teacher


def block_rows(vocabulary: int, device: str) -> int:
    """Tokens worked on at once: about 4 MB of float32 logits on a CPU (cache), 256 MB on an accelerator (occupancy)."""
    return max(_LEAST_ROWS, (_CPU_CELLS if device == "cpu" else _GPU_CELLS) // vocabulary)


class _TokenLosses(torch.autograd.Function):
    """Sum (not mean) of the weighted losses; gradients are kept, multiplied by the incoming one in `backward`."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        inner: Tensor | None,
        up: Tensor | None,
        head: OutputHead,
        labels: Tensor,
        teacher: Teacher | None,
        weights: Tensor | None,
        terms: tuple[tuple[float, TokenLoss], ...],
        rows: int,
        learn: bool,
    ) -> Tensor:
        kind = _compute_dtype(hidden)
        wanted = ctx.needs_input_grad[:5] if learn else (False,) * 5
        total = torch.zeros((), dtype=torch.float64, device=hidden.device)
        grads = _Gradients(hidden, weight, bias, inner, up, wanted)
        with torch.autocast(hidden.device.type, enabled=False):
            matrix, low_matrix = weight.to(kind), None if up is None else up.to(kind)
            student, other = _Buffer(), _Buffer()
            for start in range(0, hidden.shape[0], rows):
                part = slice(start, start + rows)
                block = hidden[part].to(kind)
                low = None if inner is None or low_matrix is None else (inner[part].to(kind), low_matrix)
                logits, slope = _logits(block, matrix, bias, low, head, student)
                own = _known(teacher, part, other)
                values = _values(logits, labels[part], own, terms)
                if weights is not None:
                    values = values * weights[part]
                total += values.sum(dtype=torch.float64)
                if any(wanted):
                    factors = [f for f in (slope, None if weights is None else weights[part, None]) if f is not None]
                    for factor in factors:
                        logits.mul_(factor)
                    grads.add(part, block, matrix, low, logits)
        ctx.grads = grads
        return total.float()

    @staticmethod
    def backward(ctx: Any, *incoming: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.grads is None:
            raise RuntimeError("the gradients of a chunked loss are made once: call backward once")
        grads, ctx.grads = ctx.grads, None
        return (*grads.scaled(incoming[0]), None, None, None, None, None, None, None)


class _Gradients:
    """Gradients of hidden states, head and adapter, filled block by block; those of weights in float32."""

    def __init__(
        self,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        inner: Tensor | None,
        up: Tensor | None,
        wanted: Sequence[bool],
    ) -> None:
        self.hidden = torch.empty_like(hidden) if wanted[0] else None
        self.weight = torch.zeros_like(weight, dtype=torch.float32) if wanted[1] else None
        self.bias = torch.zeros_like(bias, dtype=torch.float32) if wanted[2] and bias is not None else None
        self.inner = torch.empty_like(inner) if wanted[3] and inner is not None else None
        self.up = torch.zeros_like(up, dtype=torch.float32) if wanted[4] and up is not None else None
        self.kinds = [None if given is None else given.dtype for given in (hidden, weight, bias, inner, up)]

    def add(
        self, part: slice, block: Tensor, matrix: Tensor, low: tuple[Tensor, Tensor] | None, gradient: Tensor
    ) -> None:
        """Put in one block: `gradient` is by the products and the bias, (n, vocabulary) in float32."""
        if self.bias is not None:
            self.bias += gradient.sum(0)
        narrow = gradient.to(matrix.dtype)
        if self.hidden is not None:
            self.hidden[part] = narrow @ matrix
        if self.weight is not None:
            _add_product(self.weight, narrow, block)
        if low is not None and self.inner is not None:
            self.inner[part] = narrow @ low[1]
        if low is not None and self.up is not None:
            _add_product(self.up, narrow, low[0])

    def scaled(self, factor: Tensor) -> list[Tensor | None]:
        """The gradients times the gradient of the sum, in the dtypes of what they belong to."""
        made = (self.hidden, self.weight, self.bias, self.inner, self.up)
        return [
            None if one is None else one.mul_(factor.to(one.dtype)).to(kind)
            for one, kind in zip(made, self.kinds, strict=True)
        ]


def _add_product(total: Tensor, gradient: Tensor, block: Tensor) -> None:
    """total (V, m) plus the transposed gradient (n, V) times block (n, m), summed over blocks in float32."""
    if gradient.dtype == torch.float32:
        total.addmm_(gradient.t(), block)
    else:
        total += gradient.t() @ block


class _Buffer:
    """Room for a matrix product, used again by the next block: large memory given back and asked for costs time."""

    def __init__(self) -> None:
        self._room: Tensor | None = None

    def product(self, block: Tensor, matrix: Tensor) -> Tensor:
        """block (n, H) times the transposed matrix (V, H); valid until the next call."""
        if self._room is None or len(self._room) < len(block):
            self._room = block.new_empty(len(block), len(matrix))
        return torch.mm(block, matrix.t(), out=self._room[: len(block)])


def _known(teacher: Teacher | None, part: slice, buffer: _Buffer) -> Known | None:
    """What is known of the teacher at some tokens; of one that reads beside the student, its logits are made here."""
    if teacher is None:
        return None
    own = teacher.part(part)
    if not isinstance(own, Dense):
        return own
    kind, adapter = _compute_dtype(own.hidden), own.head.adapter
    low = None if adapter is None else (adapter.inner(own.hidden).to(kind), adapter.up.to(kind))
    logits, _ = _logits(own.hidden.to(kind), own.head.weight.to(kind), own.head.bias, low, own.head, buffer)
    return Full(logits)


def _compute_dtype(hidden: Tensor) -> torch.dtype:
    """The dtype of the matrix products: autocast's where it is on, else the hidden states' own."""
    device = hidden.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype


def _logits(
    block: Tensor,
    matrix: Tensor,
    bias: Tensor | None,
    low: tuple[Tensor, Tensor] | None,
    head: OutputHead,
    buffer: _Buffer,
) -> tuple[Tensor, Tensor | float | None]:
    """Logits in float32 (float64 stays), and their derivative by the product where scale or soft cap change it.

    `low` is what a head's adapter adds: (n, r) and (vocabulary, r), whose product is added to that of block and matrix.
    """
    product = buffer.product(block, matrix)
    if low is not None:
        product.addmm_(low[0], low[1].t())
    logits = product if product.dtype == torch.float64 else product.float()
    if bias is not None:
        logits.add_(bias)
    scale = float(head.scale)
    if scale != 1.0:
        logits.mul_(scale)
    if not head.soft_cap:
        return logits, None if scale == 1.0 else scale
    squashed = logits.div_(head.soft_cap).tanh_()
    slope = (1 - squashed * squashed).mul_(scale)
    return squashed.mul_(head.soft_cap), slope


def _values(logits: Tensor, labels: Tensor, teacher: Known | None, terms: Sequence[tuple[float, TokenLoss]]) -> Tensor:
    """Weighted sums over the losses of one block, (n,); the gradient (n, vocabulary) takes the logits' place."""
    step = len(logits) if logits.device.type != "cpu" else max(1, _CACHE_CELLS // logits.shape[1])
    values = []
    for start in range(0, len(logits), step):
        part = slice(start, start + step)
        value, gradient = _sum(logits[part], labels[part], None if teacher is None else teacher.part(part), terms)
        logits[part] = gradient
        values.append(value)
    return torch.cat(values)


def _sum(
    logits: Tensor, labels: Tensor, teacher: Known | None, terms: Sequence[tuple[float, TokenLoss]]
) -> tuple[Tensor, Tensor]:
    """Weighted sums over the losses of one block: values (n,) and gradients (n, vocabulary)."""
    total, gradient = None, None
    for weight, loss in terms:
        value, own = loss.of_logits(logits, labels, teacher)
        if weight != 1.0:
            value, own = value * weight, own.mul_(weight)
        total = value if total is None else total + value
        gradient = own if gradient is None else gradient.add_(own)
    assert total is not None
    assert gradient is not None
    return total, gradient
