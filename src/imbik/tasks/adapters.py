"""Which of a recipe's adapters a task belongs to.

Enters: `train.adapters`, a task. Leaves: names of adapters. Training, evaluation and use share this one rule.
"""

from __future__ import annotations

from collections.abc import Mapping

from imbik.core.types import Task
from imbik.recipe.training import AdapterRows


def adapters_of(adapters: Mapping[str, AdapterRows], task: Task) -> list[str]:
    """Those that name one of the task's tags or its category; where none does, those that name nothing."""
    named = [name for name, rows in adapters.items() if _names(rows, task)]
    return named or [name for name, rows in adapters.items() if not (rows.tags or rows.categories)]


def which_rows(adapters: Mapping[str, AdapterRows], name: str) -> list[dict[str, list[str]]]:
    """What decides an adapter's rows: what it names, or, where it names nothing, what the others do."""
    own = adapters[name]
    deciding = [own] if own.tags or own.categories else list(adapters.values())
    return [rows.model_dump() for rows in deciding]


def _names(rows: AdapterRows, task: Task) -> bool:
    return bool(set(rows.tags) & set(task.tags)) or task.category in rows.categories
