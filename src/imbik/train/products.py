"""Products of hidden states and heads: what logits are made of, a block of tokens at a time.

Enters: hidden states with a head, the student's or those of teachers beside it. Leaves: one buffer of products for
each, in the format of the products, written again by each block; logits of some rows of it in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from imbik.train.losses import Blend, Dense, Full, Known, Teacher

if TYPE_CHECKING:
    from imbik.models.head import OutputHead


def compute_dtype(hidden: Tensor) -> torch.dtype:
    """The dtype of the matrix products: autocast's where it is on, else the hidden states' own."""
    device = hidden.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype


def logits_of(product: Tensor, head: OutputHead) -> tuple[Tensor, Tensor | float | None]:
    """Logits in float32 (float64 stays) of products, which they may overwrite, and their derivative by the product.

    The derivative is None where neither scale nor soft cap change it.
    """
    logits = product if product.dtype == torch.float64 else product.float()
    if head.bias is not None:
        logits.add_(head.bias)
    scale = float(head.scale)
    if scale != 1.0:
        logits.mul_(scale)
    if not head.soft_cap:
        return logits, None if scale == 1.0 else scale
    squashed = logits.div_(head.soft_cap).tanh_()
    slope = (1 - squashed * squashed).mul_(scale)
    return squashed.mul_(head.soft_cap), slope


class Buffer:
    """Room for a matrix product, used again by the next block: large memory given back and asked for costs time."""

    def __init__(self) -> None:
        self._room: Tensor | None = None

    def product(self, block: Tensor, matrix: Tensor, low: tuple[Tensor, Tensor] | None) -> Tensor:
        """block (n, H) times the transposed matrix (V, H); valid until the next call.

        `low` is what a head's adapter adds: (n, r) and (V, r), whose product is added.
        """
        if self._room is None or len(self._room) < len(block):
            self._room = block.new_empty(len(block), len(matrix))
        made = torch.mm(block, matrix.t(), out=self._room[: len(block)])
        return made if low is None else made.addmm_(low[0], low[1].t())


class Products(NamedTuple):
    """A teacher beside the student at the tokens of a block: products (n, V) that its head makes logits of."""

    products: Tensor
    head: OutputHead

    def part(self, rows: slice) -> Full:
        """Its logits at some of the tokens."""
        return Full(logits_of(self.products[rows], self.head)[0])


class Blended(NamedTuple):
    """Several teachers at the tokens of a block, and how much each counts (n, K)."""

    parts: list[Products]
    shares: Tensor

    def part(self, rows: slice) -> Full:
        """The logarithm of their mean distribution at some of the tokens, over the tokens that all of them have."""
        logits = [part.part(rows).logits for part in self.parts]
        common = min(one.shape[1] for one in logits)
        weights = self.shares[rows].to(logits[0].dtype).log()
        logs = [torch.log_softmax(one[:, :common], -1) + weights[:, [at]] for at, one in enumerate(logits)]
        return Full(torch.logsumexp(torch.stack(logs), 0))


def sides(teacher: Teacher | None) -> int:
    """How many teachers are read beside the student."""
    return len(teacher.parts) if isinstance(teacher, Blend) else 1


def known_at(teacher: Teacher | None, part: slice, buffers: Sequence[Buffer]) -> Known | Products | Blended | None:
    """What is known of the teacher at some tokens; that of those beside the student is made of hidden states here."""
    if teacher is None:
        return None
    own = teacher.part(part)
    if isinstance(own, Blend):
        return Blended([_of(one, buffer) for one, buffer in zip(own.parts, buffers, strict=True)], own.shares)
    return _of(own, buffers[0]) if isinstance(own, Dense) else own


def _of(teacher: Dense, buffer: Buffer) -> Products:
    """The products of a teacher's hidden states and head."""
    kind, adapter = compute_dtype(teacher.hidden), teacher.head.adapter
    low = None if adapter is None else (adapter.inner(teacher.hidden).to(kind), adapter.up.to(kind))
    return Products(buffer.product(teacher.hidden.to(kind), teacher.head.weight.to(kind), low), teacher.head)
