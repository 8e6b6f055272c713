"""Forward KL between the teacher's captured distribution and the student's, with temperature.

KL(teacher || student) in nats times T squared (Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural
Network", arXiv:1503.02531). The teacher is known by its k best tokens; what is done about the rest is `tail`:

- `bucket` (default): the rest is one more outcome on both sides. The temperature acts on these k + 1 outcomes,
  q ~ p^(1/T). By the data-processing inequality the result is a lower bound of the full KL, and with k = vocabulary
  it is the full KL. Cutting the tail off instead would pull the student towards too sharp distributions (Anshumann et
  al. 2025, "Sparse Logit Sampling", arXiv:2503.16870).
- `renormalise`: the two distributions given that the token is one of the k; nothing is said about the rest.

Both are 0 exactly when the student agrees with the teacher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.train.losses import DISTRIBUTIONS, Full, Known, Signals, TokenTerm, TopK

if TYPE_CHECKING:
    from torch import Tensor

_ROUNDING = 1e-6


class ForwardKL:
    """T^2 KL(teacher || student) over the teacher's k best tokens and the rest."""

    class Settings(PluginSettings):
        """How much this loss counts, how soft the distributions are made, what becomes of the unknown tail."""

        weight: float = Field(1.0, gt=0, description="factor of this loss in the weighted sum")
        temperature: float = Field(1.0, gt=0, description="divides both sides' logits; the result carries its square")
        tail: Literal["bucket", "renormalise"] = Field(
            "bucket", description="tokens beyond the k captured: one common outcome, or left out on both sides"
        )

    version = 1
    needs = frozenset({DISTRIBUTIONS})

    def __init__(self, settings: ForwardKL.Settings) -> None:
        self.weight = settings.weight
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
            return self._full(logits, teacher.logits)
        assert isinstance(teacher, TopK)
        spoken = teacher.logprobs[:, :1] > float("-inf")  # rows the teacher could not read teach by other losses
        known = logits.gather(1, teacher.ids)
        wanted = teacher.logprobs.to(logits.dtype)
        tail = self.bucket and teacher.ids.shape[1] < logits.shape[1]
        others = logits.scatter(1, teacher.ids, float("-inf")) if tail else None
        if others is not None:
            known = torch.cat([known, torch.logsumexp(others, -1, keepdim=True)], 1)
            wanted = torch.cat([wanted, _rest(wanted)], 1)
        student = torch.log_softmax(known / self.temperature, -1)
        target = torch.log_softmax(wanted.where(spoken, 0.0) / self.temperature, -1)
        share = target.exp()
        # 0 log 0 = 0: a teacher that leaves nothing for the tail
        values = torch.where(share > 0, share * (target - student), 0.0).sum(-1) * self.temperature**2
        values = values.where(spoken[:, 0], 0.0)
        outer = ((student.exp() - share) * self.temperature).where(spoken, 0.0)
        gradient = torch.zeros_like(logits) if others is None else torch.softmax(others, -1).mul_(outer[:, -1:])
        gradient.scatter_(1, teacher.ids, outer[:, : teacher.ids.shape[1]])
        return TokenTerm(values, gradient)

    def _full(self, logits: Tensor, theirs: Tensor) -> TokenTerm:
        """Both sides known whole: KL(p || s) with p and s at the temperature; by z: T (s - p)."""
        import torch

        student = torch.log_softmax(logits / self.temperature, -1)
        target = torch.log_softmax(theirs.to(logits.dtype) / self.temperature, -1)
        share = target.exp()
        # 0 log 0 = 0: a teacher that rules a token out
        values = torch.where(share > 0, share * (target - student), 0.0).sum(-1) * self.temperature**2
        return TokenTerm(values, student.exp_().sub_(share).mul_(self.temperature))


def _rest(logprobs: Tensor) -> Tensor:
    """log(1 - sum of the known probabilities); what is below rounding error counts as nothing, -inf; (n, 1)."""
    import torch

    left = 1.0 - logprobs.double().exp().sum(-1, keepdim=True)
    return torch.where(left > _ROUNDING, left, 0.0).log().to(logprobs.dtype)
