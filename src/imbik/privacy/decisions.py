"""What the operator's file says about rows of a level and a place.

Enters: an operator's file, a level, a place (an endpoint with the address really connected to, a model in this process,
recorded answers, a folder). Leaves: a Decision with its reason in words, and the key to set. Nothing is remembered or
written here: the gate does both, and takes any error for a no.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

from imbik.core.questions import Cleaned
from imbik.core.types import Sensitivity
from imbik.privacy.addresses import Address, Endpoint, refusal
from imbik.privacy.operator import Operator
from imbik.privacy.sensitivity import inherited

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


_STAYS = {
    "in_process": "stays in this process",
    "recorded": "already recorded here",
    "folder": "stays on this machine",
}


def decide(operator: Operator, slot: tuple[Sensitivity, Place, Cleaned, bool], column: str) -> Decision:
    """Whether rows of a level may go to a place, cleaned in a way or not, raised by detectors or not.

    `column` is the one that marks them, where there is one. Raises: whatever goes wrong; the gate takes that as no.
    """
    level, place, cleaned, raised = slot
    if place.endpoint is None or place.address is None:
        if place.kind == "endpoint":
            return Decision(False, "the address of this endpoint is not known")
        return Decision(True, _STAYS[place.kind])
    if reason := refusal(place.address):
        return Decision(False, reason)
    local = operator.local_for(place.endpoint, place.address)
    if local is not None:
        return Decision(True, f"local: {local.attestation}")
    return _external(operator, level, place.endpoint, cleaned, _Owner(column, raised))


class _Owner(NamedTuple):
    """What the owner of a row can do about it: which column marks it, and whether detectors raised it."""

    column: str
    raised: bool


def _external(operator: Operator, level: Sensitivity, endpoint: Endpoint, cleaned: Cleaned, owner: _Owner) -> Decision:
    """An endpoint that nobody declared local."""
    listed = operator.external_for(endpoint)
    if listed is None and operator.unlisted == "nothing":
        return Decision(False, f"the operator's file does not list {endpoint}, and lets nothing go elsewhere")
    accepts = listed.accepts if listed else Sensitivity.PUBLIC
    if cleaned and listed:
        accepts = inherited(accepts, listed.accepts_cleaned)
    over_http = level is not Sensitivity.PUBLIC and endpoint.scheme != "https"
    if over_http and listed and accepts.rank < level.rank <= listed.accepts_cleaned.rank:
        return Decision(False, cleaned_over_http(level, endpoint))
    if level is Sensitivity.SPECIAL or level.rank > accepts.rank:
        return Decision(False, _why_blocked(operator, level, endpoint, accepts, owner), KEY)
    if over_http:
        return Decision(False, f"{level.value} rows leave over https only, and {endpoint} is not")
    return Decision(True, f"contract: {listed.contract}" if listed else "public")


def cleaned_over_http(level: Sensitivity, endpoint: Endpoint) -> str:
    """Why a row stays that the operator's file lets go cleaned, at an address where nothing but public rows may go."""
    return (
        f"{level.value} rows may go to {endpoint.host} cleaned only (privacy.clean) and over https only, and "
        f"{endpoint} is not https"
    )


def _why_blocked(
    operator: Operator, level: Sensitivity, endpoint: Endpoint, accepts: Sensitivity, owner: _Owner
) -> str:
    """The paragraph a person reads: what was held back, which key to set, and what setting it means.

    Rows that a column marks are not all alike, so for them a teacher that is here takes the place of the key; so it
    does for rows that detectors raised, where no key says otherwise.
    """
    file = operator.path or "operator.yaml in your configuration folder"
    if owner.raised:
        way = (
            "A teacher that runs here may have them, privacy.clean takes identifiers out where the operator's "
            "accepts_cleaned allows it, and `imbik privacy declassify` is for what two people find harmless"
        )
    elif owner.column:
        way = f"Column '{owner.column}' marks them so: a teacher that runs here may have them"
    else:
        way = f"If these rows are public, set {KEY}: public, which lets them leave this machine"
    text = (
        f"{level.value} rows may not go to {endpoint} (it may be sent {accepts.value} rows only). {way}; if the "
        f"endpoint is your own, its operator lists it under `local:` in {file}"
    )
    if operator.ignored:
        text += f". {operator.ignored} is not trusted and was ignored: imbik privacy trust {operator.ignored}"
    return text
