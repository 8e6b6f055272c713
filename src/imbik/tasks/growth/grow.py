"""Growing as the stage calls it: divided tasks in; grown tasks with their sets, and what a person should know, out.

Enters: the stage's context, tasks and assignments. Leaves: `Grown`; `growth.json` in the stage's folder. The journal
stays until the stage has written its parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from imbik.core.files import write_json
from imbik.core.types import Task
from imbik.privacy.detect import Detection
from imbik.privacy.suppression import Suppression
from imbik.stage import StageContext
from imbik.tasks.growth.journal import Refused
from imbik.tasks.growth.report import FILE, report_of
from imbik.tasks.growth.rounds import Rounds
from imbik.tasks.growth.stops import told_failures, told_raised, told_stop
from imbik.tasks.kinds import Kind
from imbik.tasks.split import Assignment


@dataclass
class Grown:
    """What was added to the tasks. `refusals` tell of each that was not; `refused` and `failed` count by reason, for
    the books."""

    tasks: list[Task] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    measured: dict[str, str] = field(default_factory=dict)

    def add(self, other: Grown) -> None:
        """What another step added."""
        self.tasks += other.tasks
        self.assignments += other.assignments
        self.refusals += other.refusals
        self.refused.update(other.refused)
        self.failed.update(other.failed)
        self.notes += other.notes
        self.measured |= other.measured


def grow(
    context: StageContext,
    kind: Kind,
    tasks: Sequence[Task],
    assignments: Sequence[Assignment],
    detection: Detection,
    erased: Suppression,
) -> Grown:
    """Grow the pool; nothing where the recipe does not say so.

    Raises: see `Rounds.run`.
    """
    if context.recipe.tasks.grow is None:
        return Grown()
    rounds = Rounds(context, kind, tasks, assignments, detection, erased)
    rounds.run()
    notes = list(told_stop(rounds.mixer))
    made = report_of(rounds.mixer, tasks, rounds.placed, rounds.refused, rounds.failures, notes[0] if notes else "")
    write_json(context.folder / FILE, made)
    ideas = sum(line.ideas for line in rounds.mixer.lines.values())
    notes += told_failures(rounds.failures, ideas)
    notes += told_raised(rounds.placed)
    notes += [note for item in rounds.named.values() for note in getattr(item.strategy, "notes", ())]
    return Grown(
        tasks=[item.task for item in rounds.placed],
        assignments=[Assignment(id=item.task.id, set=item.set) for item in rounds.placed],
        refusals=[item for done in rounds.journal.rounds() for item in done.refused],
        refused=rounds.refused,
        failed=rounds.failures,
        notes=notes,
        measured={f"grown_{line.strategy}": str(line.new) for line in made.strategies}
        | {f"covered {item.category or '-'}": str(item.seeds + item.grown) for item in made.coverage},
    )
