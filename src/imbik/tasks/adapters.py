"""Which of a recipe's adapters a task belongs to, and whether each adapter and tagged teacher has tasks at all.

Enters: `train.adapters`, a task; `train.teachers`, the tasks of a run. Leaves: names of adapters. Training, evaluation
and use share this one rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from imbik.core.errors import RecipeError
from imbik.core.types import Task
from imbik.recipe.training import AdapterRows, Train

_ADVICE = "correct it (tasks.columns: {tags: COLUMN} says where tags stand), or take it out; there are "


def adapters_of(adapters: Mapping[str, AdapterRows], task: Task) -> list[str]:
    """Those that name one of the task's tags or its category; where none does, those that name nothing."""
    named = [name for name, rows in adapters.items() if _names(rows, task)]
    return named or [name for name, rows in adapters.items() if not (rows.tags or rows.categories)]


def which_rows(adapters: Mapping[str, AdapterRows], name: str) -> list[dict[str, list[str]]]:
    """What decides an adapter's rows: what it names, or, where it names nothing, what the others do."""
    own = adapters[name]
    deciding = [own] if own.tags or own.categories else list(adapters.values())
    return [rows.model_dump() for rows in deciding]


def refuse_unclaimed(train: Train, tasks: Iterable[Task]) -> None:
    """Adapters and teachers with tags have training tasks of their own: said before answers are asked for.

    Raises: RecipeError naming the first that has none.
    """
    waiting = {f"train.adapters.{name}": f"adapter '{name}'" for name in train.adapters}
    tagged = {name: set(share.tags) for name, share in train.teachers.items() if share.tags}
    waiting |= {f"train.teachers.{name}": f"teacher '{name}'" for name in tagged}
    if not waiting:
        return
    tags, categories = set[str](), set[str]()
    for task in tasks:
        tags.update(task.tags)
        categories.add(task.category)
        for name in adapters_of(train.adapters, task):
            waiting.pop(f"train.adapters.{name}", None)
        for name in [name for name, own in tagged.items() if own & set(task.tags)]:
            waiting.pop(f"train.teachers.{name}", None)
        if not waiting:
            return
    where, whose = next(iter(waiting.items()))
    known = f"tags: {_listed(tags)}; categories: {_listed(categories)}"
    raise RecipeError(f"no training row is for {whose}", where=where, next=_ADVICE + known)


def _listed(names: set[str], most: int = 20) -> str:
    found = sorted(names - {""})
    return ", ".join(found[:most]) + (" …" if len(found) > most else "") if found else "none"


def _names(rows: AdapterRows, task: Task) -> bool:
    return bool(set(rows.tags) & set(task.tags)) or task.category in rows.categories
