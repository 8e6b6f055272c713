"""Merged distributions against a teacher's k likeliest tokens: shared ones as themselves, the others by rank.

Enters: the student's merged distributions, what is known of the teacher's. Leaves: values and derivative. The teacher's
other tokens, and those of the student that are neither compared by name nor by rank, are one more outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from imbik.train.merged import jensen_shannon

if TYPE_CHECKING:
    from torch import Tensor

    from imbik.train.losses import Shared
    from imbik.train.merged import Said


def ranked_gap(
    student: Tensor,
    product: Tensor,
    said: Said,
    shared: Shared | None,
    *,
    beta: float,
    matched: float,
    unmatched: float,
) -> tuple[Tensor, Tensor]:
    """`student` (n, V) sums to `product` (n,). Values (n,): matched * JSD of shared tokens + unmatched * (L1 of the
    others by rank + |what is left of both|), and the derivative by the student's (n, V).
    """
    assert said.ids is not None
    assert said.others is not None
    width = student.shape[1]
    names = _names(said.ids, shared, width)
    exact = names < width
    padded = torch.nn.functional.pad(student, (0, 1))  # a last column for what has no name here
    named = padded.gather(1, names)
    terms, by_name = jensen_shannon(named, said.probabilities, beta)
    theirs, _ = said.probabilities.masked_fill(exact, 0.0).sort(-1, descending=True)
    free = padded[:, :width] if shared is None else student.index_fill(1, shared.mine, -1.0)
    ranks = min(theirs.shape[1], width)
    mine, order = free.topk(ranks, -1)
    ranked = (torch.arange(ranks, device=student.device) < (~exact).sum(-1, keepdim=True)) & (mine >= 0)
    gap = (mine - theirs[:, :ranks]).where(ranked, 0.0)
    left = product - (named * exact).sum(-1) - (mine * ranked).sum(-1)
    last = left - said.others[:, 0]
    silent = (theirs.sum(-1) - (theirs[:, :ranks] * ranked).sum(-1)).clamp_min(0.0)  # ranks the student lacks
    values = matched * (terms * exact).sum(-1) + unmatched * (gap.abs().sum(-1) + last.abs() + silent)
    slope = padded.new_zeros(padded.shape) + unmatched * last.sign()[:, None]
    slope.scatter_(1, order.where(ranked, width), unmatched * gap.sign())
    slope.scatter_(1, names, matched * by_name)
    return values, slope[:, :width].contiguous()


def _names(ids: Tensor, shared: Shared | None, width: int) -> Tensor:
    """The student's id of each of the teacher's tokens (n, k); `width` where it has none."""
    if shared is None:
        return torch.full_like(ids, width)
    highest = int(max(int(ids.max()), int(shared.theirs.max()) if len(shared.theirs) else 0))
    table = torch.full((highest + 1,), width, dtype=torch.long, device=ids.device)
    table[shared.theirs] = shared.mine
    return table[ids]
