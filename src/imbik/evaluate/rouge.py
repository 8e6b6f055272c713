"""ROUGE on Turkish words: rouge-score's figures with imbik's words instead of its ASCII ones.

Enters: two texts. Leaves: F1 in [0, 1]. rouge-score's own tokenizer drops every letter beyond a-z, so that `çağ` would
be `a`; here words are those of `tasks.normal`: without case (İ, I, ı and i meet), NFC and NFD are one, no stemming.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from imbik.core.types import Task
from imbik.tasks.normal import words


class _Words:
    """The tokenizer that rouge-score asks for."""

    def tokenize(self, text: str) -> list[str]:
        """The words of a text."""
        return words(text).split()


def rouge(task: Task, answer: str, which: str) -> float:
    """F1 of `rouge1`, `rouge2` or `rougeL` (Lin 2004); 0.0 without a reference or an answer."""
    if task.reference is None or not answer.strip():
        return 0.0
    return float(_scorer(which).score(task.reference.text, answer)[which].fmeasure)


@cache
def _scorer(which: str) -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer([which], tokenizer=_Words())
