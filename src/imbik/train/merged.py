"""Distributions of two tokenizers held against each other: those of tokens that together say the same bytes, merged.

Enters: `Signals` with `Spans`, and a `Measure` of two unnormalised distributions. Leaves: the sum over the groups of
tokens, each counted once, at its last token, divided by the learned tokens of the global batch.

By the chain rule, what a model says of a group's last token times the probabilities of the tokens before it is what it
says of the group as a whole: s = P(x1) … P(x(m-1)) P(. | x1 … x(m-1)), which sums to the product, not to 1. Both sides
are merged so. The gradient reaches the last token by the measure, and the tokens before it by the product: three
passes of the kernel (`train.chunked`), so that tokens by vocabulary is never held.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from imbik.core.errors import RecipeError
from imbik.train.chunked import token_losses
from imbik.train.divergence import rest
from imbik.train.losses import Blend, Dense, Full, Known, Sampled, Shared, Signals, Spans, Teacher, TokenTerm, TopK

if TYPE_CHECKING:
    from imbik.models.head import OutputHead


class Said(NamedTuple):
    """A teacher's merged distributions: probabilities (n, V of the teacher) where `ids` is None, else those of the
    tokens `ids` (n, k), best first, and of all others together, `others` (n, 1).
    """

    probabilities: Tensor
    ids: Tensor | None = None
    others: Tensor | None = None


# Student's merged distributions (n, V), what they sum to (n,), the teacher's -> values (n,) and derivative by the
# student's (n, V).
Measure = Callable[[Tensor, Tensor, Said], tuple[Tensor, Tensor]]


def merged_loss(signals: Signals, measure: Measure, temperature: float) -> Tensor:
    """The loss of all groups; without spans every learned token is a group. Carries the temperature's square."""
    spans = signals.spans or _alone(len(signals.hidden), signals.labels)
    if not len(spans.last) or signals.teacher is None:
        return signals.hidden.sum() * 0.0
    groups, teacher = len(spans.last), signals.teacher
    if isinstance(teacher, Sampled):
        raise RecipeError(
            "sorted probabilities have no unbiased estimate from a sampled teacher",
            where="train.losses",
            next="capture top-k instead",
        )
    mine = _Chosen(spans.mine[spans.inner], temperature)
    before = mine.products(signals.hidden[spans.inner], signals.head, spans.inner_of, groups)
    theirs = _products_of(teacher, spans, temperature)
    compared = _Compared(measure, before, theirs, temperature)
    counts = None if signals.weights is None else signals.weights[spans.last]
    numbers = torch.arange(groups, device=signals.hidden.device)
    ends = replace(
        signals, hidden=signals.hidden[spans.last], labels=numbers, teacher=_at(teacher, spans), weights=counts
    )
    value = token_losses(ends, [(1.0, compared)])
    if not len(spans.inner) or not torch.is_grad_enabled():
        return value
    slopes = compared.slopes if counts is None else compared.slopes * counts
    return value + _through(mine, signals, spans, slopes)


def _through(mine: _Chosen, signals: Signals, spans: Spans, slopes: Tensor) -> Tensor:
    """0, with the gradient of the tokens before the last: `slopes` (G,) are by the logarithm of their product."""
    hidden = signals.hidden[spans.inner]
    numbers = torch.arange(len(hidden), device=hidden.device)
    inner = replace(signals, hidden=hidden, labels=numbers, teacher=None, weights=-slopes[spans.inner_of])
    term = token_losses(inner, [(1.0, mine)])
    return term - term.detach()


def _alone(tokens: int, labels: Tensor) -> Spans:
    """Every token a group: both sides have one tokenizer."""
    all_, none = torch.arange(tokens, device=labels.device), labels.new_zeros(0)
    return Spans(labels, all_, none, none, labels, all_, none, none)


def _at(teacher: Teacher, spans: Spans) -> Teacher:
    """What is known at the last tokens of the groups; ids of another vocabulary are no concern of the student's."""
    if isinstance(teacher, TopK):
        return _Foreign(teacher.ids[spans.theirs_last], teacher.logprobs[spans.theirs_last])
    if isinstance(teacher, Blend):
        return Blend(
            tuple(Dense(part.hidden[spans.theirs_last], part.head) for part in teacher.parts),
            teacher.shares[spans.theirs_last],
        )
    assert isinstance(teacher, Dense)
    return Dense(teacher.hidden[spans.theirs_last], teacher.head)


class _Foreign(TopK):
    """Best tokens by the teacher's own vocabulary."""

    def part(self, rows: slice) -> TopK:
        return _Foreign(self.ids[rows], self.logprobs[rows])

    def within(self, vocabulary: int) -> TopK:  # noqa: ARG002
        return self


class _Chosen:
    """A loss of the kernel: -log of the probability of given tokens; kept by the token's number, its label here."""

    version, weight = 1, 1.0
    needs: frozenset[str] = frozenset()

    def __init__(self, tokens: Tensor, temperature: float) -> None:
        self.tokens, self.temperature = tokens, temperature
        self.found = torch.zeros(len(tokens), device=tokens.device)

    def products(self, hidden: Tensor, head: OutputHead, of: Tensor, groups: int) -> Tensor:
        """(G,) logarithms of the product of the tokens' probabilities in each group."""
        numbers = torch.arange(len(hidden), device=hidden.device)
        with torch.no_grad():
            if len(hidden):
                token_losses(Signals(hidden, head, numbers, hidden.new_ones(())), [(1.0, self)])
        return hidden.new_zeros(groups, dtype=self.found.dtype).index_add(0, of, self.found)

    def value(self, signals: Signals) -> Tensor:
        return token_losses(signals, [(1.0, self)])

    def of_logits(self, logits: Tensor, labels: Tensor, teacher: Known | None) -> TokenTerm:  # noqa: ARG002
        column = self.tokens[labels][:, None]
        logs = torch.log_softmax(logits / self.temperature, -1)
        values = -logs.gather(1, column)[:, 0]
        self.found = self.found.to(values.dtype)
        self.found[labels] = -values
        gradient = logs.exp_().scatter_add_(1, column, torch.full_like(column, -1, dtype=logs.dtype))
        return TokenTerm(values, gradient.div_(self.temperature))


