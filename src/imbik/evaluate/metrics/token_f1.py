"""Token F1: the share of words that answer and reference have in common, for answers in words.

Enters: a task and a parsed answer. Leaves: a value in [0, 1], the harmonic mean of precision and recall over words
(Rajpurkar et al. 2016), here without dropping articles, which Turkish does not have.
"""

from __future__ import annotations

from collections import Counter

from imbik.core.plugins import PluginSettings
from imbik.core.types import Task
from imbik.tasks.kinds import Kind
from imbik.tasks.normal import words


class TokenF1:
    """Overlap of words, each counted as often as it stands in both."""

    class Settings(PluginSettings):
        """Token F1 has no settings."""

    version = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def score(self, task: Task, answer: str, kind: Kind) -> float:  # noqa: ARG002 - the contract of metrics
        """F1 of the normalised words; 0.0 when either side is empty."""
        if task.reference is None:
            return 0.0
        given, known = Counter(words(answer).split()), Counter(words(task.reference.text).split())
        shared = (given & known).total()
        if not shared:
            return 0.0
        precision, recall = shared / given.total(), shared / known.total()
        return 2 * precision * recall / (precision + recall)
