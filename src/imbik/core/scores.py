"""Scoring: given token ids go to a teacher, and how likely it finds each next token comes back.

Enters: nothing. Leaves: `ScoreRequest`, which is a question like any other to the gate, the books and the retry rules,
and `TokenScores`, which is a completion like any other to whoever only counts outcomes.
"""

from __future__ import annotations

from imbik.core.questions import Question
from imbik.core.types import Completion


class ScoreRequest(Question, frozen=True, kw_only=True):
    """Token ids of a text that is already there: a student's own attempt, a row it learns.

    `messages` hold the text that the ids stand for: detectors and the audit look at words. `tokenizer` is the hash of
    the tokenizer that made the ids; the distributions of `tokens[start:]`, each given all tokens before it, are wanted,
    of each the `top_k` likeliest tokens.
    """

    tokens: tuple[int, ...]
    tokenizer: str
    top_k: int
    start: int = 1


class TokenScores(Completion, frozen=True, kw_only=True):
    """What a teacher said of each of the n tokens from `start` on: its likeliest tokens there, best first.

    ids: n tuples of k token ids; scores: n of k log-probabilities in nats; pieces: n texts of the likeliest token (''
    where the teacher does not say), by which another tokenizer is found out.
    """

    ids: tuple[tuple[int, ...], ...] = ()
    scores: tuple[tuple[float, ...], ...] = ()
    pieces: tuple[str, ...] = ()

    @property
    def said(self) -> bool:
        """Whether there is anything to learn from."""
        return bool(self.ids)
