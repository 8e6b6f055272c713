"""Which sums of losses one kernel computes on a card, and the call of it.

Enters: the losses of a recipe's sum, the student's products with its head and a teacher's beside it. Leaves: values,
and the gradient where the student's products were. A loss takes part by a method `fused` of its own class that names
its formula; a sum with any other loss, a head with a bias, a teacher known otherwise than whole, go the general way of
`train.chunked`, which is the same arithmetic in several passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from imbik.train.losses import Fused, TokenLoss

if TYPE_CHECKING:
    from imbik.models.head import OutputHead

TEXT = "cross_entropy"
# Divergences the kernel has, in its numbering from 1.
DIVERGENCES = ("forward_kl", "reverse_kl", "jsd", "skew_kl", "skew_reverse_kl", "tvd")
_FORMATS = (torch.bfloat16, torch.float16, torch.float32)
_BLOCK, _WARPS = 4096, 8


@dataclass(frozen=True)
class Plan:
    """A sum that the kernel computes: how much the text counts, and one divergence from a teacher (or none)."""

    text: float = 0.0
    weight: float = 0.0
    formula: Fused | None = None

    @property
    def kind(self) -> int:
        """The kernel's number of the divergence; 0 where there is none."""
        return 0 if self.formula is None else DIVERGENCES.index(self.formula.name) + 1


def plan(terms: Sequence[tuple[float, TokenLoss]]) -> Plan | None:
    """The plan of a weighted sum; None where the kernel cannot compute it."""
    made = Plan()
    for weight, loss in terms:
        formula: Fused | None = loss.fused() if "fused" in vars(type(loss)) else None  # type: ignore[attr-defined]
        if formula is None:
            return None
        if formula.name == TEXT and not made.text:
            made = replace(made, text=weight)
        elif formula.name in DIVERGENCES and made.formula is None:
            made = replace(made, weight=weight, formula=formula)
        else:
            return None
    return made if terms else None


def fits(products: Tensor, head: OutputHead) -> bool:
    """Whether products of a head can be given to the kernel, on a card where it runs."""
    return products.is_cuda and products.dtype in _FORMATS and head.bias is None and not why_not()


@cache
def why_not() -> str:
    """Why the kernel does not run on this machine's card (Triton, or the C compiler it calls, is missing); or nothing.

    Tried on one row, once a process.
    """
    from imbik.models.head import OutputHead

    if find_spec("triton") is None:
        return "Triton is not installed"
    row = torch.zeros(1, 8, device="cuda")
    label = torch.zeros(1, dtype=torch.long, device="cuda")
    try:
        learn(row, OutputHead(row), label, None, Plan(text=1.0))
    except Exception as error:  # whatever Triton's compiler, its launcher or the driver raise
        return str(error).strip().split("\n")[0][:200] or type(error).__name__
    return ""


def learn(
    own: Tensor,
    head: OutputHead,
    labels: Tensor,
    counts: Tensor | None,
    made: Plan,
    theirs: tuple[Tensor, OutputHead] | None = None,
    *,
    block: int = _BLOCK,
) -> Tensor:
    """Values (n,) of the sum over rows of products `own` (n, V), which become the gradient by them.

    `theirs` are the teacher's products (n, V of the teacher) and its head, where the plan has a divergence.
    """
    from imbik.train.kernels import learn_rows

    products, their_head = (own, head) if theirs is None else theirs
    formula = made.formula or Fused(TEXT)
    values = torch.empty(len(own), dtype=torch.float32, device=own.device)
    kernel: Any = learn_rows
    with torch.cuda.device_of(own):  # type: ignore[no-untyped-call]
        kernel[(len(own),)](
            own, own.stride(0), products, products.stride(0), labels, labels if counts is None else counts, values,
            float(head.scale), head.soft_cap or 1.0, float(their_head.scale), their_head.soft_cap or 1.0,
            formula.temperature, formula.parameter, made.text, made.weight,
            width=own.shape[1], common=min(own.shape[1], products.shape[1]), kind=made.kind, text=made.text > 0,
            counted=counts is not None, capped=bool(head.soft_cap), theirs_capped=bool(their_head.soft_cap),
            block=block, num_warps=_WARPS,
        )  # fmt: skip
    return values
