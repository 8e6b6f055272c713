"""Same answer: 1 when the answer means what the reference means, as the check `answer` reads both.

Enters: a task and a parsed answer. Leaves: 0 or 1. For answers of several sorts in one pool (`qa`): numbers by value in
Turkish or English writing, quantities with their units, dates, times of day, numbers in words; other answers by folded
words (see `tasks.meaning`).
"""

from __future__ import annotations

from imbik.core.plugins import PluginSettings
from imbik.core.types import Task
from imbik.tasks.kinds import Kind
from imbik.tasks.meaning import difference


class SameAnswer:
    """Equality of meaning; an empty answer is wrong."""

    class Settings(PluginSettings):
        """Same answer has no settings."""

    version = 2

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def score(self, task: Task, answer: str, kind: Kind) -> float:
        """1.0 when nothing tells the two apart, else 0.0; a task without reference scores 0.0."""
        if task.reference is None or not kind.canonical(answer, task):
            return 0.0
        return float(not difference(answer, task.reference.text, kind, task))
