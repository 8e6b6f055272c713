"""A served teacher that reads the student's attempts: token ids go out through `ask`, distributions come back.

Enters: attempts as rows. Leaves: the teacher's likeliest tokens at their places, or why there are none: the gate kept
the row here, the server failed. A server with another tokenizer is found out at its first answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from imbik.core.errors import TrainingError
from imbik.core.scores import ScoreRequest, TokenScores
from imbik.core.types import Message, Outcome, Sensitivity
from imbik.models.agreement import disagreement
from imbik.stage import Scoring
from imbik.train.rows import Row, TeacherRow

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass
class ServedReader:
    """Fulfils `train.on_policy.Reader`. `levels` says how private each row is; `top_k` how many tokens are wanted."""

    name: str
    scoring: Scoring
    tokenizer: PreTrainedTokenizerFast
    tokenizer_hash: str
    top_k: int
    levels: Mapping[str, Sensitivity]
    _agreed: bool = field(default=False, init=False)

    def read(self, rows: Sequence[Row]) -> list[TeacherRow | str]:
        """The teacher's distributions at the places of each row, or why there are none.

        Raises: TrainingError for a server with another tokenizer, one that may see none of the rows, or one that gives
        fewer alternatives than are wanted; what ends the teacher.
        """
        found = self.scoring.score([self._request(row) for row in rows])
        self._check(found)
        return [_row(scores) if scores.said else scores.reason or scores.outcome.value for scores in found]

    def forget(self, keep: Sequence[Row]) -> None:
        """A checkpoint has passed all that was read but for these rows."""
        self.scoring.forget([self._request(row) for row in keep])

    def _request(self, row: Row) -> ScoreRequest:
        tokens = tuple(row.ids.tolist())
        return ScoreRequest(
            messages=(Message(role="user", content=str(self.tokenizer.decode(list(tokens)))),),
            row=row.id,
            sensitivity=self.levels.get(row.id, Sensitivity.CONFIDENTIAL),
            tokens=tokens,
            tokenizer=self.tokenizer_hash,
            top_k=self.top_k,
            start=int(row.places[0]) + 1,
        )

    def _check(self, found: Sequence[TokenScores]) -> None:
        """What makes the whole teacher useless is said at once, not row by row."""
        said = [scores for scores in found if scores.said]
        if not said and not self._agreed and all(scores.outcome is Outcome.BLOCKED for scores in found):
            raise TrainingError(
                f"teacher '{self.name}' may see none of the student's attempts: {found[0].reason}",
                where="train.teacher",
                next="name a server of your own (`local:` in the operator's file) or a model in this process, or leave "
                "`train.on_policy` out",
            )
        width = min((len(scores.scores[0]) for scores in said), default=self.top_k)
        if width < self.top_k:
            raise TrainingError(
                f"teacher '{self.name}' gives {width} alternatives for a token, and {self.top_k} are wanted",
                where="capture.top_k",
                next=f"start the server with --max-logprobs {self.top_k}, or --set capture.top_k={width}",
            )
        if said and not self._agreed:
            pairs = [(ids[0], piece) for scores in said for ids, piece in zip(scores.ids, scores.pieces, strict=True)]
            if wrong := disagreement(self.tokenizer, pairs):
                raise TrainingError(
                    f"teacher '{self.name}' has another tokenizer than the student: {wrong}",
                    where="train.teacher",
                    next="serve a model whose tokenizer the student has, or make the student with it: "
                    "student.tokenizer: own|teacher",
                )
            self._agreed = True


def _row(scores: TokenScores) -> TeacherRow:
    return np.array(scores.ids, dtype=np.uint32), np.array(scores.scores, dtype=np.float32)
