"""What both sides' layers say at the learned positions, and which layer is held against which.

Enters: what was heard of a forward pass (`models.layers.Heard`), the positions of a micro-batch. Leaves: `Layers`, in a
form that does not depend on how rows were packed; a layer map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from imbik.core.errors import RecipeError

if TYPE_CHECKING:
    from torch import Tensor

    from imbik.models.layers import Heard

Pairs = tuple[tuple[int, int], ...]
LayerMap = Literal["uniform", "last"] | list[tuple[int, int]]
MAP = (
    "which of the student's layers is held against which of the teacher's: uniform (each against one as deep), last, "
    "or pairs [[1, 4], [2, 8]]; layers count from 1, 0 is what goes into the first"
)


@dataclass(frozen=True)
class Layers:
    """One side's layers in a micro-batch with N learned positions.

    hidden: L + 1 of (N, H); attention: L of (N, heads, S), 0 at what is not visible; queries, keys, values: L of
    (B, S, D); places: (N,) of the flattened (B, S); visible: (N, S) the tokens of the own row up to the position.
    """

    hidden: tuple[Tensor, ...]
    attention: tuple[Tensor, ...]
    queries: tuple[Tensor, ...]
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    places: Tensor
    visible: Tensor


def at_places(heard: Heard, places: Tensor, positions: Tensor | None, shape: tuple[int, int]) -> Layers:
    """What was heard at `places` of the flattened (B, S) = `shape`."""
    visible = visible_from(places, positions, shape)
    line, column = places // shape[1], places % shape[1]
    return Layers(
        hidden=tuple(tensor.flatten(0, 1).index_select(0, places) for tensor in heard.hidden),
        attention=tuple(tensor[line, :, column] * visible[:, None] for tensor in heard.attention),
        queries=tuple(heard.queries),
        keys=tuple(heard.keys),
        values=tuple(heard.values),
        places=places,
        visible=visible,
    )


def visible_from(places: Tensor, positions: Tensor | None, shape: tuple[int, int]) -> Tensor:
    """(N, S): the tokens that each place sees: of its own row, up to itself."""
    import torch

    line, column = places // shape[1], places % shape[1]
    keys = torch.arange(shape[1], device=places.device)
    seen = keys[None] <= column[:, None]
    if positions is None:
        return seen
    first = column - positions[line, column]  # where the place's own row begins in its line
    return seen & (keys[None] >= first[:, None])


def layer_pairs(wanted: LayerMap, student: int, teacher: int) -> Pairs:
    """(student's layer, teacher's layer) for models of so many layers.

    Raises: RecipeError for a layer that is not there.
    """
    if wanted == "last":
        return ((student, teacher),)
    if wanted == "uniform":
        return tuple((layer, round(layer * teacher / student)) for layer in range(1, student + 1))
    for own, other in wanted:
        for number, most, whose in ((own, student, "student"), (other, teacher, "teacher")):
            if not 0 <= number <= most:
                raise RecipeError(
                    f"the {whose} has no layer {number}: it has layers 1 to {most} (0 is what goes into the first)",
                    where="train.losses",
                    next="correct `layers:`, or write layers: uniform",
                )
    return tuple((own, other) for own, other in wanted)
