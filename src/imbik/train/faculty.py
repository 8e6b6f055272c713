"""Several teachers beside the student: which of them reads a row, how much each counts, how they are put together.

Enters: `train.teachers` (weights, tags), the tags of rows, micro-batches. Leaves: what the losses are given: the mean
of the teachers' distributions (`combine: distributions`), or each teacher for itself with the share of the loss that
it decides (`combine: losses`). A teacher reads only the lines of a micro-batch that hold rows of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from imbik.recipe.training import Combine, TeacherShare
from imbik.train.losses import Blend, Dense, Teacher

if TYPE_CHECKING:
    from torch import Tensor

    from imbik.train.rows import Row
    from imbik.train.tutor import Tutor


class View(NamedTuple):
    """What losses compare with, and how much of each of the N tokens it decides (N,)."""

    teacher: Teacher
    share: Tensor


def shares_of(teachers: Mapping[str, TeacherShare], tags: Collection[str]) -> tuple[float, ...]:
    """How much each teacher counts at a row with these tags, in the recipe's order; they sum to 1, or all are 0.

    Teachers with one of the row's tags read it; where there is none, those without tags.
    """
    tagged = [bool(set(share.tags) & set(tags)) for share in teachers.values()]
    reading = tagged if any(tagged) else [not share.tags for share in teachers.values()]
    weights = [share.weight if reads else 0.0 for share, reads in zip(teachers.values(), reading, strict=True)]
    whole = sum(weights)
    return tuple(weight / whole if whole else 0.0 for weight in weights)


def routed(
    rows: Sequence[Row], teachers: Mapping[str, TeacherShare], tags: Mapping[str, Collection[str]]
) -> Sequence[Row]:
    """Rows with the shares of the teachers by the tags of their tasks; as they are where there are none."""
    return [replace(row, mix=shares_of(teachers, tags[row.id])) for row in rows] if teachers else rows


@dataclass(frozen=True)
class Faculty:
    """Tutors in the recipe's order."""

    tutors: Sequence[Tutor]
    combine: Combine

    def views(self, ids: Tensor, positions: Tensor | None, places: Tensor, mix: Tensor) -> list[View]:
        """What is said at `places` (N,) of the flattened (B, S) of a micro-batch; `mix` (N, K) says by whom."""
        said = [self._read(tutor, ids, positions, places, mix[:, at] > 0) for at, tutor in enumerate(self.tutors)]
        spoken = [(at, teacher) for at, teacher in enumerate(said) if teacher is not None]
        if not spoken:
            return []
        if self.combine == "losses":
            return [View(teacher, mix[:, at]) for at, teacher in spoken]
        shares = mix[:, [at for at, _ in spoken]]
        claimed = shares.sum(-1, keepdim=True) > 0
        mean = Blend(tuple(one for _, one in spoken), shares.where(claimed, 1 / len(spoken)))
        return [View(mean, claimed[:, 0].to(mix.dtype))]

    def _read(
        self, tutor: Tutor, ids: Tensor, positions: Tensor | None, places: Tensor, wanted: Tensor
    ) -> Dense | None:
        """What a teacher says at the places that are wanted, zeros at the others; None where none is."""
        import torch

        if not bool(wanted.any()):
            return None
        width = ids.shape[1]
        lines, line_of = torch.unique(places[wanted] // width, return_inverse=True)
        own = line_of * width + places[wanted] % width
        said, _ = tutor.read(ids[lines], None if positions is None else positions[lines], own)
        hidden = said.hidden.new_zeros(len(places), said.hidden.shape[1])
        hidden[wanted.to(hidden.device)] = said.hidden
        return Dense(hidden, said.head)
