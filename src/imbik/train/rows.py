"""Rows a student learns from: token ids, which of them are learned, and what the teacher would have said there.

Enters: samples with the text to learn, and the student's tokenizer. Leaves: rows, and for every sample that cannot
be one the reason why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from imbik.core.errors import ModelError
from imbik.core.types import Record, Sample
from imbik.models.logits import LogitStore
from imbik.models.tokens import LossOn, Turns, encode_row, token_hash

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from imbik.train.crossing import Crossing, OtherRow

UNLABELLED = -100  # the label of a token that no loss of the text learns
TeacherRow = tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]


class Rejected(Record, frozen=True, kw_only=True):
    """A sample that no variant is trained on, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Row:
    """One row in memory: `ids` (n,), `places` (m,) the positions whose next token is learned, `weights` (m,) how much
    each of these counts (None: 1 each); `recall` reads the teacher's k best next tokens at those places, ids and
    log-probabilities (m, k), when they are needed. The first `prompt` tokens stand before the last answer (0: that is
    not known). A row that is not `labelled` is the student's own text: what the teacher says there counts, and not what
    stands there. `sampled`: `recall` gives drawn ids with their weights. `other` is the row as a teacher with another
    tokenizer reads it, `mix` how much each of several teachers counts.
    """

    id: str
    ids: npt.NDArray[np.int32]
    places: npt.NDArray[np.int64]
    recall: Callable[[], TeacherRow] | None = None
    weights: npt.NDArray[np.float32] | None = None
    prompt: int = 0
    labelled: bool = True
    sampled: bool = False
    other: OtherRow | None = None
    mix: tuple[float, ...] | None = None

    @property
    def labels(self) -> npt.NDArray[np.int32]:
        """The tokens that are learned, (m,); UNLABELLED each where the text is no label."""
        following = self.ids[self.places + 1]
        return following if self.labelled else np.full_like(following, UNLABELLED)

    @property
    def learned(self) -> float:
        """Learned tokens, each by its weight."""
        return float(len(self.places) if self.weights is None else self.weights.sum(dtype=np.float64))

    @property
    def taught(self) -> bool:
        """Whether the teacher's distributions are there."""
        return self.recall is not None or (self.other is not None and self.other.recall is not None)

    def teacher(self) -> TeacherRow:
        """The teacher's distributions at `places`: ids and log-probabilities, each (m, k)."""
        assert self.recall is not None
        return self.recall()

    def counting_nothing(self) -> Row:
        """The row with no token that counts."""
        return replace(self, weights=np.zeros(len(self.places), dtype=np.float32))

    @property
    def hash(self) -> str:
        """The hash by which captured logits answer to these token ids."""
        return token_hash(self.ids.tolist())


@dataclass(frozen=True)
class Encoding:
    """How text becomes tokens for this student: its tokenizer, what is learned of a row, the longest row in tokens;
    `prompt_weight` is how much a token that is not the answer's counts, where all of the text is learned; `crossing` is
    the side of a teacher with another tokenizer.
    """

    tokenizer: PreTrainedTokenizerFast
    tokenizer_hash: str
    class_tokens: Mapping[str, int]
    turns: Turns
    loss_on: LossOn
    longest: int
    prompt_weight: float = 1.0
    crossing: Crossing | None = None


def encode(samples: Iterable[tuple[Sample, str]], how: Encoding) -> tuple[list[Row], list[Rejected]]:
    """Rows of (sample, text to learn), and those rejected: too long, or nothing to learn."""
    rows, rejected = [], []
    for sample, text in samples:
        encoded = encode_row(
            how.tokenizer, sample.task, text, turns=how.turns, loss_on=how.loss_on, class_tokens=how.class_tokens
        )
        places = np.flatnonzero(np.array(encoded.learn[1:], dtype=bool))
        if len(encoded.ids) > how.longest:
            rejected.append(Rejected(id=sample.id, reason=f"longer than {how.longest} tokens"))
        elif not len(places):
            rejected.append(Rejected(id=sample.id, reason="no token to learn"))
        else:
            weights = None
            if how.loss_on == "all" and how.prompt_weight != 1.0:
                weights = np.where(np.array(encoded.answer)[places + 1], 1.0, how.prompt_weight).astype(np.float32)
            ids = np.array(encoded.ids, dtype=np.int32)
            row = Row(sample.id, ids, places, weights=weights, prompt=_prompt(encoded.answer))
            rows.append(row if how.crossing is None else how.crossing.read(row, sample.task, text, how))
    return rows, rejected


def _prompt(answer: Sequence[bool]) -> int:
    """How many tokens stand before the last answer."""
    at = len(answer)
    while at and not answer[at - 1]:
        at -= 1
    while at and answer[at - 1]:
        at -= 1
    return at


def with_teacher(rows: Iterable[Row], store: LogitStore, *, across: bool = False) -> list[Row]:
    """The rows with their captured distributions, read when needed; rows that were not captured stay as they are.
    `across`: the teacher has another tokenizer, and was read at its own tokens.

    Raises: ModelError when a row's token ids are not those that were captured.
    """
    found = []
    for row in rows:
        side: Row | OtherRow = row.other or row
        if row.id in store and not (across and row.other is None):
            name = side.hash
            ids, _ = store.row(row.id, name)
            if len(ids) != len(side.places):
                raise ModelError(
                    f"row '{row.id}' has logits for {len(ids)} tokens and learns {len(side.places)}",
                    where=str(store.folder),
                    next="run with --from capture",
                )
            recall = partial(store.row, row.id, name)
            row = (
                replace(row, recall=recall, sampled=store.sampled)
                if row.other is None
                else replace(row, other=replace(row.other, recall=recall))
            )
        found.append(row)
    return found
