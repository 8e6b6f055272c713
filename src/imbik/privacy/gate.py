"""The gate: may a row of this sensitivity go to this place? Every answer is written down, and any doubt means no.

Enters: a sensitivity, a place (an endpoint with the address really connected to, a model in this process, recorded
answers), the rows concerned and what the detectors found in them. Leaves: a Decision with its reason and the key to
set, and one audit line. Detection only ever raises a level. An exception anywhere while deciding is a refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from imbik.core.errors import DiskFullError, OperatorFileError
from imbik.core.questions import Cleaned, Inspected, Question
from imbik.core.types import Sensitivity
from imbik.privacy.addresses import Endpoint
from imbik.privacy.audit import Audit, Entry
from imbik.privacy.decisions import Decision, Place, decide
from imbik.privacy.declassify import Lowered
from imbik.privacy.inspection import Hit, InspectionError, Inspector, level_of
from imbik.privacy.operator import Operator
from imbik.privacy.sensitivity import inherited

UNREADABLE = ("unreadable",)
"""What stands for detectors where nobody can read what would leave."""


class Asked(NamedTuple):
    """What the gate is asked about: rows of a level, and what is known of the words that would leave.

    `marked` is the level their owner gave them where that is lower; `found` are detectors by which they rose; `cleaned`
    says how identifiers were taken out; `declassified` that two people let what was found go; `trouble` is why nothing
    may leave at all.
    """

    level: Sensitivity
    rows: Sequence[str]
    marked: Sensitivity | None = None
    found: tuple[str, ...] = ()
    cleaned: Cleaned = ""
    declassified: bool = False
    trouble: str = ""

    @property
    def mark(self) -> Sensitivity:
        """What the owner said."""
        return self.marked or self.level


class HandedOver(NamedTuple):
    """When a batch of an earlier command left (ISO 8601, UTC), and why that was allowed ('': that is not known)."""

    time: str
    basis: str = ""


def asked_about(sensitivity: Sensitivity, rows: Sequence[str], known: Inspected) -> Asked:
    """Rows of a level, with what is known of their words."""
    return Asked(sensitivity, rows, known.marked, known.found, known.cleaned, known.declassified, known.trouble)


def asked_of(question: Question) -> Asked:
    """What the gate is asked about a question's row, and the rows that it shows."""
    return asked_about(question.sensitivity, (question.row, *question.shown), question.inspected)


