"""ROUGE-1: words that an answer shares with the reference, for summaries (Lin 2004).

Enters: a task and an answer. Leaves: F1 in [0, 1]; words are Turkish ones (`evaluate.rouge`).
"""

from __future__ import annotations

from imbik.core.plugins import PluginSettings
from imbik.core.types import Task
from imbik.evaluate.rouge import rouge
from imbik.tasks.kinds import Kind


class Rouge1:
    """F1 of ROUGE-1, a mean over rows."""

    class Settings(PluginSettings):
        """ROUGE-1 has no settings."""

    version = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def score(self, task: Task, answer: str, kind: Kind) -> float:  # noqa: ARG002 - the contract of metrics
        """F1 of one row; 0.0 when either side is empty."""
        return rouge(task, answer, "rouge1")
