"""Scoring: how likely a teacher finds given token ids, through the same gate, purse and retry rules as every question.

Enters: `ScoreRequest`s. Leaves: `TokenScores` in their order. Replies never enter the answer store: they lie in a store
of the caller's own (beside a student's checkpoints, beside captured logits) until the caller has what it needs of them,
so that a kill costs at most the requests under way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import msgspec

from imbik.ask.answers import AnswerStore
from imbik.ask.key import question_key
from imbik.core.errors import RecipeError
from imbik.core.files import remove
from imbik.core.questions import Question
from imbik.core.scores import ScoreRequest, TokenScores
from imbik.core.types import Completion, Outcome
from imbik.teachers import ScoringTeacher, ServedTeacher

if TYPE_CHECKING:
    from imbik.ask.served import ServedAsker

Stream = Callable[["ServedAsker", Iterable[Question]], Iterator[Completion]]


def scoring_side(name: str, teacher: object, *, where: str) -> ServedTeacher:
    """The side of a teacher that scores token ids.

    Raises: RecipeError for one that has none, with the reason.
    """
    side = teacher.scores() if isinstance(teacher, ScoringTeacher) else None
    if side is not None:
        return side
    if isinstance(teacher, ServedTeacher):
        what = (
            f"teacher '{name}' is asked through a chat API: it takes words and says how likely its own answer was, and "
            "nothing of tokens that somebody else wrote"
        )
    else:
        what = f"teacher '{name}' is not served, so there is nobody to send token ids to"
    raise RecipeError(
        what,
        where=where,
        next="name a model in this process (in_process, run), or a vLLM server ({use: vllm, model: …}; elsewhere "
        "prompt_logprobs says how many alternatives the server gives at a given token)",
    )


class Scorer:
    """One teacher asked for one caller; a context manager. Closing it removes the store where nothing is left in it."""

    def __init__(
        self, asker: ServedAsker, store: AnswerStore, stream: Stream, purpose: str, closing: Callable[[], None]
    ) -> None:
        """`purpose` stands in the audit and the budget; `closing` lets requests under way end."""
        self._asker, self._store, self._stream, self.purpose = asker, store, stream, purpose
        self._closing = closing
        self._open = True

    def __enter__(self) -> Scorer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def score(self, requests: Sequence[ScoreRequest]) -> list[TokenScores]:
        """What the teacher says of each, in order; of a row that may not go there, or failed, why.

        Raises: what ends the teacher (TeacherUnreachableError, BudgetSpentError, UsageError), DiskFullError.
        """
        answers = self._stream(self._asker, requests)
        return [_scores(request, answer) for request, answer in zip(requests, answers, strict=True)]

    def forget(self, keep: Sequence[ScoreRequest] = ()) -> None:
        """The caller has what it needs of all that was scored but for `keep`: the other replies need not be kept."""
        keys = [question_key(self._asker.teacher.identity, request, local=False) for request in keep]
        self._store.submit(lambda connection: _forget(connection, keys)).result()

    def close(self) -> None:
        """Let requests under way end; the store goes where it is empty."""
        if not self._open:
            return
        self._open = False
        self._closing()
        count = self._store.submit(lambda connection: connection.execute("SELECT count(*) FROM answers").fetchone())
        empty = not count.result()[0]
        self._store.close()
        if empty:
            for ending in ("", "-wal", "-shm"):
                remove(self._store.path.with_name(self._store.path.name + ending))


def _forget(connection: sqlite3.Connection, keep: Sequence[bytes]) -> None:
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY)")
    connection.execute("DELETE FROM kept")
    connection.executemany("INSERT OR IGNORE INTO kept VALUES (?)", [(key,) for key in keep])
    connection.execute("DELETE FROM answers WHERE key NOT IN (SELECT key FROM kept)")


def _scores(request: ScoreRequest, answer: Completion) -> TokenScores:
    """The answer cut to what was wanted; a reply about another number of tokens says nothing."""
    if not isinstance(answer, TokenScores):
        return TokenScores(outcome=answer.outcome, reason=answer.reason, usage=answer.usage, cost=answer.cost)
    if not answer.said:
        return answer
    whole = len(request.tokens) - 1
    if len(answer.ids) != whole:
        reason = f"the teacher read {len(answer.ids) + 1} tokens, and {whole + 1} were sent"
        return TokenScores(outcome=Outcome.FAILED, reason=reason, usage=answer.usage, cost=answer.cost)
    first, k = request.start - 1, request.top_k
    return msgspec.structs.replace(
        answer,
        ids=tuple(row[:k] for row in answer.ids[first:]),
        scores=tuple(row[:k] for row in answer.scores[first:]),
        pieces=answer.pieces[first:],
    )
