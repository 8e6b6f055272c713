"""Metrics: a number a row, so that intervals and paired differences come for free. A file here is a metric.

Enters: a task with its reference and a system's parsed answer. Leaves: a value in [0, 1], higher is better. A metric
may also have `verify()`, which raises before a run what would keep it from scoring.

A figure of a whole corpus that is no mean of its rows (BLEU, chrF, macro F1) has `statistics` and `value` beside its
`score`: every row gives statistics by name, and the figure is computed from their sums, anew for every resample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from imbik.core.types import Task
from imbik.tasks.kinds import Kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Metric(Protocol):
    """The contract of a metric; built as `Metric(settings)`. `version` rises when an answer scores differently."""

    version: int

    def score(self, task: Task, answer: str, kind: Kind) -> float:
        """The value of one row; an empty answer scores 0."""
        ...


@runtime_checkable
class CorpusMetric(Protocol):
    """A metric that is computed from sums over rows; `score` is then only for looking at one row."""

    version: int

    def score(self, task: Task, answer: str, kind: Kind) -> float:
        """The value of one row alone."""
        ...

    def statistics(self, task: Task, answer: str, kind: Kind) -> Mapping[str, float]:
        """What one row adds to the sums, by name; a name that is missing adds 0."""
        ...

    def value(self, names: Sequence[str], sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """The figures in [0, 1] of a (corpora, names) array of sums."""
        ...
