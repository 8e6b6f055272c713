"""BLEU: runs of one to four words that answers share with their references, over all rows at once (Papineni 2002).

Enters: a task and an answer, for each row its counts. Leaves: a value in [0, 1] (sacrebleu's, divided by 100), with the
13a tokenizer, case kept and texts in NFC. Turkish builds its words with suffixes, so that chrF says more about it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from imbik.core.plugins import PluginSettings
from imbik.core.types import Task
from imbik.tasks.kinds import Kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ORDERS = 4


class Bleu:
    """BLEU of the whole set, by sacrebleu."""

    class Settings(PluginSettings):
        """BLEU has no settings."""

    version = 1

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def score(self, task: Task, answer: str, kind: Kind) -> float:  # noqa: ARG002 - the contract of metrics
        """BLEU of one row, over the orders that it is long enough for."""
        counted = _counted(task, answer)
        return min(1.0, counted.score / 100) if counted else 0.0

    def statistics(self, task: Task, answer: str, kind: Kind) -> Mapping[str, float]:  # noqa: ARG002
        """Shared and given runs of each length, and both lengths in words."""
        counted = _counted(task, answer)
        if counted is None:
            return {}
        runs = {f"right_{n + 1}": float(count) for n, count in enumerate(counted.counts)}
        runs |= {f"given_{n + 1}": float(count) for n, count in enumerate(counted.totals)}
        return runs | {"length": float(counted.sys_len), "known": float(counted.ref_len)}

    def value(self, names: Sequence[str], sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """sacrebleu's figure of every corpus, with its default smoothing (`exp`)."""
        import numpy as np
        from sacrebleu.metrics.bleu import BLEU

        found = np.zeros(len(sums))
        for row, one in enumerate(sums):
            of = {name: round(float(count)) for name, count in zip(names, one, strict=True)}
            right, given = ([of.get(f"{what}_{n}", 0) for n in range(1, _ORDERS + 1)] for what in ("right", "given"))
            told = BLEU.compute_bleu(right, given, of.get("length", 0), of.get("known", 0), smooth_method="exp")
            found[row] = min(1.0, told.score / 100)
        return found


def _counted(task: Task, answer: str) -> Any:
    """sacrebleu's counts of one row; None where nothing is known."""
    if task.reference is None:
        return None
    given, known = (unicodedata.normalize("NFC", text) for text in (answer, task.reference.text))
    return _sentence().corpus_score([given], [[known]])


@cache
def _sentence() -> Any:
    from sacrebleu.metrics.bleu import BLEU

    return BLEU(effective_order=True, force=True)
