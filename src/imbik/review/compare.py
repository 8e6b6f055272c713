"""People compare systems in the browser, blind: `imbik review RUN --compare student,teacher`.

Enters: a run whose report kept its systems' answers, names of systems, a place. Leaves: the same application as the
review's, on whose page two answers stand beside each other. Which system is on the left is drawn for each row and
person, and no name of a system is sent to the page; a choice is saved as a `Preference` before the next row comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from fastapi import APIRouter

from imbik.core.runfolder import RunFolder
from imbik.core.types import Record, Sample, Verdict
from imbik.recipe import Recipe
from imbik.recipe.sections import Review as ReviewSection
from imbik.review.api import LONGEST_REASON, About, Answers, Wanted
from imbik.review.desk import Desk
from imbik.review.document import body, is_code
from imbik.review.doors import RefusedError, doors, route
from imbik.review.duels import Duel, DuelRows, duels
from imbik.review.levels import Levels
from imbik.review.pages import pages
from imbik.review.preferences import PREFERENCES, Preference
from imbik.review.reservations import Seat
from imbik.review.server import Room
from imbik.review.shown import Shown
from imbik.review.store import ExpertVerdict
from imbik.web.members import MEMBERS, Members
from imbik.web.serving import Place
from imbik.web.sessions import Sessions
from imbik.web.text import one_line

if TYPE_CHECKING:
    from fastapi import FastAPI


class Choice(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A choice as the page sends it; the server knows which system stood where."""

    content: str
    prefers: Literal["left", "right", "tie"]
    previous: int
    reason: str = ""
    seconds: float = 0.0
    wanted: Wanted = Wanted()


class Ring(Room):
    """What all requests of a comparison share."""

    duels: DuelRows

    def sample(self, seat: Seat, shown: Shown) -> Sample | None:  # noqa: ARG002 - the contract of a room
        """No row of a comparison is a sample."""
        return None

    def duel(self, seat: Seat, shown: Shown) -> Duel | None:
        """The two answers that a person is about to see, once the audit chain says so."""
        found = self.duels.duel(shown.content)
        if found is None or found.sensitivity.rank > self.levels(seat.person).rank:
            return None
        with self._turn:
            self._write_down(seat, shown)
        return found

    def left(self, duel: Duel, person: str) -> str:
        """The system that this person sees on the left: by lot, always the same. The lot is drawn with the run's own
        key: who knows only the page and this program cannot work it out."""
        return duel.pair[int(self.audit.keyed(f"left {duel.content} {person}")[:8], 16) % 2]


class Choices(Answers):
    """What the routes do."""

    room: Ring

    def seen(self, seat: Seat, row: Shown) -> bool:
        """Whether a row is still there for a person."""
        return self.room.duel(seat, row) is not None

    def choose(self, seat: Seat, said: Choice) -> dict[str, Any]:
        """Save, then the next row."""
        return self.save(seat, self._preference(seat, said), said.previous, said.wanted)

    def taken_back(self, seat: Seat, before: ExpertVerdict) -> ExpertVerdict:
        """The word that takes a choice back."""
        assert isinstance(before, Preference)
        return Preference(
            content=before.content, row=before.row, pair=before.pair, left=before.left, withdrawn=True,
            verdict=Verdict(by=seat.person, keep=True),
        )  # fmt: skip

    def spoken(self, before: ExpertVerdict) -> dict[str, Any]:
        """What was chosen, by its place."""
        assert isinstance(before, Preference)
        place = "tie" if not before.prefers else "left" if before.prefers == before.left else "right"
        return {"prefers": place, "reason": before.verdict.reason}

    def document(self, seat: Seat, row: Shown) -> dict[str, Any] | None:
        """All that the page needs, and no name of a system."""
        duel = self.room.duel(seat, row)
        if duel is None:
            return None
        left = self.room.left(duel, seat.person)
        task, before = duel.task, self.desk.queue.said(row.content, seat.person)
        return {
            "content": row.content,
            "turns": [{"role": turn.role, "text": body(turn.content)} for turn in task.messages],
            "passage": body(task.passage),
            "left": _answer(duel, left),
            "right": _answer(duel, duel.other(left)),
            "category": one_line(row.category, 60),
            "language": task.language if task.language.isalpha() else "",
            "sensitivity": row.sensitivity.value,
            "said": None if before is None else self.spoken(before),
        }

    def _preference(self, seat: Seat, said: Choice) -> Preference:
        duel = self.room.duels.duel(said.content)
        if duel is None:
            raise RefusedError(409, "gone")
        reason = said.reason.strip()
        if len(reason) > LONGEST_REASON:
            raise RefusedError(422, "long")
        left = self.room.left(duel, seat.person)
        return Preference(
            content=said.content, row=duel.task.id, pair=duel.pair, left=left,
            prefers={"left": left, "right": duel.other(left), "tie": ""}[said.prefers],
            verdict=Verdict(by=seat.person, keep=True, reason=reason),
            seconds=round(min(max(said.seconds, 0.0), 86_400.0), 1),
        )  # fmt: skip


def _answer(duel: Duel, system: str) -> dict[str, Any]:
    reasoning, answer = duel.answers[system]
    return {"reasoning": body(reasoning), "answer": body(answer, code=is_code(duel.task))}


def ring_of(run: RunFolder, recipe: Recipe, place: Place, systems: Sequence[str], rows: int) -> Ring:
    """A run's comparison, for one place. As many people judge each row as its review asks.

    Raises: UsageError for systems that the report does not know.
    """
    duels(run, systems, rows)
    experts = recipe.review.experts if recipe.review else 1
    review = ReviewSection(experts=experts, disagreement="pending")
    levels, members, source = Levels(run.path), Members(run.path / MEMBERS), DuelRows(run, systems, rows)
    sessions = Sessions(members, place.port, secure=place.certificate is not None)
    desk = Desk(run, review, levels, source=source, table=PREFERENCES)
    made = Ring(run, review, members, sessions, levels, desk)
    made.duels = source
    return made


def comparison(ring: Ring) -> FastAPI:
    """The pages and the API, without the guard."""
    from fastapi import FastAPI

    app = FastAPI(title="imbik compare", docs_url=None, redoc_url=None, openapi_url=None)
    router, work = APIRouter(prefix="/api"), Choices(ring)
    doors(router, ring)
    route(router, ring, "/next", Wanted, work.next)
    route(router, ring, "/choose", Choice, work.choose)
    for path, does in (("/undo", work.undo), ("/skip", work.skip), ("/again", work.again), ("/still", work.still)):
        route(router, ring, path, About, does)
    route(router, ring, "/leave", About, work.leave)
    app.include_router(pages(ring, "compare.html.j2"))
    app.include_router(router)
    return app


def exported(preferences: Sequence[Preference]) -> bytes:
    """Preferences as JSON lines: who, which row, which pair, which one, why."""
    lines = [
        {
            "row": item.row, "by": item.verdict.by, "systems": list(item.pair), "prefers": item.prefers or "tie",
            "reason": item.verdict.reason, "left": item.left, "at": item.at, "seconds": item.seconds,
            "content": item.content,
        }
        for item in preferences
    ]  # fmt: skip
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
