"""The rows whose distributions are captured: token ids, and the positions that predict a learned token.

Enters: kept samples of training and validation tasks, a tokenizer. Leaves: rows in order, with the sample that each is
made of; how many there were, why some cannot be, and the highest sensitivity met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from imbik.core.types import Sample, Sensitivity
from imbik.models.tokens import encode_row
from imbik.privacy.sensitivity import inherited
from imbik.stage import StageContext
from imbik.tasks.read import kind_of, read_samples

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

LEARNED = ("train", "validation")
TOO_LONG = "longer than the teacher's context"


class CaptureRow(NamedTuple):
    """A row on its way to the teacher: its ids and the positions that predict a learned token."""

    row: str
    ids: list[int]
    places: list[int]


class Wanted:
    """The rows to capture, in order, counting those that cannot be and noting the highest sensitivity met."""

    def __init__(self, context: StageContext, tokenizer: PreTrainedTokenizerFast, longest: int) -> None:
        self.context, self.tokenizer, self.longest = context, tokenizer, longest
        self.seen = 0
        self.reasons: Counter[str] = Counter()
        self.sensitivity = Sensitivity.PUBLIC
        self._kind = kind_of(context.recipe, context.run)

    def __iter__(self) -> Iterator[CaptureRow]:
        return (row for row, _ in self.with_samples())

    def with_samples(self) -> Iterator[tuple[CaptureRow, Sample]]:
        """The rows, each with the sample that it is made of."""
        for sample, name in read_samples(self.context.run, self.context.recipe):
            if name not in LEARNED:
                continue
            self.seen += 1
            self.sensitivity = inherited(self.sensitivity, sample.sensitivity)
            row = self._row(sample)
            if len(row.ids) > self.longest:
                self.reasons[TOO_LONG] += 1
            else:
                yield row, sample

    def _row(self, sample: Sample) -> CaptureRow:
        tasks = self.context.recipe.tasks
        encoded = encode_row(
            self.tokenizer,
            sample.task,
            self._kind.render(sample.reasoning, sample.answer, sample.task),
            turns=tasks.turns,
            loss_on=tasks.loss_on,
            class_tokens=_class_tokens(self.tokenizer),
        )
        return CaptureRow(sample.id, encoded.ids, [place for place, learned in enumerate(encoded.learn[1:]) if learned])


def _class_tokens(tokenizer: PreTrainedTokenizerFast) -> dict[str, int]:
    from imbik.models.content import class_tokens_of

    return class_tokens_of(tokenizer)
