"""On-policy distillation: at some rows of a step the student learns from its own attempt, read by the teacher.

Enters: the rows of a step. Leaves: the same rows, a share of them replaced by what the student, as it is now, writes
after their prompts: the teacher's distributions are taken there, and the text itself is no label. Generalized knowledge
distillation (Agarwal et al. 2024, arXiv:2306.13649): no reward, and no gradient through the drawing. Which rows, and
the random numbers by which they are written, depend on seed, step and row alone, and what was written is kept
(`attempts`), so that a training goes on exactly.

A teacher that reads beside the student takes an attempt like any other row. A served one is asked here (`Reader`); what
it does not say, or may not see, is learned as the row stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec
import numpy as np

from imbik.core.questions import Sampling
from imbik.recipe.training import OnPolicy
from imbik.train.attempts import Attempt, AttemptStore
from imbik.train.batches import Order, drawn, seed_of
from imbik.train.rows import Row, TeacherRow

if TYPE_CHECKING:
    from imbik.models.engines import Generated

NO_PROMPT = "nothing stands before the answer"
NOT_ALIGNED = "nothing of it aligns with the teacher's tokens"
NO_ROOM = "the prompt leaves no room for an answer"
Write = Callable[[Sequence[Sequence[int]], Sequence[Sampling], Sequence[int]], "list[Generated]"]
"""Prompts, how each is drawn, seeds -> what the student writes, as it is now."""


class Reader(Protocol):
    """A teacher that has to be asked about attempts."""

    def read(self, rows: Sequence[Row]) -> list[TeacherRow | str]:
        """Its distributions at the places of each row, or why there are none."""
        ...

    def forget(self, keep: Sequence[Row]) -> None:
        """A checkpoint has passed all that was read but for these rows."""
        ...


class _Drawn(NamedTuple):
    """A row drawn for an attempt at a step, by its place among the step's rows: a row may be there twice."""

    step: int
    place: int
    row: Row


class Attempts:
    """What becomes of the rows of each step of one training."""

    def __init__(
        self,
        how: OnPolicy,
        order: Order,
        rows: Sequence[Row],
        longest: int,
        write: Write,
        store: AttemptStore,
        reader: Reader | None = None,
        across: Callable[[Row], Row] | None = None,
    ) -> None:
        """`longest` is the most tokens of a row; `across` adds what a teacher with another tokenizer reads."""
        self.how, self.store, self._across = how, store, across
        self._order, self._rows, self._longest, self._write, self._reader = order, rows, longest, write, reader
        self._number = -1
        self._block: dict[tuple[int, int], Row] = {}

    @property
    def longest(self) -> int:
        """The longest attempt there can be, prompt included, in tokens."""
        prompts = max((row.prompt for row in self._rows), default=0)
        return min(prompts + self.how.max_tokens + 1, self._longest)

    def mixed(self, step: int, rows: Sequence[Row]) -> list[Row]:
        """The rows of a step, those drawn as the student's attempts where the teacher reads them."""
        number = step // self.how.every
        if number != self._number:
            self._block, self._number = self._made(number), number
        return [self._block.get((step, place), row) for place, row in enumerate(rows)]

    def checkpointed(self) -> None:
        """Every step so far is in a checkpoint: what earlier blocks were told need not be kept."""
        self.store.flush()
        if self._reader is not None:
            self._reader.forget(list(self._block.values()))

    def _made(self, number: int) -> dict[tuple[int, int], Row]:
        """A block's taught attempts by step and place: as they were written before, or written now."""
        chosen = self._drawn(number)
        if not chosen:
            return {}
        kept = self.store.block(number)
        attempts = self._written(chosen) if kept is None else kept
        rows = [_attempted(attempt, item.row) for attempt, item in zip(attempts, chosen, strict=True)]
        at = [place for place, attempt in enumerate(attempts) if not attempt.reason]
        if (across := self._across) is not None:
            for place in at:
                rows[place] = across(rows[place])
                if rows[place].other is None:
                    attempts[place] = msgspec.structs.replace(attempts[place], reason=NOT_ALIGNED)
        if self._reader is not None and at:
            for place, said in zip(at, self._reader.read([rows[place] for place in at]), strict=True):
                if isinstance(said, str):
                    attempts[place] = msgspec.structs.replace(attempts[place], reason=said)
                else:
                    rows[place] = replace(rows[place], recall=_Said(said))
        if kept is None:
            self.store.append(number, attempts)
        found = zip(chosen, attempts, rows, strict=True)
        return {(item.step, item.place): row for item, attempt, row in found if not attempt.reason}

    def _drawn(self, number: int) -> list[_Drawn]:
        """The rows of the block's steps whose turn it is."""
        first = number * self.how.every
        steps = range(first, min(first + self.how.every, self._order.steps))
        batch = [
            _Drawn(step, place, self._rows[index])
            for step in steps
            for place, index in enumerate(self._order.batch(step))
        ]
        seed, share = self._order.seed, self.how.share
        return [item for item in batch if drawn(seed, "attempt", item.step, item.place, item.row.id) < share]

    def _written(self, chosen: Sequence[_Drawn]) -> list[Attempt]:
        """What the student writes for each, in one batch; a reason where there is nothing to write after or no room."""
        limits = [min(self.how.max_tokens, self._longest - item.row.prompt - 1) for item in chosen]
        seed = self._order.seed
        able = [place for place, item in enumerate(chosen) if item.row.prompt and limits[place] > 0]
        how = Sampling(temperature=self.how.temperature, top_p=self.how.top_p)
        made = self._write(
            [chosen[place].row.ids[: chosen[place].row.prompt].tolist() for place in able],
            [msgspec.structs.replace(how, max_tokens=limits[place]) for place in able],
            [seed_of(seed, "attempt", item.step, item.place, item.row.id) for item in (chosen[at] for at in able)],
        )
        found = dict(zip(able, made, strict=True))
        return [_attempt(item, found.get(place)) for place, item in enumerate(chosen)]


class _Said:
    """What a row's `recall` gives: distributions that are in memory."""

    def __init__(self, said: TeacherRow) -> None:
        self._said = said

    def __call__(self) -> TeacherRow:
        return self._said


def _attempt(item: _Drawn, made: Generated | None) -> Attempt:
    row = item.row
    if made is None:
        return Attempt(step=item.step, row=row.id, reason=NO_ROOM if row.prompt else NO_PROMPT)
    tokens = (*made.ids, int(row.ids[-1])) if made.finished else tuple(made.ids)
    return Attempt(step=item.step, row=row.id, prompt=row.prompt, tokens=tokens, text=made.text, finished=made.finished)


def _attempted(attempt: Attempt, row: Row) -> Row:
    """The row with the student's text in place of its own: learned from its first token to its last, as no label."""
    if attempt.reason:
        return row
    ids = np.concatenate([row.ids[: attempt.prompt], np.array(attempt.tokens, dtype=np.int32)])
    places = np.arange(attempt.prompt - 1, len(ids) - 1, dtype=np.int64)
    return Row(row.id, ids, places, prompt=attempt.prompt, labelled=False, mix=row.mix)
