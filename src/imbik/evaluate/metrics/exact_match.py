"""Exact match: 1 when answer and reference are the same text after case, punctuation and spaces are set aside.

Enters: a task and a parsed answer. Leaves: 0 or 1. Texts are compared in the normal form that also decides whether two
rows are the same (`tasks.normal`), in which İ, I, ı and i meet and NFC and NFD are one.
"""

from __future__ import annotations

from imbik.core.plugins import PluginSettings
from imbik.core.types import Task
from imbik.tasks.kinds import Kind
from imbik.tasks.normal import same_text_key


class ExactMatch:
    """Equality of normalised text; an empty answer is wrong."""

    class Settings(PluginSettings):
        """Exact match has no settings."""

    version = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def score(self, task: Task, answer: str, kind: Kind) -> float:  # noqa: ARG002 - the contract of metrics
        """1.0 when the normalised texts are equal and not empty, else 0.0."""
        if task.reference is None:
            return 0.0
        given = same_text_key(answer)
        return float(bool(given) and given == same_text_key(task.reference.text))
