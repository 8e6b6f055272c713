"""The kernel under all vocabulary losses: value and gradient block by block, never tokens by vocabulary.

Enters: hidden states (N, H), an `OutputHead`, losses with a closed-form gradient by the logits. Leaves: one scalar
whose gradients (hidden states, head weight, bias) were already computed in the forward pass, so that a block of
logits lives only while it is worked on. Values are summed in float64: a float32 sum over a long batch was 0.7% off.

Matrix products want many tokens at once, everything after them wants a few that stay in the processor's cache: so a
block of products is one buffer in the format of the products, written again by each block, and the losses walk over it
some rows at a time in float32, putting each row's gradient where its product was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from imbik.train import fused
from imbik.train.losses import Known, Sampled, Signals, Teacher, TokenLoss, TopK
from imbik.train.products import Blended, Buffer, Products, compute_dtype, known_at, logits_of, sides

if TYPE_CHECKING:
    from imbik.models.head import OutputHead

_CPU_CELLS = 1 << 20
_GPU_CELLS = 1 << 27
_CPU_STEP = 1 << 18
_GPU_STEP = 1 << 23
_LEAST_ROWS = 128
_WEIGHT_ROWS = 1 << 14


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
    """Tokens of one product: about 4 MB of float32 on a CPU (cache), 256 MB of bf16 on an accelerator (occupancy)."""
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
        kind = compute_dtype(hidden)
        wanted = ctx.needs_input_grad[:5] if learn else (False,) * 5
        total = torch.zeros((), dtype=torch.float64, device=hidden.device)
        grads = _Gradients(hidden, weight, bias, inner, up, wanted)
        with torch.autocast(hidden.device.type, enabled=False):
            matrix, low_matrix = weight.to(kind), None if up is None else up.to(kind)
            student, others = Buffer(), [Buffer() for _ in range(sides(teacher))]
            for start in range(0, hidden.shape[0], rows):
                part = slice(start, start + rows)
                block = hidden[part].to(kind)
                low = None if inner is None or low_matrix is None else (inner[part].to(kind), low_matrix)
                counts = None if weights is None else weights[part]
                seen = _Block(student.product(block, matrix, low), head, labels[part], counts)
                total += seen.learn(known_at(teacher, part, others), terms, grads.bias).sum(dtype=torch.float64)
                if any(wanted):
                    grads.add(part, block, matrix, low, seen.products)
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
        """Put in one block but for the bias: `gradient` is by the products, (n, vocabulary) in their format."""
        if self.hidden is not None:
            self.hidden[part] = gradient @ matrix
        if self.weight is not None:
            _add_product(self.weight, gradient, block)
        if low is not None and self.inner is not None:
            self.inner[part] = gradient @ low[1]
        if low is not None and self.up is not None:
            _add_product(self.up, gradient, low[0])

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
        return
    if total.is_cuda and torch.version.cuda:
        torch.addmm(total, gradient.t(), block, out_dtype=torch.float32, out=total)
        return
    for at in range(0, len(total), _WEIGHT_ROWS):  # a product of another format needs room of its own
        rows = slice(at, at + _WEIGHT_ROWS)
        total[rows] += gradient[:, rows].t() @ block


class _Block:
    """The student at some tokens: `products` (n, V) of hidden states and matrix, later the gradient by them."""

    def __init__(self, products: Tensor, head: OutputHead, labels: Tensor, weights: Tensor | None) -> None:
        self.products, self.head, self.labels, self.weights = products, head, labels, weights

    def learn(
        self,
        teacher: Known | Products | Blended | None,
        terms: Sequence[tuple[float, TokenLoss]],
        bias: Tensor | None,
    ) -> Tensor:
        """Weighted sums over the losses, (n,), some rows at a time; the gradient by a bias is added to `bias`."""
        made = self._fused(teacher, terms)
        if made is not None:
            theirs = (teacher.products, teacher.head) if isinstance(teacher, Products) else None
            return fused.learn(self.products, self.head, self.labels, self.weights, made, theirs)
        cells = _CPU_STEP if self.products.device.type == "cpu" else _GPU_STEP
        step = max(1, cells // self.products.shape[1])
        values = []
        for start in range(0, len(self.products), step):
            part = slice(start, start + step)
            logits, slope = logits_of(self.products[part], self.head)
            value, gradient = _sum(logits, self.labels[part], None if teacher is None else teacher.part(part), terms)
            if slope is not None:
                gradient.mul_(slope)
            if self.weights is not None:
                value, gradient = value * self.weights[part], gradient.mul_(self.weights[part, None])
            if bias is not None:
                bias += gradient.sum(0)
            self.products[part] = gradient
            values.append(value)
        return torch.cat(values)

    def _fused(
        self, teacher: Known | Products | Blended | None, terms: Sequence[tuple[float, TokenLoss]]
    ) -> fused.Plan | None:
        """How one kernel computes this sum on a card; None where several passes are needed."""
        if not fused.fits(self.products, self.head):
            return None
        made = fused.plan(terms)
        if made is None or made.formula is None:
            return made
        whole = isinstance(teacher, Products) and fused.fits(teacher.products, teacher.head)
        return made if whole else None


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
