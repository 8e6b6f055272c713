"""Which assistant turns of a conversation are tasks, and how much of the talk before each is kept.

Enters: the task of a row, whose history is the whole talk before the last answer. Leaves: a task for each turn that is
to be answered, each with the history that it really had, cut by whole turns. All of them share the row's group, so that
one dialogue stands in one set; `len(reference.turns)` is a turn's number in its dialogue, also after cutting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from imbik.core.types import Message, Task, TurnsReference
from imbik.tasks.build import derived_id

if TYPE_CHECKING:
    from imbik.recipe.tasks import Tasks
    from imbik.tasks.kinds import Kind


def parted(kind: Kind, task: Task) -> Sequence[Task]:
    """The tasks of a row, the last turn's at the end; a kind without `parts` makes one of each row."""
    parts = getattr(kind, "parts", None)
    return [task] if parts is None else parts(task)


def every_turn(task: Task) -> list[Task]:
    """A task for each assistant turn that a user's turn precedes, in order; the row's own is the last.

    Earlier turns' known answers are those of the row. A row's id is shared as `ID.1`, `ID.2`; recorded answers are the
    last turn's.
    """
    said = [message.content for message in task.messages if message.role == "assistant"]
    named = task.id != derived_id(task.messages, task.reference, task.fields)
    made: list[Task] = []
    number, asked = 0, False
    for place, message in enumerate(task.messages):
        asked = asked or message.role == "user"
        if message.role != "assistant":
            continue
        number += 1
        if asked:
            history, known = task.messages[:place], TurnsReference(turns=tuple(said[:number]))
            name = f"{task.id}.{number}" if named else derived_id(history, known, {})
            made.append(msgspec.structs.replace(task, id=name, messages=history, reference=known, recorded=()))
    last = msgspec.structs.replace(task, id=f"{task.id}.{number + 1}") if named and made else task
    return [*made, last]


def shortened(messages: Sequence[Message], turns: int, characters: int) -> tuple[Message, ...]:
    """The messages without their oldest turns: at most so many turns and characters (0: no limit) beside the system's.

    What is left begins with a user's turn, as templates want it, and no turn is cut in two: the last user's turn stays
    whole even where it alone is longer.
    """
    lead = next((place for place, message in enumerate(messages) if message.role != "system"), len(messages))
    rest = messages[lead:]
    sizes = [len(message.content) for message in rest]
    starts = [
        place
        for place, message in enumerate(rest)
        if message.role == "user" and (place == 0 or rest[place - 1].role != "user")
    ]
    fits = (
        start
        for start in starts
        if (not turns or len(rest) - start <= turns) and (not characters or sum(sizes[start:]) <= characters)
    )
    whole = (not turns or len(rest) <= turns) and (not characters or sum(sizes) <= characters)
    start = 0 if whole or not starts else next(fits, starts[-1])
    return (*messages[:lead], *rest[start:])


def told(settings: Tasks, rows: int, tasks: int) -> list[str]:
    """What a person should know of rows that gave several tasks."""
    if rows == tasks:
        return []
    notes = [f"{rows:,} rows gave {tasks:,} tasks: one for each assistant's turn"]
    if settings.turns == "all":
        notes.append(
            "each assistant's turn is a task of its own, and tasks.turns: all learns the rows' earlier turns once more "
            "in every later task: set tasks.turns: last"
        )
    return notes
