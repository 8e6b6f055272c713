"""The student as training sees it: rows in, the loss out, adapters and data-parallel wrappers around the whole.

Enters: a network (bare, or with adapters) and weighted losses. Leaves: one scalar a micro-batch. Only the network's
body runs; its head is applied by the losses, block by block, at learned positions alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from imbik.models.head import head_of
from imbik.train.chunked import token_losses
from imbik.train.losses import DISTRIBUTIONS, Loss, Signals, Teacher, TokenLoss, TopK

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from imbik.train.tutor import Tutor


def bare(network: nn.Module) -> PreTrainedModel:
    """The transformers model inside adapters; adapters live in its layers, so running it runs them."""
    inner: Any = network.get_base_model() if hasattr(network, "get_base_model") else network  # type: ignore[operator]
    return inner  # type: ignore[no-any-return]


class StudentModule(nn.Module):
    """`forward` takes a micro-batch and gives the weighted sum of its losses."""

    def __init__(self, network: nn.Module, losses: Sequence[Loss], tutor: Tutor | None = None) -> None:
        """`tutor` is a teacher that reads every micro-batch beside the student."""
        super().__init__()
        self.tutor = tutor
        self.network = network
        self.losses = tuple(losses)
        self.head = head_of(network)  # type: ignore[arg-type]

    def forward(
        self,
        ids: Tensor,
        positions: Tensor | None,
        places: Tensor,
        labels: Tensor,
        weights: Tensor | None,
        teacher_ids: Tensor | None,
        teacher_logprobs: Tensor | None,
        tokens: Tensor,
    ) -> Tensor:
        """Sum of the losses at `places` divided by `tokens`, the learned tokens of the global batch; see MicroBatch."""
        hidden = hidden_states(self.network, ids, positions)
        chosen = hidden.flatten(0, 1).index_select(0, places)
        teacher: Teacher | None = None
        wanted = any(DISTRIBUTIONS in loss.needs for loss in self.losses)
        if teacher_ids is not None and teacher_logprobs is not None:
            teacher = TopK(teacher_ids, teacher_logprobs)
        elif wanted and self.tutor is not None:
            teacher = self.tutor.read(ids, positions, places)
        elif wanted:
            # None of these rows could be read by the teacher.
            column = labels.clamp_min(0)[:, None]
            teacher = TopK(column, torch.full_like(column, float("-inf"), dtype=torch.float32))
        return total(self.losses, Signals(chosen, self.head, labels, tokens, teacher, weights))


def hidden_states(network: nn.Module, ids: Tensor, positions: Tensor | None) -> Tensor:
    """Final hidden states (B, S, H), after the last norm."""
    model = bare(network)
    body: Any = getattr(model, model.base_model_prefix)
    extra = {} if positions is None else {"position_ids": positions}
    output = body(input_ids=ids, attention_mask=None, use_cache=False, **extra)
    hidden: Tensor = output.last_hidden_state
    return hidden


def total(losses: Sequence[Loss], signals: Signals) -> Tensor:
    """The weighted sum; losses of each token's own logits share one pass over the vocabulary."""
    shared = [(loss.weight, loss) for loss in losses if isinstance(loss, TokenLoss)]
    parts = [loss.value(signals) * loss.weight for loss in losses if not isinstance(loss, TokenLoss)]
    if shared:
        parts.append(token_losses(signals, shared))
    return torch.stack(parts).sum() if len(parts) > 1 else parts[0]


def trainable(module: nn.Module) -> dict[str, Tensor]:
    """The weights that learn, by name."""
    return {name: p.detach() for name, p in module.named_parameters() if p.requires_grad}


def load_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights into a module, as `trainable` named them."""
    own = dict(module.named_parameters())
    with torch.no_grad():
        for name, tensor in weights.items():
            own[name].copy_(tensor)
