"""Losses: how far the student is from what it should say. A file here is a loss.

Enters: `Signals` of the learned tokens of one micro-batch. Leaves: one scalar, in nats, as a (weighted) mean over the
learned tokens of the *global* batch: each loss sums over its tokens, each times its weight, and divides by
`signals.tokens`, so value and gradient are the same whether a batch is packed, accumulated, spread over ranks or
chunked. A `temperature` divides both
sides' logits, and the result carries T squared (Hinton et al. 2015). `KL(p, p) = 0`.

A loss that looks at each token's logits alone is a `TokenLoss`: it says value and gradient for a block of logits in
closed form, and `train.chunked` computes all such losses of a recipe in one pass over the vocabulary.

What is known of the teacher comes in one of the forms of `Teacher`; what a loss must be given besides the labels it
says in `needs`, so that a recipe that cannot give it is refused before anything is paid or trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from imbik.models.crossing import DISTRIBUTIONS as DISTRIBUTIONS
from imbik.models.crossing import SPANS as SPANS
from imbik.models.layers import ATTENTION as ATTENTION
from imbik.models.layers import HIDDEN as HIDDEN
from imbik.models.layers import RELATIONS as RELATIONS

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from imbik.models.head import OutputHead
    from imbik.train.layers import Layers

# DISTRIBUTIONS: the teacher's next-token distributions, in one of the forms of `Teacher`; SPANS: at its own tokens
# HIDDEN: hidden states of layers; ATTENTION: attention maps; RELATIONS: queries, keys and values; each of both sides
PAIRS = "pairs"  # two texts side by side, each as its pooled final hidden state
NEEDS = frozenset({DISTRIBUTIONS, SPANS, HIDDEN, ATTENTION, RELATIONS, PAIRS})
BESIDE = frozenset({HIDDEN, ATTENTION, RELATIONS})  # what only a teacher beside the student gives


@dataclass(frozen=True)
class TopK:
    """A teacher's k best next tokens, best first: ids (N, k) and log-probabilities in nats (N, k); the rest is
    unknown. A token of which the teacher said nothing has log-probabilities of minus infinity: KD losses are 0
    there. Where `known` (N, k) is false there is no outcome, and the id is that of the first.
    """

    ids: Tensor
    logprobs: Tensor
    known: Tensor | None = None

    def part(self, rows: slice) -> TopK:
        """The distributions of some of the N tokens."""
        return TopK(self.ids[rows], self.logprobs[rows], None if self.known is None else self.known[rows])

    def within(self, vocabulary: int) -> TopK:
        """The same given that the token is one of the first `vocabulary`: those beyond pad the teacher's matrix."""
        import torch

        inside = self.ids < vocabulary
        if bool(inside.all()):
            return self
        lost = self.logprobs.double().masked_fill(inside, float("-inf")).exp().sum(-1, keepdim=True)
        kept = self.logprobs.masked_fill(~inside, float("-inf"))
        kept = kept - torch.log1p(-lost.clamp_max(1 - 1e-6)).to(kept.dtype)
        order = (~inside).int().argsort(dim=-1, stable=True)
        ids, known = self.ids.gather(1, order), inside.gather(1, order)
        ids = ids.where(known, ids[:, :1]).clamp_max(vocabulary - 1)
        return TopK(ids, kept.gather(1, order), known)


@dataclass(frozen=True)
class Sampled:
    """A sparse unbiased estimate of a teacher's distribution p (Anshumann et al. 2025, arXiv:2503.16870).

    ids (N, s) and weights (N, s): the expectation of the sum of the weights at an id is p(id); weights of 0 fill rows
    up. entropy (N,): that of p in nats, where it was written down. A token of which nothing was said has only zeros.
    """

    ids: Tensor
    weights: Tensor
    entropy: Tensor | None = None

    def part(self, rows: slice) -> Sampled:
        """The estimates of some of the N tokens."""
        return Sampled(self.ids[rows], self.weights[rows], None if self.entropy is None else self.entropy[rows])

    def within(self, vocabulary: int) -> Sampled:
        """The same without tokens beyond the first `vocabulary`, which pad the teacher's matrix."""
        inside = self.ids < vocabulary
        return self if bool(inside.all()) else Sampled(self.ids.where(inside, 0), self.weights * inside, self.entropy)


@dataclass(frozen=True)
class Full:
    """A teacher's logits over its whole vocabulary, (n, V): what the kernel makes of `Dense` for one block."""

    logits: Tensor

    def part(self, rows: slice) -> Full:
        """The logits of some of the n tokens."""
        return Full(self.logits[rows])


@dataclass(frozen=True)
class Dense:
    """A teacher that reads beside the student: its hidden states (N, H of the teacher) and its head, no logits."""

    hidden: Tensor
    head: OutputHead

    def part(self, rows: slice) -> Dense:
        """The hidden states of some of the N tokens, with the same head."""
        return Dense(self.hidden[rows], self.head)


