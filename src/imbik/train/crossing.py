"""A teacher with another tokenizer: each row as the teacher reads it, and which tokens of both say the same bytes.

Enters: rows as the student learns them, the samples they are of, the teacher's tokenizer. Leaves: the same rows with
what the teacher is given (`OtherRow`), and the tensors of a micro-batch of them. The teacher reads a task by its own
chat template; only what the assistant says is held against each other. A row that the teacher cannot read, or of which
nothing aligns, is learned by the losses of its text alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imbik.core.types import Task
from imbik.models.content import class_tokens_of
from imbik.models.spans import Mark, Marked, encode_marked, written
from imbik.models.tokens import token_hash
from imbik.train.alignment import Group, aligned, shared_tokens
from imbik.train.losses import Shared

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

    from imbik.train.batches import Layout
    from imbik.train.rows import Encoding, Row, TeacherRow

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """Groups of tokens on one side, by places among its learned tokens: `last` (G,) ends each, `inner` (S,) stand
    before it in the group `of` (S,).
    """

    last: Indices
    inner: Indices
    of: Indices

    @classmethod
    def of_groups(cls, groups: Sequence[Sequence[int]], places: Indices) -> Runs:
        """Of groups of tokens by their place in the row; `places` are those before the learned ones."""
        number = {int(place) + 1: at for at, place in enumerate(places)}
        before = [(number[token], group) for group, tokens in enumerate(groups) for token in tokens[:-1]]
        last = np.array([number[tokens[-1]] for tokens in groups], dtype=np.int64)
        inner, of = (np.array([pair[side] for pair in before], dtype=np.int64) for side in (0, 1))
        return cls(last, inner, of)


@dataclass(frozen=True)
class OtherRow:
    """A row as the teacher reads it: `ids` (n,), `places` (M,) whose next token it is asked about, the groups on both
    sides. `recall` reads what was captured at those places.
    """

    ids: npt.NDArray[np.int32]
    places: Indices
    mine: Runs
    theirs: Runs
    recall: Callable[[], TeacherRow] | None = None

    @property
    def tokens(self) -> npt.NDArray[np.int32]:
        """The teacher's tokens after `places`, (M,)."""
        return self.ids[self.places + 1]

    @property
    def hash(self) -> str:
        """The hash by which captured logits answer to the teacher's token ids."""
        return token_hash(self.ids.tolist())


@dataclass(frozen=True)
class Crossing:
    """The teacher's side: its tokenizer, what that is known by, the longest row it can read in tokens."""

    tokenizer: PreTrainedTokenizerFast
    tokenizer_hash: str
    student: PreTrainedTokenizerFast
    longest: int

    def read(self, row: Row, task: Task, text: str, how: Encoding) -> Row:
        """The row with what the teacher is given, where it can read it and anything aligns."""
        own = encode_marked(
            how.tokenizer, task, text, turns=how.turns, loss_on=how.loss_on, class_tokens=how.class_tokens
        )
        labels = class_tokens_of(self.tokenizer)
        other = encode_marked(self.tokenizer, task, text, turns=how.turns, loss_on=how.loss_on, class_tokens=labels)
        if len(other.ids) > self.longest:
            return row
        return _crossed(row, own, other)

    def attempt(self, row: Row, task: Task) -> Row:
        """The student's own text after `row.prompt` tokens, with what the teacher is given of it."""
        said = written(self.student, task, row.ids[row.prompt :].tolist())
        if said is None:
            return row
        other = encode_marked(self.tokenizer, task, said.text, turns="last")
        if len(other.ids) > self.longest:
            return row
        last = max((mark.message for mark in other.marks if mark is not None), default=0)
        marks = [None if end is None else Mark(last, end) for end in said.ends]
        before: list[None] = [None] * row.prompt
        own = Marked(row.ids.tolist(), [True] * len(row.ids), [*before, *marks])
        return _crossed(row, own, other)

    def across(self, tasks: Mapping[str, Task]) -> Callable[[Row], Row]:
        """`attempt` of rows whose tasks are found by their ids."""
        return lambda row: self.attempt(row, tasks[row.id])

    @cached_property
    def shared(self) -> Shared:
        """The tokens of both vocabularies."""
        import torch

        pairs = torch.tensor(shared_tokens(self.student, self.tokenizer), dtype=torch.long).view(-1, 2)
        return Shared(pairs[:, 0].contiguous(), pairs[:, 1].contiguous(), len(self.tokenizer))


def _crossed(row: Row, own: Marked, other: Marked) -> Row:
    """The row with the groups of both sides; as it is where there is none."""
    groups = [group for group in aligned(own.marks, other.marks) if _learned(group, own, other)]
    if not groups:
        return row
    places = np.flatnonzero(np.array(other.learn[1:], dtype=bool)).astype(np.int64)
    mine = Runs.of_groups([group.mine for group in groups], row.places)
    theirs = Runs.of_groups([group.theirs for group in groups], places)
    return replace(row, other=OtherRow(np.array(other.ids, dtype=np.int32), places, mine, theirs))


def _learned(group: Group, mine: Marked, theirs: Marked) -> bool:
    """Whether both sides learn all tokens of a group, and none is the row's first, which nothing predicts."""
    return all(mine.learn[token] and token for token in group.mine) and all(
        theirs.learn[token] and token for token in group.theirs
    )


def other_side(rows: Sequence[Row], layout: Layout) -> dict[str, Tensor | None]:
    """What the teacher is given of a micro-batch, laid out as the student's side is, and the groups as tensors: the
    fields of `losses.Spans`. Rows that it cannot read are left out.
    """
    import torch

    from imbik.train.batches import lay_out, lines_of
    from imbik.train.rows import Row

    present = [(index, row.other) for index, row in enumerate(rows) if row.other is not None]
    theirs = [Row(rows[index].id, other.ids, other.places, other.recall) for index, other in present]
    laid = lay_out(theirs, layout)
    starts = _starts(rows, layout)
    others = _starts(theirs, layout)
    found: dict[str, list[Indices]] = {name: [] for name in _FIELDS}
    groups = 0
    for number, (index, other) in enumerate(present):
        parts = (other.mine, starts[index]), (other.theirs, others[number])
        for names, (runs, start) in zip((_FIELDS[:3], _FIELDS[3:]), parts, strict=True):
            for name, values in zip(names, (runs.last + start, runs.inner + start, runs.of + groups), strict=True):
                found[name].append(values)
        groups += len(other.mine.last)
    side = {name: getattr(laid, name) for name in ("ids", "positions", "places", "teacher_ids", "teacher_logprobs")}
    spans = {name: torch.from_numpy(np.concatenate(arrays)) for name, arrays in found.items()}
    order = (rows[number] for line in lines_of(rows, layout) for number in line)
    mine = np.concatenate([row.ids[row.places + 1] for row in order]).astype(np.int64)
    return {**side, **spans, "mine": torch.from_numpy(mine), "theirs": laid.labels}


_FIELDS = ("last", "inner", "inner_of", "theirs_last", "theirs_inner", "theirs_of")


def _starts(rows: Sequence[Row], layout: Layout) -> dict[int, int]:
    """Where each row's learned tokens begin among all of a micro-batch."""
    from imbik.train.batches import lines_of

    found, at = {}, 0
    for index in (number for line in lines_of(rows, layout) for number in line):
        found[index] = at
        at += len(rows[index].places)
    return found
