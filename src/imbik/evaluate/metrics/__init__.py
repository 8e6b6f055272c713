"""Metrics: a number a row, so that intervals and paired differences come for free. A file here is a metric.

Enters: a task with its reference and a system's parsed answer. Leaves: a value in [0, 1], higher is better. A metric
may also have `verify()`, which raises before a run what would keep it from scoring.
"""

from __future__ import annotations

from typing import Protocol

from imbik.core.types import Task
from imbik.tasks.kinds import Kind


class Metric(Protocol):
    """The contract of a metric; built as `Metric(settings)`. `version` rises when an answer scores differently."""

    version: int

    def score(self, task: Task, answer: str, kind: Kind) -> float:
        """The value of one row; an empty answer scores 0."""
        ...
