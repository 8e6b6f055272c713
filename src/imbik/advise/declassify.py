"""`imbik privacy declassify`: one of two people says that rows of a run may be treated as less private.

Enters: a run, ids of rows, a level, a person's name and key. Leaves: that person's signed word in the run folder, an
audit line, and lines that say whether somebody else has to agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from imbik.advise.runs import recipe_of
from imbik.core.errors import UsageError
from imbik.core.misspelt import closest
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity, Task
from imbik.privacy.audit import Audit
from imbik.privacy.declassify import Saying, declassify
from imbik.privacy.operator import load_operator
from imbik.tasks.read import read_tasks


def say(run: RunFolder, rows: Sequence[str], to: Sensitivity, by: str, key: Path) -> Iterator[str]:
    """Give one person's word; what to tell them.

    Raises: UsageError for unknown rows, and what `privacy.declassify` raises.
    """
    tasks = _tasks(run, rows)
    operator = load_operator(recipe_of(run).base)
    with closing(Audit(run.path)) as audit:
        agreed = declassify(run.path, tasks, Saying(by, to, key), operator, audit)
    yield f"{by} lets {_rows(len(tasks))} be treated as {to.value}; it is signed, and stands in the audit chain"
    waiting = len(tasks) - len(agreed)
    if waiting:
        yield f"{_rows(waiting)} {'waits' if waiting == 1 else 'wait'} for a second person"
    if agreed:
        yield f"two people agree on {_rows(len(agreed))}: the next `imbik run` treats them so"


def _tasks(run: RunFolder, rows: Sequence[str]) -> list[Task]:
    """The rows' tasks, each once.

    Raises: UsageError naming an id that the run does not have.
    """
    wanted = dict.fromkeys(rows)
    found = {task.id: task for task, _ in read_tasks(run)}
    for row in wanted:
        if row not in found:
            near = closest(row, list(found)) if len(found) < 10_000 else "check its id"  # a look at every id takes long
            raise UsageError(
                f"this run has no row '{row}'; {near}", where="--rows", next=f"imbik show {run.typed} tasks"
            )
    return [found[row] for row in wanted]


def _rows(count: int) -> str:
    return f"{count:,} {'row' if count == 1 else 'rows'}"
