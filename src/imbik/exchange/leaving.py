"""The door for data: every row that is handed over passes the gate, as it does on its way to a teacher.

Enters: a run, a destination, rows with the words that would leave. Leaves: what the gate is asked of each row, raised
by the detectors where the destination is not declared local; then one decision for all of them, with audit lines that
name the rows by keyed ids. Where one row may not leave, nothing does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from imbik.core.errors import BlockedError
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Sensitivity, Task
from imbik.privacy.addresses import Endpoint
from imbik.privacy.audit import Audit
from imbik.privacy.decisions import FOLDER, Decision, Place
from imbik.privacy.declassify import Lowered, agreed_in, for_the_door
from imbik.privacy.destinations import Destination
from imbik.privacy.gate import Asked, Gate
from imbik.privacy.operator import load_operator
from imbik.recipe import Recipe

PURPOSE = "data"
_LINE = 1_000  # rows that one audit line names


class Door:
    """The gate of one export. `raised` counts rows that the detectors found more private than they are marked."""

    def __init__(self, run: RunFolder, recipe: Recipe, target: Destination) -> None:
        self.target = target
        self._audit = Audit(run.path)
        operator, tasks = load_operator(recipe.base), recipe.tasks
        agreed = agreed_in(run.path, operator)
        lowered = Lowered()
        if agreed:
            lowered = for_the_door(read_parts(run.stage("1_tasks"), Task), agreed, self._audit.keyed)
        self.gate = Gate(operator, self._audit, "" if tasks.level else tasks.sensitivity, lowered, tasks.level)
        self._rows: dict[Asked, dict[str, None]] = {}
        self._loop = asyncio.Runner()
        self._looks = target.endpoint is not None and not all(map(self.gate.is_local, self._places()))
        self.raised = 0

    def __enter__(self) -> Door:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.close()
        self._audit.close()

    def keyed(self, row: str) -> str:
        """The id under which a task stands in the run's chain."""
        return self._audit.keyed(row)

    def look(self, task: str, level: Sensitivity, texts: Sequence[str]) -> Asked:
        """What the gate will be asked of a row with these words."""
        asked = Asked(level, (task,))
        if not self._looks:
            return asked
        found = self._loop.run(self.gate.look(asked, list(texts)))
        self.raised += found.level is not level
        return found

    def take(self, asked: Asked) -> None:
        """This row is to leave."""
        rows = self._rows.setdefault(asked._replace(rows=()), {})
        rows.update(dict.fromkeys(asked.rows))

    def decide(self) -> None:
        """Ask the gate; only after this anything is put where it was wanted. At a hub it is asked again for every host.

        Raises: BlockedError where a row may not leave.
        """
        if self.target.endpoint is None:
            self._refuse(self._decided(FOLDER))
        elif not self.target.repo:
            _, decision = self.at(self.target.endpoint)
            self._refuse(decision)

    def at(self, endpoint: Endpoint) -> tuple[Place, Decision]:
        """The address of an endpoint that all rows may go to, else a refusal; with audit lines.

        Raises: TeacherUnreachableError when the name has no address.
        """
        from imbik.privacy.hub import places_of

        places = places_of(endpoint)
        asked = self._asked()
        fitting = [place for place in places if all(self.gate.weigh(item, place).allowed for item in asked)]
        place = (fitting or places)[0]
        return place, self._decided(place)

    def _decided(self, place: Place) -> Decision:
        """All rows at one place. Where some are refused, only these are written down: the others do not leave."""
        asked = self._asked()
        refused = [item for item in asked if not self.gate.weigh(item, place).allowed]
        decisions = self.gate.decide_all(refused or asked, place, purpose=PURPOSE)
        stopped = next((decision for decision in decisions if not decision.allowed), None)
        if stopped is None:
            return decisions[0]
        count, whole = sum(len(item.rows) for item in refused), sum(len(item.rows) for item in asked)
        return Decision(False, f"{count:,} of {whole:,} rows may not leave: {stopped.reason}", stopped.key)

    def _asked(self) -> list[Asked]:
        found = []
        for asked, rows in self._rows.items():
            names = list(rows)
            found += [asked._replace(rows=tuple(names[at : at + _LINE])) for at in range(0, len(names), _LINE)]
        return found

    def _places(self) -> list[Place]:
        from imbik.privacy.hub import places_of

        return places_of(self.target.endpoint) if self.target.endpoint else []

    def _refuse(self, decision: Decision) -> None:
        if not decision.allowed:
            raise BlockedError(decision.reason, where=self.target.text, next=advice(self.target))


def advice(target: Destination) -> str:
    """What can be done about a refusal."""
    host = target.endpoint.host if target.endpoint else Path(target.text).name
    return (
        "--at-most public leaves out rows that are more private; the operator's file may list "
        f"{host} with what it `accepts:`"
    )
