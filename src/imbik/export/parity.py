"""The parity gate: an exported model must give the trained student's logits, or it is not handed over.

Enters: the student, a written format and prompts of held-out rows. Leaves: the measured deviation, or an error that
names it. Exports that answer differently from what was trained are the commonest silent failure of the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.core.errors import ImbikError, ModelError
from imbik.core.types import Record, Task
from imbik.export.formats import Format

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imbik.models.model import LanguageModel

ROWS = 16


class Parity(Record, frozen=True, kw_only=True):
    """How far an export is from the student: largest logit deviation as a share of the largest logit, and how often
    both put the same token first."""

    deviation: float
    tolerance: float
    same_first: float
    positions: int


def prompts_of(model: LanguageModel, tasks: Sequence[Task]) -> list[list[int]]:
    """Token ids of the first tasks that fit the student's context."""
    from imbik.models.tokens import encode_task_prompt

    found = (encode_task_prompt(model.tokenizer, task) for task in tasks)
    return [ids for ids in (next(found, []) for _ in range(4 * ROWS)) if 0 < len(ids) <= model.context][:ROWS]


def student_logits(model: LanguageModel, prompts: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
    """The trained student's own logits, (length, vocabulary) for each prompt."""
    import torch

    with torch.inference_mode():
        return [model.network(torch.tensor([list(ids)])).logits[0].float().numpy() for ids in prompts]


def compare(expected: Sequence[NDArray[np.float32]], found: Sequence[NDArray[np.float32]], tolerance: float) -> Parity:
    """The deviation over all positions; vocabularies of another width are compared where both have rows."""
    import numpy as np

    worst, largest, same, positions = 0.0, 1e-9, 0, 0
    for left, right in zip(expected, found, strict=True):
        width = min(left.shape[1], right.shape[1])
        left, right = left[:, :width], right[:, :width]
        apart = np.abs(left - right).max()
        worst = max(worst, float(apart) if np.isfinite(apart) else float("inf"))
        largest = max(largest, float(np.abs(left).max()))
        same += int((left.argmax(axis=1) == right.argmax(axis=1)).sum())
        positions += len(left)
    return Parity(
        deviation=worst / largest, tolerance=tolerance, same_first=same / max(positions, 1), positions=positions
    )


def prove(
    form: Format, folder: Path, prompts: Sequence[Sequence[int]], expected: Sequence[NDArray[np.float32]]
) -> Parity:
    """Compare a written folder with the student.

    Raises: ImbikError when the deviation is beyond the format's tolerance (or not a number).
    """
    parity = compare(expected, form.logits(folder, prompts), form.tolerance)
    if not parity.deviation <= parity.tolerance:
        raise ImbikError(
            f"the exported model does not answer as the trained student: logits deviate by {parity.deviation:.2%} of "
            f"the largest (allowed {parity.tolerance:.2%}), the same token comes first at {parity.same_first:.1%}",
            where=str(folder),
            next="the export is not handed over; choose another precision or format, and please report this",
        )
    return parity


def prove_tokenizer(model: LanguageModel, folder: Path, tasks: Sequence[Task]) -> None:
    """The tokenizer in the folder must give the student's own token ids.

    Raises: ModelError naming the first task whose ids differ.
    """
    from imbik.models.load import load_tokenizer
    from imbik.models.tokens import encode_task_prompt

    found = load_tokenizer(folder)
    for task in tasks[:ROWS]:
        if encode_task_prompt(found, task) != encode_task_prompt(model.tokenizer, task):
            raise ModelError(
                f"the exported tokenizer reads row {task.id} differently from the student's",
                where=str(folder),
                next="the export is not handed over; please report this with the tokenizer's files",
            )
