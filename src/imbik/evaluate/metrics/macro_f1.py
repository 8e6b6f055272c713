"""Macro F1: the mean of every class's F1, so that a rare class counts as much as a frequent one.

Enters: a task and an answer, for each row its known and given class. Leaves: a value in [0, 1]. Classes are those that
are known or given anywhere; an answer that names no class is a miss of the known one and nobody's false alarm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from imbik.core.plugins import PluginSettings
from imbik.core.types import Task
from imbik.tasks.kinds import Kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class MacroF1:
    """Unweighted mean of F1 over classes."""

    class Settings(PluginSettings):
        """Macro F1 has no settings."""

    version = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def score(self, task: Task, answer: str, kind: Kind) -> float:
        """1.0 where the class is right, else 0.0: one row has no F1 of its own."""
        return float(any(name.startswith("right:") for name in self.statistics(task, answer, kind)))

    def statistics(self, task: Task, answer: str, kind: Kind) -> Mapping[str, float]:
        """One `known:CLASS`, one `given:CLASS`, and `right:CLASS` where they are one."""
        if task.reference is None:
            return {}
        known, given = (kind.canonical(text, task) if text else "" for text in (task.reference.text, answer))
        found = {f"known:{known}": 1.0} if known else {}
        if given:
            found[f"given:{given}"] = 1.0
            if given == known:
                found[f"right:{given}"] = 1.0
        return found

    def value(self, names: Sequence[str], sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean over the classes that stand in a corpus of 2 · right / (known + given)."""
        import numpy as np

        column = {name: index for index, name in enumerate(names)}
        total, classes = np.zeros(len(sums)), np.zeros(len(sums))
        for one in sorted({name.partition(":")[2] for name in names}):
            known, given, right = (
                sums[:, column[name]] if name in column else np.zeros(len(sums))
                for name in (f"known:{one}", f"given:{one}", f"right:{one}")
            )
            there = known + given
            total += np.where(there > 0, 2 * right / np.maximum(there, 1), 0)
            classes += there > 0
        return total / np.maximum(classes, 1)