class _Compared:
    """A loss of the kernel: the measure of merged distributions. Labels are numbers of groups; `slopes` (G,) are by the
    logarithm of the student's product.
    """

    version, weight = 1, 1.0
    needs: frozenset[str] = frozenset()

    def __init__(self, measure: Measure, mine: Tensor, theirs: Tensor, temperature: float) -> None:
        self.measure, self.mine, self.theirs, self.temperature = measure, mine, theirs, temperature
        self.slopes = torch.zeros_like(mine)

    def value(self, signals: Signals) -> Tensor:
        return token_losses(signals, [(1.0, self)])

    def of_logits(self, logits: Tensor, labels: Tensor, teacher: Known | None) -> TokenTerm:
        heat = self.temperature
        share = torch.softmax(logits / heat, -1)
        factor = self.mine[labels].exp().to(logits.dtype)
        said, known = _merged(teacher, self.theirs[labels].to(logits.dtype), heat)
        merged = share * factor[:, None]
        values, slope = self.measure(merged, factor, said)
        flow = slope.mul_(merged)
        whole = flow.sum(-1)
        gradient = flow.addcmul_(share, whole[:, None], value=-1).mul_(heat)
        if known is not None:
            values, whole = values.where(known, 0.0), whole.where(known, 0.0)
            gradient = gradient.where(known[:, None], 0.0)
        self.slopes[labels] = (whole * heat**2).to(self.slopes.dtype)
        return TokenTerm(values * heat**2, gradient)


def _merged(teacher: Known | None, product: Tensor, heat: float) -> tuple[Said, Tensor | None]:
    """The teacher's merged distributions, and which rows are known where not all are."""
    if isinstance(teacher, Full):
        return Said(torch.softmax(teacher.logits.to(product.dtype) / heat, -1) * product.exp()[:, None]), None
    assert isinstance(teacher, TopK)
    known = (teacher.logprobs[:, 0] > float("-inf")) & (product > float("-inf"))
    best, others = heated(teacher, heat)
    factor = product.where(known, 0.0).exp()[:, None]
    return Said(best.exp().to(factor) * factor, teacher.ids, others.exp().to(factor) * factor), known


def heated(teacher: TopK, heat: float) -> tuple[Tensor, Tensor]:
    """Log-probabilities of the k tokens (n, k) and of all others together (n, 1) at a temperature."""
    best, others = teacher.logprobs, rest(teacher.logprobs)
    if heat == 1.0:
        return best, others
    whole = torch.log_softmax(torch.cat([best, others], 1) / heat, -1)
    return whole[:, :-1], whole[:, -1:]


def _products_of(teacher: Teacher, spans: Spans, temperature: float) -> Tensor:
    """(G,) the logarithms of the teacher's products; -inf where a token of one is not among those known."""
    tokens, of, groups = spans.theirs[spans.theirs_inner], spans.theirs_of, len(spans.last)
    if isinstance(teacher, Dense):
        chosen = _Chosen(tokens, temperature)
        return chosen.products(teacher.hidden[spans.theirs_inner], teacher.head, of, groups)
    if isinstance(teacher, Blend):  # of one tokenizer: no token stands before another's
        return teacher.shares.new_zeros(groups)
    assert isinstance(teacher, TopK)
    part = TopK(teacher.ids[spans.theirs_inner], teacher.logprobs[spans.theirs_inner])
    best, _ = heated(part, temperature)
    found = best.masked_fill(part.ids != tokens[:, None], float("-inf")).amax(-1) if len(tokens) else best.new_zeros(0)
    return found.new_zeros(groups).index_add(0, of, found)


def sorted_gap(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """L1 distance of the two sorted by size, the shorter filled with zeros: values (n,), derivative (n, V)."""
    mine, order = student.sort(-1, descending=True)
    theirs = teacher.sort(-1, descending=True).values
    common = min(mine.shape[1], theirs.shape[1])
    gap = mine[:, :common] - theirs[:, :common]
    slope = torch.ones_like(mine)
    slope[:, :common] = gap.sign()
    values = gap.abs().sum(-1) + mine[:, common:].sum(-1) + theirs[:, common:].sum(-1)
    return values, torch.empty_like(slope).scatter_(1, order, slope)


def jensen_shannon(student: Tensor, teacher: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """beta t log(t/m) + (1 - beta) s log(s/m) with m = beta t + (1 - beta) s, each outcome for itself: terms and
    derivative by s. It is not negative for distributions that do not sum to 1 either.
    """
    tiny = torch.finfo(student.dtype).tiny
    middle = torch.lerp(student, teacher, beta).clamp_min(tiny).log()
    own = student.clamp_min(tiny).log() - middle
    terms = beta * teacher * (teacher.clamp_min(tiny).log() - middle) + (1 - beta) * student * own
    return terms, own * (1 - beta)


def shared_or_all(shared: Shared | None, mine: int, theirs: int, device: torch.device) -> Shared:
    """The tokens of both vocabularies; where both sides have one tokenizer, all that both matrices have."""
    if shared is not None:
        return shared
    common = torch.arange(min(mine, theirs), device=device)
    return Shared(common, common, theirs)
