"""Losses: how far the student is from what it should say. A file here is a loss.

Enters: `Signals` of the learned tokens of one micro-batch. Leaves: one scalar, in nats, as a (weighted) mean over the
learned tokens of the *global* batch: each loss sums over its tokens, each times its weight, and divides by
`signals.tokens`, so value and gradient are the same whether a batch is packed, accumulated, spread over ranks or
chunked. A `temperature` divides both
sides' logits, and the result carries T squared (Hinton et al. 2015). `KL(p, p) = 0`.

A loss that looks at each token's logits alone is a `TokenLoss`: it says value and gradient for a block of logits in
closed form, and `train.chunked` computes all such losses of a recipe in one pass over the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

    from imbik.models.head import OutputHead


@dataclass(frozen=True)
class TopK:
    """A teacher's k best next tokens, best first: ids (N, k) and log-probabilities in nats (N, k); the rest is
    unknown. A token of which the teacher said nothing has log-probabilities of minus infinity: KD losses are 0
    there.
    """

    ids: Tensor
    logprobs: Tensor

    def part(self, rows: slice) -> TopK:
        """The distributions of some of the N tokens."""
        return TopK(self.ids[rows], self.logprobs[rows])


@dataclass(frozen=True)
class Signals:
    """What a loss sees, at the N learned positions of a micro-batch (flattened, masked positions already dropped).

    hidden: (N, H) student hidden states that predict `labels`; head: turns them into logits; labels: (N,) token
    ids; tokens: learned tokens in the global batch, each by its weight; teacher: the captured distributions at the same
    positions, or None; weights: (N,) how much each token counts, or None for 1 each.
    """

    hidden: Tensor
    head: OutputHead
    labels: Tensor
    tokens: Tensor
    teacher: TopK | None = None
    weights: Tensor | None = None


class Loss(Protocol):
    """The contract of a loss; built as `Loss(settings)`; `Settings` has `weight` and, for KD losses, `temperature`."""

    version: int
    weight: float
    needs_teacher: bool

    def value(self, signals: Signals) -> Tensor:
        """Sum over the N tokens, each times its weight, / `signals.tokens`, without the loss's own `weight`; never
        holding an (N, vocabulary) matrix.
        """
        ...


class TokenTerm(NamedTuple):
    """What a loss says of n tokens: `values` (n,) in nats and their gradient by the logits (n, vocabulary)."""

    values: Tensor
    gradient: Tensor


@runtime_checkable
class TokenLoss(Loss, Protocol):
    """A loss of each token's own logits; the gradient in closed form lets logits be dropped block by block."""

    def of_logits(self, logits: Tensor, labels: Tensor, teacher: TopK | None) -> TokenTerm:
        """Values and gradient for logits (n, vocabulary) in float32; the gradient is a new tensor."""
        ...
