"""Entity F1: precision and recall over all entities of all rows (micro), or the mean of every type's F1.

Enters: a task with its known entities and a system's JSON. Leaves: a value in [0, 1]. An entity is right when its text
and its type are (CoNLL 2003), whatever their order and case; `types: ignore` asks for the text alone. Fields of a form
count as entities of their name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Task
from imbik.tasks.kinds import Kind
from imbik.tasks.kinds.extraction import entities, parsed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class EntityF1:
    """F1 over the entities of all rows."""

    class Settings(PluginSettings):
        """What counts as right, and over what is averaged."""

        types: Literal["exact", "ignore"] = Field("exact", description="exact: text and type; ignore: the text alone")
        average: Literal["micro", "type"] = Field(
            "micro", description="over all entities, or the mean of the types' F1"
        )

    version = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def score(self, task: Task, answer: str, kind: Kind) -> float:  # noqa: ARG002 - the contract of metrics
        """F1 of one row; 1.0 where there is nothing to find and nothing is given."""
        pair = self._pair(task, answer)
        if pair is None or not answer.strip():
            return 0.0
        known, given = pair
        return (
            2 * len(known & given) / (len(known) + len(given)) if known or given else float(parsed(answer) is not None)
        )

    def statistics(self, task: Task, answer: str, kind: Kind) -> Mapping[str, float]:  # noqa: ARG002
        """`known:TYPE`, `given:TYPE` and `right:TYPE`, each as often as it comes."""
        found: dict[str, float] = {}
        known, given = self._pair(task, answer) or (set(), set())
        for name, those in (("known", known), ("given", given), ("right", known & given)):
            for _, kind_of in those:
                found[f"{name}:{kind_of}"] = found.get(f"{name}:{kind_of}", 0.0) + 1.0
        return found

    def value(self, names: Sequence[str], sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """2 · right / (known + given), over everything or as the mean over types; 1 where there was nothing to find."""
        import numpy as np

        column = {name: index for index, name in enumerate(names)}
        types = sorted({name.partition(":")[2] for name in names})
        none = np.zeros(len(sums))
        table = [
            [sums[:, column[f"{what}:{one}"]] if f"{what}:{one}" in column else none for one in types]
            for what in ("known", "given", "right")
        ]
        if not types:
            return np.ones(len(sums))
        known, given, right = (np.array(rows) for rows in table)
        if self.settings.average == "micro":
            known, given, right = (rows.sum(axis=0, keepdims=True) for rows in (known, given, right))
        there = known + given
        each = np.where(there > 0, 2 * right / np.maximum(there, 1), 0.0)
        counted = (there > 0).sum(axis=0)
        mean: NDArray[np.float64] = np.where(counted > 0, each.sum(axis=0) / np.maximum(counted, 1), 1.0)
        return mean

    def _pair(self, task: Task, answer: str) -> tuple[set[tuple[str, str]], set[tuple[str, str]]] | None:
        """Known and given entities; None for a row that has no known ones."""
        reference = parsed(task.reference.text) if task.reference else None
        if reference is None:
            return None
        known, given = entities(reference), entities(parsed(answer) or [])
        if self.settings.types == "ignore":
            known, given = {(text, "") for text, _ in known}, {(text, "") for text, _ in given}
        return known, given
