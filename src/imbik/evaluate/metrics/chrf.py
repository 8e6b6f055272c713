"""chrF: runs of one to six characters that answers share with their references, over all rows at once (Popović 2015).

Enters: a task and an answer, for each row its counts. Leaves: a value in [0, 1], sacrebleu's chrF2 divided by 100.
Case is kept, white space is not counted, texts are in NFC. A word with another suffix still shares its stem, which
makes it the better of the two figures for Turkish.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from imbik.core.plugins import PluginSettings
from imbik.core.types import Task
from imbik.tasks.kinds import Kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ORDERS = 6
_BETA2 = 4.0


class Chrf:
    """chrF2 of the whole set."""

    class Settings(PluginSettings):
        """chrF has no settings."""

    version = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def score(self, task: Task, answer: str, kind: Kind) -> float:
        """chrF of one row."""
        import numpy as np

        row = self.statistics(task, answer, kind)
        return float(self.value(tuple(row), np.array([list(row.values())]))[0]) if row else 0.0

    def statistics(self, task: Task, answer: str, kind: Kind) -> Mapping[str, float]:  # noqa: ARG002
        """Given, known and shared runs of each length."""
        from sacrebleu.metrics.helpers import extract_all_char_ngrams

        if task.reference is None:
            return {}
        given, known = (
            extract_all_char_ngrams(unicodedata.normalize("NFC", text), _ORDERS)
            for text in (answer, task.reference.text)
        )
        found: dict[str, float] = {}
        for order, (mine, theirs) in enumerate(zip(given, known, strict=True), start=1):
            # As sacrebleu: runs longer than the reference has any of are no fault.
            found[f"given_{order}"] = float(mine.total() if theirs else 0)
            found[f"known_{order}"] = float(theirs.total())
            found[f"shared_{order}"] = float((mine & theirs).total())
        return found

    def value(self, names: Sequence[str], sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """F2 of mean precision and mean recall over the lengths that both sides have."""
        import numpy as np

        column = {name: index for index, name in enumerate(names)}
        precision, recall, orders = (np.zeros(len(sums)) for _ in range(3))
        for order in range(1, _ORDERS + 1):
            if f"given_{order}" not in column:
                continue
            given, known, shared = (sums[:, column[f"{what}_{order}"]] for what in ("given", "known", "shared"))
            both = (given > 0) & (known > 0)
            precision += np.where(both, shared / np.maximum(given, 1), 0)
            recall += np.where(both, shared / np.maximum(known, 1), 0)
            orders += both
        precision, recall = precision / np.maximum(orders, 1), recall / np.maximum(orders, 1)
        under = _BETA2 * precision + recall
        return np.where(under > 0, (1 + _BETA2) * precision * recall / np.where(under > 0, under, 1), 0)