class Gate:
    """Decides by the operator's file and writes every decision to the run's audit chain.

    `column` is the one that marks the rows, where the recipe names one: then no word for all of them is advised.
    `said` is the one level that the recipe gives all its rows: rows above it were raised by what is in them.
    `lowered` are rows that two people declassified, with what was found in them then.
    """

    def __init__(
        self,
        operator: Operator,
        audit: Audit,
        column: str = "",
        lowered: Lowered | None = None,
        said: Sensitivity | None = None,
    ) -> None:
        self.operator = operator
        self.inspector = Inspector(operator)
        self._audit, self._column, self._level = audit, column, said
        self._lowered = lowered or Lowered()
        self._looked = self._said = False  # whether detectors have looked, and whether the chain names them
        # The operator's file is frozen, so what it says holds.
        self._known: dict[tuple[Sensitivity, Place, Cleaned, bool], Decision] = {}
        self._here: dict[Place, bool] = {}

    def is_local(self, place: Place) -> bool:
        """Whether the operator vouches for this place, or it is this process: then nobody need look into the rows."""
        if place.endpoint is None or place.address is None:
            return place.kind != "endpoint"
        try:
            if (here := self._here.get(place)) is None:
                here = self._here[place] = self.operator.local_for(place.endpoint, place.address) is not None
            return here
        except Exception:  # then it is a place like any other, and deciding about it will fail too
            return False

    def foresee(
        self, sensitivity: Sensitivity, place: Place, *, cleaned: Cleaned = "", raised: bool = False
    ) -> Decision:
        """What would be decided; nothing is written, so nothing may leave on the strength of it."""
        slot = (sensitivity, place, cleaned, raised)
        try:
            if (decision := self._known.get(slot)) is None:
                decision = self._known[slot] = decide(self.operator, slot, self._column)
            return decision
        except Exception as error:
            return Decision(
                False,
                f"the gate failed ({type(error).__name__}), and what it cannot check stays here",
            )

    def weigh(self, asked: Asked, place: Place) -> Decision:
        """What would be decided about these rows, with what the detectors found in them."""
        if asked.trouble:
            return Decision(False, asked.trouble)
        above = self._level is not None and asked.level.rank > self._level.rank
        raised = above or asked.level is not asked.mark
        decision = self.foresee(asked.level, place, cleaned=asked.cleaned, raised=raised)
        if decision.allowed or not asked.found:
            return decision
        if asked.found == UNREADABLE:
            reason = "what would leave cannot be read (token ids, or bytes), so it counts as confidential: "
            return Decision(False, reason + decision.reason, decision.key)
        by = ", ".join(name.partition("@")[0] for name in asked.found)
        reason = f"detectors found personal data in this {asked.mark.value} row ({by}): {decision.reason}"
        return Decision(False, reason, decision.key)

    async def look(self, asked: Asked, texts: list[str] | None) -> Asked:
        """The same rows with what the detectors find in `texts` (None: nobody can read them, so confidential)."""
        try:
            self._looked = True
            if texts is None:
                return self._raised(asked, Sensitivity.CONFIDENTIAL, UNREADABLE)
            hits, agreed = self._lowered.settled(await self.inspector.watch(texts), asked.rows)
            return self._with_hits(asked._replace(declassified=asked.declassified or agreed), hits)
        except DiskFullError:
            raise
        except Exception as error:
            known = isinstance(error, InspectionError | OperatorFileError)
            what = str(error) if known else f"a detector failed ({type(error).__name__})"
            return asked._replace(trouble=f"{what}, and what cannot be looked into stays here")

    def _with_hits(self, asked: Asked, hits: frozenset[Hit]) -> Asked:
        if asked.cleaned and hits:
            names = ", ".join(sorted({hit.detector for hit in hits}))
            return asked._replace(
                trouble=f"personal data is still found after cleaning ({names}), so the row stays here"
            )
        above = [hit for hit in hits if hit.level.rank > asked.mark.rank]
        return self._raised(asked, level_of(hits), self.inspector.detectors(above))

    def _raised(self, asked: Asked, level: Sensitivity, by: tuple[str, ...]) -> Asked:
        """Rows rise, and never fall."""
        if level.rank <= asked.mark.rank:
            return asked
        return asked._replace(level=inherited(asked.level, level), marked=asked.mark, found=by)

    def _append(self, entries: list[Entry]) -> None:
        """Write a group of lines; before the first that follows a look, one names the detectors with their versions."""
        if self._looked and not self._said:
            named = self._detectors()
            entries = [Entry("", "", "", "", "", "", (), self.operator.hash, "detectors", detectors=named), *entries]
        self._audit.append(entries)
        self._said = self._looked

    def _detectors(self) -> str:
        """The detectors with their versions; what fails here has failed every look too, so nothing left."""
        try:
            return ", ".join(f"{name} {version}" for name, version in sorted(self.inspector.versions.items()))
        except Exception:
            return "none: they cannot be loaded"

    def decide(self, sensitivity: Sensitivity, place: Place, *, rows: Sequence[str], purpose: str) -> Decision:
        """Decide for these rows, with an audit line before the answer.

        Raises: DiskFullError when the line cannot be written.
        """
        return self.decide_all([Asked(sensitivity, rows)], place, purpose=purpose)[0]

    def decide_all(self, asked: Sequence[Asked], place: Place, *, purpose: str) -> list[Decision]:
        """Decide for many at once, one audit line each, written as one group."""
        decisions = [self.weigh(item, place) for item in asked]
        try:
            lines = zip(asked, decisions, strict=True)
            self._append([self._entry(decision, item, place, purpose) for item, decision in lines])
        except DiskFullError:
            raise
        except Exception as error:
            reason = f"the audit line could not be written ({type(error).__name__}: {error})"
            return [Decision(False, reason) for item in asked]
        return decisions

    def note_stored(self, asked: Asked, endpoint: Endpoint, *, purpose: str, left: HandedOver | None = None) -> None:
        """One line for rows that were answered from the answer store: nothing of them went to the endpoint now. They
        had `left` for it where a batch of an earlier command brought the answers.

        Raises: DiskFullError when the line cannot be written.
        """
        place = Place("endpoint", endpoint)
        if left is None:
            entry = self._entry(Decision(True, "answered from the answer store"), asked, place, purpose, "stored")
        else:  # the operator's file of now did not decide it
            entry = self._entry(Decision(True, left.basis), asked, place, purpose, "collected")
            entry = entry._replace(operator="", left=left.time)
        self._append([entry])

    def _entry(self, decision: Decision, asked: Asked, place: Place, purpose: str, verdict: str = "") -> Entry:
        """The line: an attestation or a contract in full, of a refusal the sentence without its advice."""
        return Entry(
            verdict=verdict or ("allowed" if decision.allowed else "blocked"),
            sensitivity=asked.level.value,
            place=place.name,
            address=place.peer,
            purpose=purpose,
            reason=decision.reason if decision.allowed else decision.reason.partition(" (")[0],
            rows=tuple(asked.rows),
            operator=self.operator.hash,
            cleaned=asked.cleaned,
            marked=asked.mark.value if asked.found else "",
            found=asked.found,
            declassified=asked.declassified,
        )
