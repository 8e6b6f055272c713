"""How good the student is on its validation rows: loss, and what greedy decoding would get right.

Enters: the student's module, rows, losses. Leaves: a `Validation`. A row's completion is decoded exactly by greedy
decoding when, under teacher forcing, every learned token is the likeliest one, so nothing has to be generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from imbik.core.types import Record
from imbik.train.batches import MicroBatch, lay_out
from imbik.train.losses import Loss
from imbik.train.module import StudentModule, hidden_states
from imbik.train.precision import Precision, autocast
from imbik.train.rows import Row

if TYPE_CHECKING:
    from imbik.recipe.training import Metric

_BLOCK = 1024


class Validation(Record, frozen=True, kw_only=True):
    """`loss` in nats per learned token; shares of learned tokens and of whole rows that greedy decoding gets right."""

    loss: float
    token_accuracy: float | None = None
    exact_match: float | None = None

    def judged(self, metric: Metric) -> float:
        """What is to fall: the loss, or one minus a share."""
        share = {"token_accuracy": self.token_accuracy, "exact_match": self.exact_match}.get(metric)
        return self.loss if share is None else 1.0 - share


def validate(
    module: StudentModule,
    rows: Sequence[Row],
    losses: Sequence[Loss],
    *,
    size: int,
    precision: Precision,
    metric: Metric = "loss",
) -> Validation:
    """Over all rows, `size` at a time; the shares only where the metric asks for them."""
    device = next(module.parameters()).device
    own, module.losses = module.losses, tuple(losses)
    module.eval()
    ordered = sorted(rows, key=lambda row: len(row.ids))
    tokens = torch.tensor(float(sum(row.learned for row in ordered)), device=device)
    total, right, whole, count = 0.0, 0, 0, 0
    try:
        with torch.no_grad():
            for at in range(0, len(ordered), size):
                batch = lay_out(ordered[at : at + size], "padded")
                with autocast(device.type, precision):
                    total += float(module(**batch.tensors(device), tokens=tokens))
                    found = None if metric == "loss" else likeliest(module, batch, device)
                if found is not None:
                    parts = torch.split(found, [len(row.places) for row in ordered[at : at + size]])
                    right, count = right + int(found.sum()), count + len(found)
                    whole += sum(bool(part.all()) for part in parts)
    finally:
        module.train()
        module.losses = own
    if metric == "loss":
        return Validation(loss=total)
    return Validation(loss=total, token_accuracy=right / max(count, 1), exact_match=whole / len(ordered))


def likeliest(module: StudentModule, batch: MicroBatch, device: torch.device) -> Tensor:
    """(N,) whether each learned token is the likeliest at its place, the vocabulary a block of tokens at a time."""
    hidden = hidden_states(module.network, batch.ids.to(device), None)
    chosen = hidden.flatten(0, 1).index_select(0, batch.places.to(device))
    best = [module.head.logits(block).argmax(-1) for block in torch.split(chosen, _BLOCK)]
    return torch.cat(best).cpu() == batch.labels
