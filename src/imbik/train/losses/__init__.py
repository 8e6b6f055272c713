"""Losses: how far the student is from what it should say. A file here is a loss.

Enters: `Signals` of the learned tokens of one micro-batch. Leaves: one scalar, in nats, as a mean over the learned tokens
of the *global* batch: each loss sums over its tokens and divides by `signals.tokens`, so value and gradient are the same
whether a batch is packed, accumulated, spread over ranks or chunked. A `temperature` divides both sides' logits, and the
result carries T squared (Hinton et al. 2015). `KL(p, p) = 0`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from imbik.models.head import OutputHead


@dataclass(frozen=True)
class TopK:
    """A teacher's k best next tokens: ids (N, k) and log-probabilities in nats (N, k); the rest of the mass is unknown."""

    ids: Tensor
    logprobs: Tensor


@dataclass(frozen=True)
class Signals:
    """What a loss sees, at the N learned positions of a micro-batch (flattened, masked positions already dropped).

    hidden: (N, H) student hidden states that predict `labels`; head: turns them into logits; labels: (N,) token ids;
    tokens: learned tokens in the global batch; teacher: the captured distributions at the same positions, or None.
    """

    hidden: Tensor
    head: OutputHead
    labels: Tensor
    tokens: Tensor
    teacher: TopK | None = None


class Loss(Protocol):
    """The contract of a loss; built as `Loss(settings)`; `Settings` has `weight` and, for KD losses, `temperature`."""

    needs_teacher: bool

    def value(self, signals: Signals) -> Tensor:
        """Sum over the N tokens divided by `signals.tokens`, never holding an (N, vocabulary) matrix."""
        ...
