"""The gate: may a row of this sensitivity go to this place? Every answer is written down, and any doubt means no.

Enters: a sensitivity, a place (an endpoint with the address really connected to, a model in this process, recorded
answers) and the rows concerned. Leaves: a Decision with its reason and the key to set, and one audit line. An
exception anywhere while deciding is a refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from imbik.core.errors import DiskFullError
from imbik.core.types import Sensitivity
from imbik.privacy.addresses import Address, Endpoint, refusal
from imbik.privacy.audit import Audit, Entry
from imbik.privacy.operator import Operator

KEY = "tasks.sensitivity"


@dataclass(frozen=True, eq=False)
class Place:
    """Where rows would go. Models in this process and recorded answers need no attestation.

    Compared by identity, so that what was decided for one is found again at once.
    """

    kind: Literal["endpoint", "in_process", "recorded", "folder"]
    endpoint: Endpoint | None = None
    address: Address | None = None

    def __str__(self) -> str:
        return self.name

    @cached_property
    def name(self) -> str:
        """For people: the endpoint, or the kind."""
        return str(self.endpoint) if self.endpoint else self.kind

    @cached_property
    def peer(self) -> str:
        """The address as text; empty where there is none."""
        return str(self.address) if self.address else ""


IN_PROCESS = Place("in_process")
RECORDED = Place("recorded")
FOLDER = Place("folder")  # of this machine


@dataclass(frozen=True)
class Decision:
    """What the gate says: allowed or not, why in words, and the recipe key that a blocked row's owner would set."""

    allowed: bool
    reason: str
    key: str = ""


class Gate:
    """Decides by the operator's file and writes every decision to the run's audit chain.

    `column` is the one that marks the rows, where the recipe names one: then no word for all of them is advised.
    """

    def __init__(self, operator: Operator, audit: Audit, column: str = "") -> None:
        self.operator = operator
        self._audit, self._column = audit, column
        self._known: dict[tuple[Sensitivity, Place], Decision] = {}  # the operator's file is frozen, so it holds

    def foresee(self, sensitivity: Sensitivity, place: Place) -> Decision:
        """What would be decided; nothing is written, so nothing may leave on the strength of it."""
        try:
            if (decision := self._known.get((sensitivity, place))) is None:
                decision = self._known[sensitivity, place] = _decide(self.operator, sensitivity, place, self._column)
            return decision
        except Exception as error:
            return Decision(False, f"the gate failed ({type(error).__name__}), and what it cannot check stays here")

    def decide(self, sensitivity: Sensitivity, place: Place, *, rows: Sequence[str], purpose: str) -> Decision:
        """Decide for these rows, with an audit line before the answer.

        Raises: DiskFullError when the line cannot be written.
        """
        return self.decide_all([(sensitivity, rows)], place, purpose=purpose)[0]

    def decide_all(
        self, asked: Sequence[tuple[Sensitivity, Sequence[str]]], place: Place, *, purpose: str
    ) -> list[Decision]:
        """Decide for many at once, one audit line each, written as one group."""
        known: dict[Sensitivity, Decision] = {}
        for sensitivity, _ in asked:
            if sensitivity not in known:
                known[sensitivity] = self.foresee(sensitivity, place)
        try:
            self._audit.append([self._entry(known[level], level, place, rows, purpose) for level, rows in asked])
        except DiskFullError:
            raise
        except Exception as error:
            refused = Decision(False, f"the audit line could not be written ({type(error).__name__}: {error})")
            return [refused] * len(asked)
        return [known[sensitivity] for sensitivity, _ in asked]

    def note_stored(self, sensitivity: Sensitivity, endpoint: Endpoint, rows: Sequence[str], *, purpose: str) -> None:
        """One line for rows that were answered from the answer store: nothing of them went to the endpoint.

        Raises: DiskFullError when the line cannot be written.
        """
        entry = Entry(
            verdict="stored",
            sensitivity=sensitivity.value,
            place=str(endpoint),
            address="",
            purpose=purpose,
            reason="answered from the answer store",
            rows=tuple(rows),
            operator=self.operator.hash,
        )
        self._audit.append([entry])

    def _entry(
        self, decision: Decision, sensitivity: Sensitivity, place: Place, rows: Sequence[str], purpose: str
    ) -> Entry:
        return Entry(
            verdict="allowed" if decision.allowed else "blocked",
            sensitivity=sensitivity.value,
            place=place.name,
            address=place.peer,
            purpose=purpose,
            reason=decision.reason.partition(" (")[0],
            rows=tuple(rows),
            operator=self.operator.hash,
        )


_STAYS = {
    "in_process": "stays in this process",
    "recorded": "already recorded here",
    "folder": "stays on this machine",
}


def _decide(operator: Operator, sensitivity: Sensitivity, place: Place, column: str) -> Decision:
    if place.endpoint is None or place.address is None:
        if place.kind == "endpoint":
            return Decision(False, "the address of this endpoint is not known")
        return Decision(True, _STAYS[place.kind])
    if reason := refusal(place.address):
        return Decision(False, reason)
    local = operator.local_for(place.endpoint, place.address)
    if local is not None:
        return Decision(True, f"local: {local.attestation}")
    return _external(operator, sensitivity, place.endpoint, column)


def _external(operator: Operator, sensitivity: Sensitivity, endpoint: Endpoint, column: str) -> Decision:
    """An endpoint that nobody declared local."""
    listed = operator.external_for(endpoint)
    if listed is None and operator.unlisted == "nothing":
        return Decision(False, f"the operator's file does not list {endpoint}, and lets nothing go elsewhere")
    accepts = listed.accepts if listed else Sensitivity.PUBLIC
    if sensitivity.rank > accepts.rank:
        return Decision(False, _why_blocked(operator, sensitivity, endpoint, accepts, column), KEY)
    if sensitivity is not Sensitivity.PUBLIC and endpoint.scheme != "https":
        return Decision(False, f"{sensitivity.value} rows leave over https only, and {endpoint} is not")
    return Decision(True, f"contract: {listed.contract}" if listed else "public")


def _why_blocked(
    operator: Operator, sensitivity: Sensitivity, endpoint: Endpoint, accepts: Sensitivity, column: str
) -> str:
    """The paragraph a person reads: what was held back, which key to set, and what setting it means.

    Rows that a column marks are not all alike, so for them a teacher that is here takes the place of the key.
    """
    file = operator.path or "operator.yaml in your configuration folder"
    way = (
        f"Column '{column}' marks them so: a teacher that runs here may have them"
        if column
        else f"If these rows are public, set {KEY}: public, which lets them leave this machine"
    )
    text = (
        f"{sensitivity.value} rows may not go to {endpoint} (it may be sent {accepts.value} rows only). {way}; if the "
        f"endpoint is your own, its operator lists it under `local:` in {file}"
    )
    if operator.ignored:
        text += f". {operator.ignored} is not trusted and was ignored: imbik privacy trust {operator.ignored}"
    return text
