"""Accuracy: 1 when the answer means the same as the reference, by the kind's own normal form.

Enters: a task and a parsed answer. Leaves: 0 or 1. `1.250,50` and `1250.5` are one number, `İade` and `iade` one
class, where the task's kind says so.
"""

from __future__ import annotations

from imbik.core.plugins import PluginSettings
from imbik.core.types import Task
from imbik.tasks.kinds import Kind


class Accuracy:
    """Equality of normal forms; an empty or unreadable answer is wrong."""

    class Settings(PluginSettings):
        """Accuracy has no settings."""

    version = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def score(self, task: Task, answer: str, kind: Kind) -> float:
        """1.0 when the normal forms are equal, else 0.0; a task without reference scores 0.0."""
        if task.reference is None or not answer:
            return 0.0
        given = kind.canonical(answer, task)
        return float(bool(given) and given == kind.canonical(task.reference.text, task))
