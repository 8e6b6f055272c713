"""Rows that hold personal data count as confidential, whatever the recipe says of them; nothing is ever lowered.

Enters: tasks and the detectors of the operator's file. Leaves: the tasks, raised where something was found in any text
of theirs that may be sent, and a line that counts them. Rows that no finding could raise are not looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from imbik.core.types import Sensitivity, Task
from imbik.privacy.detect import Detection
from imbik.privacy.sensitivity import highest, inherited


def raised(tasks: Sequence[Task], detection: Detection, source: str) -> tuple[list[Task], list[str]]:
    """The tasks with what was found in them, and what a person should know of it; `source` is what to look into.

    Raises: whatever a detector raises: what could not be looked at is not taken for harmless.
    """
    highest, result = detection.highest, list[Task]()
    found: Counter[str] = Counter()
    levels: Counter[Sensitivity] = Counter()
    for task in tasks:
        names, level = _look(task, detection) if task.sensitivity.rank < highest.rank else (set(), task.sensitivity)
        if level.rank > task.sensitivity.rank:
            found.update(names)
            levels[level] += 1
            task = msgspec.structs.replace(task, sensitivity=level)
        result.append(task)
    return result, [_note(levels, found, len(tasks), source)] if levels else []


def texts_of(task: Task) -> Iterator[str]:
    """Every text of a task that a teacher, a judge or a student may be shown."""
    yield from (message.content for message in task.messages)
    if task.reference is not None:
        yield from (task.reference.text, task.reference.reasoning, *getattr(task.reference, "turns", ()))
    yield from (task.passage, task.schema, task.template, task.category, *task.tags, *task.fields.values())
    yield from (answer.text for answer in task.recorded)


def _look(task: Task, detection: Detection) -> tuple[set[str], Sensitivity]:
    """The detectors that found something, and the highest level of it."""
    hits = [hit for text in dict.fromkeys(texts_of(task)) for hit in detection.find(text)]
    return {hit.detector for hit in hits}, inherited(Sensitivity.PUBLIC, *(hit.level for hit in hits))


def _note(levels: Counter[Sensitivity], found: Counter[str], rows: int, source: str) -> str:
    """One line: how many rows, by which detectors, and what it means."""
    by = ", ".join(f"{name} {count}" for name, count in found.most_common())
    level = highest(levels).value
    count = levels.total()
    hold, counts = ("holds", "counts") if count == 1 else ("hold", "count")
    return (
        f"{count} of {rows} rows {hold} identifiers ({by}) and {counts} as {level}: they leave only for where the "
        f"operator's file lets such rows go. imbik privacy scan {source} shows where they are"
    )