@dataclass(frozen=True)
class Blend:
    """Several teachers beside the student, averaged: `shares` (N, K) of the K sum to 1 at each token."""

    parts: tuple[Dense, ...]
    shares: Tensor

    def part(self, rows: slice) -> Blend:
        """The same at some of the N tokens."""
        return Blend(tuple(part.part(rows) for part in self.parts), self.shares[rows])


Known: TypeAlias = TopK | Sampled | Full
Teacher: TypeAlias = TopK | Sampled | Full | Dense | Blend


@dataclass(frozen=True)
class Spans:
    """Which tokens of student and teacher say the same bytes, where their tokenizers differ: G groups.

    Of the student's N learned tokens `mine` (N,) `last` (G,) ends each group, and `inner` (S,) stand before it in that
    of number `inner_of` (S,); likewise `theirs_…` of the M tokens `theirs` (M,) at which the teacher is known.
    """

    mine: Tensor
    last: Tensor
    inner: Tensor
    inner_of: Tensor
    theirs: Tensor
    theirs_last: Tensor
    theirs_inner: Tensor
    theirs_of: Tensor


@dataclass(frozen=True)
class Shared:
    """Tokens that two vocabularies have in common: ids of the student `mine` (C,) and of the teacher `theirs` (C,), out
    of the teacher's `width` tokens.
    """

    mine: Tensor
    theirs: Tensor
    width: int

    def to(self, device: torch.device) -> Shared:
        """The same on a device."""
        if self.mine.device == device:
            return self
        return Shared(self.mine.to(device), self.theirs.to(device), self.width)


@dataclass(frozen=True)
class Signals:
    """What a loss sees, at the N learned positions of a micro-batch (flattened, masked positions already dropped).

    hidden: (N, H) student hidden states that predict `labels`; head: turns them into logits; labels: (N,) token
    ids; tokens: learned tokens in the global batch, each by its weight; teacher: what is known of the teacher at the
    same positions, or None; weights: (N,) how much each token counts, or None for 1 each. `layers` and
    `teacher_layers` are what both sides' layers said, `learned` the loss's own weights, `pairs` texts side by side.
    With `spans` the teacher has another tokenizer and is known at its own M tokens; `shared` are the tokens of both.
    """

    hidden: Tensor
    head: OutputHead
    labels: Tensor
    tokens: Tensor
    teacher: Teacher | None = None
    weights: Tensor | None = None
    layers: Layers | None = None
    teacher_layers: Layers | None = None
    learned: nn.Module | None = None
    pairs: PooledPairs | None = None
    spans: Spans | None = None
    shared: Shared | None = None


@dataclass(frozen=True)
class PooledPairs:
    """P pairs of texts: their pooled final hidden states, first and second (P, H), and labels (P,): 0 means same, 1
    different. `count` is how many pairs the global batch has.
    """

    first: Tensor
    second: Tensor
    labels: Tensor
    count: Tensor


def over_tokens(values: Tensor, signals: Signals) -> Tensor:
    """What each of the N tokens counts (N,), summed by the tokens' weights, / `signals.tokens`."""
    if signals.weights is not None:
        values = values * signals.weights
    return values.sum() / signals.tokens


class Loss(Protocol):
    """The contract of a loss; built as `Loss(settings)`; `Settings` has `weight` and, for KD losses, `temperature`.

    needs: what it must be given besides the labels, of `NEEDS`.
    """

    version: int
    weight: float
    needs: frozenset[str]

    def value(self, signals: Signals) -> Tensor:
        """Sum over the N tokens, each times its weight, / `signals.tokens`, without the loss's own `weight`; never
        holding an (N, vocabulary) matrix.
        """
        ...


class TokenTerm(NamedTuple):
    """What a loss says of n tokens: `values` (n,) in nats and their gradient by the logits (n, vocabulary)."""

    values: Tensor
    gradient: Tensor


class Fused(NamedTuple):
    """The formula by which `train.fused` computes a loss on a card: its name there, its parameter and temperature.

    A `TokenLoss` gives it from a method `fused`; one without is computed by its `of_logits` alone. A class that
    changes the formula of another does not inherit it.
    """

    name: str
    parameter: float = 0.0
    temperature: float = 1.0


@runtime_checkable
class LearnsAlong(Protocol):
    """A loss that depends on the shapes of both models, and may have weights of its own."""

    def learned(self, student: Any, teacher: Any) -> nn.Module | None:
        """Weights learned along with the student (in its checkpoints, never exported) for models of these configs.

        Raises: RecipeError where the two do not fit.
        """
        ...


@runtime_checkable
class TokenLoss(Loss, Protocol):
    """A loss of each token's own logits; the gradient in closed form lets logits be dropped block by block."""

    def of_logits(self, logits: Tensor, labels: Tensor, teacher: Known | None) -> TokenTerm:
        """Values and gradient for logits (n, vocabulary) in float32; the gradient is a new tensor."""
        ...
