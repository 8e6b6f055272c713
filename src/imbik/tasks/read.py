"""What later stages read of tasks and kept samples, so that no stage imports another.

Enters: a run folder. Leaves: tasks with their sets, held-out tasks by set, kept samples with their sets, the kind.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from imbik.core.errors import RunFolderError
from imbik.core.files import read_lines
from imbik.core.runfolder import RunFolder, read_parts, run_around
from imbik.core.types import Sample, Task
from imbik.models.kind import kind_with_labels
from imbik.recipe import Recipe
from imbik.tasks.kinds import Kind
from imbik.tasks.rows import Quarantined
from imbik.tasks.split import Assignment

TASKS, REFINED, REVIEWED = "1_tasks", "3_refined", "4_reviewed"
LEARNED = ("train", "validation")


def read_sets(run: RunFolder) -> dict[str, str]:
    """Task id -> set.

    Raises: RunFolderError when the file is missing, or an id stands twice.
    """
    path = _there(run.stage(TASKS) / "splits.jsonl")
    sets: dict[str, str] = {}
    for item in read_lines(path, Assignment):
        if item.id in sets:
            raise RunFolderError(f"task '{item.id}' stands twice", where=str(path), next="run again with --from tasks")
        sets[item.id] = sys.intern(item.set)  # one text for all rows of a set
    return sets


def read_tasks(run: RunFolder) -> Iterator[tuple[Task, str]]:
    """Every task with its set, in source order.

    Raises: RunFolderError when tasks and sets do not belong together.
    """
    sets = read_sets(run)
    for task in read_parts(run.stage(TASKS), Task):
        name = sets.pop(task.id, None)
        if name is None:
            raise _torn(run, task.id)
        yield task, name
    if sets:
        raise _torn(run, next(iter(sets)))


def held_out(run: RunFolder) -> dict[str, list[Task]]:
    """Tasks of every set but train: validation, test, and further test sets such as B."""
    found: dict[str, list[Task]] = {}
    for task, name in read_tasks(run):
        if name != "train":
            found.setdefault(name, []).append(task)
    return found


def read_samples(run: RunFolder, recipe: Recipe) -> Iterator[tuple[Sample, str]]:
    """Kept samples with the set of their task: reviewed ones where the recipe has a review, else refined ones."""
    folder = REVIEWED if recipe.review is not None else REFINED
    sets = read_sets(run)
    for sample in read_parts(_there(run.stage(folder)), Sample):
        name = sets.get(sample.task.id)
        if name is None:
            raise _torn(run, sample.task.id)
        yield sample, name


def kind_of(recipe: Recipe, run: RunFolder) -> Kind:
    """The recipe's kind, with the labels found in the rows where the recipe gives none."""
    kind: Kind = kind_with_labels(recipe, run)
    return kind


def read_quarantine(run: RunFolder) -> Iterator[Quarantined]:
    """Rows that were not used, with place and reason."""
    return read_lines(_there(run.stage(TASKS) / "quarantine.jsonl"), Quarantined)


def _there(path: Path) -> Path:
    if not path.exists():
        run = run_around(path)
        again = f"imbik run {run.typed} makes it" if run else ""
        raise RunFolderError("this is not here yet", where=str(path), next=again)
    return path


def _torn(run: RunFolder, task_id: str) -> RunFolderError:
    return RunFolderError(
        f"tasks and their sets do not belong together (task '{task_id}')",
        where=str(run.stage(TASKS)),
        next="run again with --from tasks",
    )
