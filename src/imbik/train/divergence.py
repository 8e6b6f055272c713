"""Divergences between student and teacher, token by token: the formula of a loss, over any form of the teacher.

Enters: a block of the student's logits and what is known of the teacher (`TopK` or `Full`). Leaves: values and the
gradient by the logits. A loss gives only a `Formula` over m outcomes; this module makes the outcomes:

- whole logits of the teacher: every token is an outcome, but for rows that one of the two vocabularies is padded with;
- top-k with `bucket`: the k tokens, and all others as one more outcome on both sides;
- top-k with `renormalise`: the two distributions given that the token is one of the k.

The temperature T acts on the outcomes, and value and gradient carry its square (Hinton et al. 2015, arXiv:1503.02531).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

from pydantic import Field

from imbik.core.errors import RecipeError
from imbik.core.plugins import PluginSettings
from imbik.train.losses import Full, Known, Sampled, TokenTerm, TopK

if TYPE_CHECKING:
    from torch import Tensor

_ROUNDING = 1e-6
_NEVER = -1e30  # the logit of what cannot be, finite so that no difference of two is undefined

# Log-probabilities of student and teacher (n, m) -> values (n,) and their derivative by the student's
# log-probabilities (n, m), each outcome taken for itself; the derivative is a new tensor, what it was given stays.
Formula: TypeAlias = "Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]"


class DivergenceSettings(PluginSettings):
    """How much a divergence counts, how soft the distributions are made, what becomes of the unknown tail."""

    weight: float = Field(1.0, gt=0, description="factor of this loss in the weighted sum")
    temperature: float = Field(1.0, gt=0, description="divides both sides' logits; the result carries its square")
    tail: Literal["bucket", "renormalise"] = Field(
        "bucket", description="tokens beyond the k captured: one common outcome, or left out on both sides"
    )


def divergence(logits: Tensor, teacher: Known | None, settings: DivergenceSettings, formula: Formula) -> TokenTerm:
    """Values (n,) in nats times T squared and their gradient by `logits` (n, vocabulary)."""
    if isinstance(teacher, Full):
        return _whole(logits, teacher.logits.to(logits.dtype), settings.temperature, formula)
    if isinstance(teacher, Sampled):
        raise RecipeError(
            "a sampled teacher has an unbiased estimate of losses linear in its probabilities only",
            where="train.losses",
            next="use forward_kl at temperature 1, or capture top-k instead",
        )
    assert isinstance(teacher, TopK)
    return _top_k(logits, teacher, settings, formula)


def _whole(logits: Tensor, theirs: Tensor, temperature: float, formula: Formula) -> TokenTerm:
    """Over all tokens both sides have: rows that one vocabulary is padded with are left out, the rest renormalised."""
    import torch

    common = min(logits.shape[1], theirs.shape[1])
    term = _outer(logits[:, :common], theirs[:, :common], temperature, formula)
    padding = logits.shape[1] - common
    return TokenTerm(term.values, torch.nn.functional.pad(term.gradient, (0, padding)) if padding else term.gradient)


def _outer(scores: Tensor, wanted: Tensor, temperature: float, formula: Formula) -> TokenTerm:
    """Over outcomes with unnormalised log-probabilities (n, m): values, and gradient by the student's."""
    import torch

    if temperature != 1.0:
        scores, wanted = scores / temperature, wanted / temperature
    student = torch.log_softmax(scores, -1)
    values, slope = formula(student, torch.log_softmax(wanted, -1))
    # by the logits of a softmax: slope minus the probabilities times its sum; one of the two T of T^2 is divided away
    gradient = slope.addcmul_(student.exp_(), slope.sum(-1, keepdim=True), value=-1)
    if temperature != 1.0:
        values, gradient = values * temperature**2, gradient.mul_(temperature)
    return TokenTerm(values, gradient)


def _top_k(logits: Tensor, teacher: TopK, settings: DivergenceSettings, formula: Formula) -> TokenTerm:
    """The k tokens, and with `bucket` the logsumexp of all others, are the outcomes."""
    import torch

    k = teacher.ids.shape[1]
    spoken = teacher.logprobs[:, :1] > float("-inf")  # rows the teacher could not read teach by other losses
    known, wanted = outcomes(logits, teacher)
    tail = settings.tail == "bucket" and k < logits.shape[1]
    others = logits.scatter(1, teacher.ids, float("-inf")) if tail else None
    if others is not None:
        known = torch.cat([known, torch.logsumexp(others, -1, keepdim=True)], 1)
        wanted = torch.cat([wanted, rest(wanted)], 1)
    values, outer = _outer(known, wanted.where(spoken, 0.0), settings.temperature, formula)
    outer = outer.where(spoken, 0.0)
    gradient = torch.zeros_like(logits) if others is None else torch.softmax(others, -1).mul_(outer[:, -1:])
    gradient.scatter_(1, teacher.ids, of_ids(outer[:, :k], teacher))
    return TokenTerm(values.where(spoken[:, 0], 0.0), gradient)


def outcomes(logits: Tensor, teacher: TopK) -> tuple[Tensor, Tensor]:
    """The student's logits and the teacher's log-probabilities of the k tokens, (n, k); no outcome is none to both."""
    known, wanted = logits.gather(1, teacher.ids), teacher.logprobs.to(logits.dtype)
    if teacher.known is None:
        return known, wanted
    return known.where(teacher.known, _NEVER), wanted.where(teacher.known, _NEVER)


def of_ids(slopes: Tensor, teacher: TopK) -> Tensor:
    """Gradients by outcome (n, k) as they belong to `teacher.ids`: where there is no outcome, that of the first."""
    return slopes if teacher.known is None else slopes.where(teacher.known, slopes[:, :1])


def rest(logprobs: Tensor) -> Tensor:
    """log(1 - sum of the known probabilities); what is below rounding error counts as nothing, -inf; (n, 1)."""
    import torch

    left = 1.0 - logprobs.double().exp().sum(-1, keepdim=True)
    return torch.where(left > _ROUNDING, left, 0.0).log().to(logprobs.dtype)
