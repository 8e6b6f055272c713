"""Which stored answers were given for a row: the keys of every question that this run's recipe makes of it.

Enters: the run's recipe, erased tasks. Leaves: keys of the answer store. A question that another recipe or another
instruction made has another key; what such an answer says of the person is found by its text instead. A teacher that
cannot be built any more (its model is gone) is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from imbik.ask.key import question_key
from imbik.core.errors import ImbikError
from imbik.core.plugins import load_plugin, typed_settings
from imbik.core.runfolder import RunFolder
from imbik.core.types import Task
from imbik.recipe import Recipe
from imbik.tasks.kinds import Kind
from imbik.tasks.questions import question_of
from imbik.tasks.read import kind_of
from imbik.teachers import ServedTeacher, TeacherContext

_MOST_SAMPLES = 64


def answer_keys(recipe: Recipe, run: RunFolder, tasks: Iterable[Task]) -> tuple[set[bytes], list[str]]:
    """Keys of all answers that the recipe's teachers may have given for these tasks, and what could not be known."""
    wanted, notes = list(tasks), list[str]()
    found: set[bytes] = set()
    if not wanted:
        return found, notes
    kind = kind_of(recipe, run)
    for name, block in recipe.teachers.items():
        if block.use == "recorded":
            continue
        try:
            context = TeacherContext(name=name, base=recipe.base, runs=run.path.parent)
            teacher = load_plugin("teachers", block.use)(typed_settings("teachers", block), context)
            local = not isinstance(teacher, ServedTeacher)
            for task in wanted:
                found |= _keys(recipe, kind, name, teacher.identity, task, local=local)
        except (ImbikError, OSError) as error:
            notes.append(f"teacher '{name}': its answers were looked for by their text only ({_first(error)})")
    return found, notes


def _keys(recipe: Recipe, kind: Kind, teacher: str, identity: str, task: Task, *, local: bool) -> set[bytes]:
    """The keys of every sample number of a task; half characters make no question."""
    found = set()
    for number in range(max(recipe.generate.samples.max, 1, min(_MOST_SAMPLES, recipe.generate.samples.min))):
        question = question_of(recipe, kind, teacher, task, number)
        try:
            found.add(question_key(identity, question, local=local))
            found.add(question_key(identity, msgspec.structs.replace(question, sample=0), local=local))
        except UnicodeEncodeError:
            break
    return found


def _first(error: Exception) -> str:
    return str(error).splitlines()[0]


def local_source(recipe: Recipe) -> list[Path]:
    """The files of the recipe's sources that are on this machine."""
    from imbik.tasks.load import source_files

    try:
        return [path for path in source_files(recipe) if path.exists()]
    except (ImbikError, OSError):
        return []
