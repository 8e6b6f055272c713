"""Forward KL between the teacher's captured distribution and the student's, with temperature.

KL(teacher || student) in nats times T squared (Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural
Network", arXiv:1503.02531). The teacher is known by its k best tokens; what is done about the rest is `tail`:

- `bucket` (default): the rest is one more outcome on both sides. The temperature acts on these k + 1 outcomes,
  q ~ p^(1/T). By the data-processing inequality the result is a lower bound of the full KL, and with k = vocabulary
  it is the full KL. Cutting the tail off instead would pull the student towards too sharp distributions (Anshumann et
  al. 2025, "Sparse Logit Sampling", arXiv:2503.16870).
- `renormalise`: the two distributions given that the token is one of the k; nothing is said about the rest.

Both are 0 exactly when the student agrees with the teacher.

Of a `Sampled` teacher, -sum w log s minus the teacher's entropy: its expectation, value and gradient, is the KL over
all tokens, for it is linear in p. (Without a known entropy it is the cross-entropy between the two: same gradient.) A
temperature other than 1 is not linear in p, so it has no unbiased estimate, nor have the other divergences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from imbik.core.errors import RecipeError
from imbik.train.divergence import DivergenceSettings, divergence, of_ids, outcomes, rest
from imbik.train.losses import DISTRIBUTIONS, Full, Fused, Known, Sampled, Signals, TokenTerm, TopK

if TYPE_CHECKING:
    from torch import Tensor


class ForwardKL:
    """T^2 KL(teacher || student) over the teacher's k best tokens and the rest."""

    class Settings(DivergenceSettings):
        """Weight, temperature and what becomes of the unknown tail."""

    version = 1
    needs = frozenset({DISTRIBUTIONS})

    def __init__(self, settings: ForwardKL.Settings) -> None:
        self.weight = settings.weight
        self.settings = settings
        self.temperature = settings.temperature
        self.bucket = settings.tail == "bucket"

    def value(self, signals: Signals) -> Tensor:
        """Mean over the global batch's learned tokens, in nats, times T squared."""
        from imbik.train.chunked import token_losses

        return token_losses(signals, [(1.0, self)])

    def of_logits(self, logits: Tensor, labels: Tensor, teacher: Known | None) -> TokenTerm:  # noqa: ARG002
        """Values and gradient; the k + 1 outcomes have logits [z at the k ids, logsumexp of the other z]."""
        import torch

        if isinstance(teacher, Full):
            return divergence(logits, teacher, self.settings, self._formula)
        if isinstance(teacher, Sampled):
            return self._sampled(logits, teacher)
        assert isinstance(teacher, TopK)
        spoken = teacher.logprobs[:, :1] > float("-inf")  # rows the teacher could not read teach by other losses
        known, wanted = outcomes(logits, teacher)
        tail = self.bucket and teacher.ids.shape[1] < logits.shape[1]
        others = logits.scatter(1, teacher.ids, float("-inf")) if tail else None
        if others is not None:
            known = torch.cat([known, torch.logsumexp(others, -1, keepdim=True)], 1)
            wanted = torch.cat([wanted, rest(wanted)], 1)
        student = torch.log_softmax(known / self.temperature, -1)
        target = torch.log_softmax(wanted.where(spoken, 0.0) / self.temperature, -1)
        share = target.exp()
        # 0 log 0 = 0: a teacher that leaves nothing for the tail
        values = torch.where(share > 0, share * (target - student), 0.0).sum(-1) * self.temperature**2
        values = values.where(spoken[:, 0], 0.0)
        outer = ((student.exp() - share) * self.temperature).where(spoken, 0.0)
        gradient = torch.zeros_like(logits) if others is None else torch.softmax(others, -1).mul_(outer[:, -1:])
        gradient.scatter_(1, teacher.ids, of_ids(outer[:, : teacher.ids.shape[1]], teacher))
        return TokenTerm(values, gradient)

    def fused(self) -> Fused:
        """The same on a card, over whole logits of a teacher."""
        return Fused("forward_kl", 0.0, self.settings.temperature)

    def _sampled(self, logits: Tensor, teacher: Sampled) -> TokenTerm:
        """By the logits: s times the sum of the weights, less the weights."""
        import torch

        if self.temperature != 1.0:
            raise RecipeError(
                "a sampled teacher has no unbiased loss at a temperature other than 1",
                where="train.losses: forward_kl",
                next="leave temperature out, or capture top-k instead",
            )
        weights = teacher.weights.to(logits.dtype)
        student = torch.log_softmax(logits, -1)
        values = -(weights * student.gather(1, teacher.ids)).sum(-1)
        if teacher.entropy is not None:
            values = values - teacher.entropy.to(logits.dtype).where(weights.any(-1), 0.0)
        gradient = student.exp_().mul_(weights.sum(-1, keepdim=True)).scatter_add_(1, teacher.ids, -weights)
        return TokenTerm(values, gradient)

    def _formula(self, student: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """p log(p/s); by log s: -p."""
        share = target.exp()
        gap = (target - student).mul_(share)
        # 0 log 0 = 0: a teacher that rules a token out
        return gap.masked_fill_(share == 0, 0.0).sum(-1), share.neg_()
