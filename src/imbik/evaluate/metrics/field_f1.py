"""Field F1: how much of a form is right, row by row, for answers that are JSON objects.

Enters: a task with its known fields and a system's JSON. Leaves: a value in [0, 1], the F1 over fields with their
values (names of nested ones by their path). A list of entities is compared as `entity_f1` does in one row; here every
row counts the same, there every entity.
"""

from __future__ import annotations

from imbik.core.plugins import PluginSettings
from imbik.core.types import Task
from imbik.tasks.kinds import Kind
from imbik.tasks.kinds.extraction import entities, leaves, parsed


class FieldF1:
    """Mean over rows of the F1 over fields."""

    class Settings(PluginSettings):
        """Field F1 has no settings."""

    version = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def score(self, task: Task, answer: str, kind: Kind) -> float:  # noqa: ARG002 - the contract of metrics
        """F1 of one row; 0.0 for an answer that is no JSON, 1.0 where both are empty."""
        known, given = parsed(task.reference.text) if task.reference else None, parsed(answer)
        if known is None or given is None:
            return 0.0
        of = leaves if isinstance(known, dict) else entities
        wanted, found = of(known), of(given)
        return 2 * len(wanted & found) / (len(wanted) + len(found)) if wanted or found else 1.0
