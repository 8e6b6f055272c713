"""The experts' review as a web application: what it is made of, and serving it.

Enters: a run whose recipe asks experts, and a place. Leaves: an application of pages and an API, behind the guard of
imbik.web. `Review` holds what all of its requests share; another part of the review adds a router of its own here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from imbik.core.runfolder import RunFolder
from imbik.core.types import Sample
from imbik.privacy.audit import Audit, Entry
from imbik.recipe import Recipe
from imbik.recipe.sections import Review as ReviewSection
from imbik.review.desk import Desk
from imbik.review.levels import Levels
from imbik.review.reservations import Seat
from imbik.review.rows import Rows
from imbik.review.shown import Shown
from imbik.web.members import MEMBERS, Members
from imbik.web.pages import Pages
from imbik.web.serving import Place
from imbik.web.sessions import Sessions

if TYPE_CHECKING:
    from fastapi import FastAPI

PACKAGE = "imbik.review"


@dataclass
class Room:
    """What all requests of one run's review share."""

    run: RunFolder
    review: ReviewSection
    members: Members
    sessions: Sessions
    levels: Levels
    desk: Desk
    pages: Pages = field(default_factory=lambda: Pages(PACKAGE))

    def __post_init__(self) -> None:
        self.rows = Rows(self.run)
        self.audit = Audit(self.run.path)
        self._wanted: Sequence[Shown] = ()
        self._told: set[tuple[str, str]] = set()
        self._turn = Lock()

    def sample(self, seat: Seat, shown: Shown) -> Sample | None:
        """The sample of a row that a person is about to see, once the audit chain says so."""
        with self._turn:
            if self._wanted is not self.desk.queue.rows:
                self._wanted = self.desk.queue.rows
                self.rows.want([row.row for row in self._wanted])
            sample = self.rows.sample(shown)
        if sample is None or max(sample.sensitivity.rank, sample.task.sensitivity.rank) > self.levels(seat.person).rank:
            return None
        self._write_down(seat, shown)
        return sample

    def close(self) -> None:
        """Let go of the files."""
        self.desk.close()
        self.audit.close()

    def _write_down(self, seat: Seat, shown: Shown) -> None:
        """One line for each row and person: who is named by a keyed id, as rows are."""
        if (seat.person, shown.content) in self._told:
            return
        self.audit.append([
            Entry(
                verdict="shown", sensitivity=shown.sensitivity.value, place="review", address="", purpose="review",
                reason=f"reviewer {self.audit.keyed(f'reviewer {seat.person}')[:12]}", rows=(shown.row,),
                operator=self.levels.operator.hash, event="review",
            )
        ])  # fmt: skip
        self._told.add((seat.person, shown.content))


def room_of(run: RunFolder, recipe: Recipe, place: Place) -> Room:
    """A run's review, for one place.

    Raises: UsageError for a recipe that asks no experts; OperatorFileError for an operator's file that cannot be used.
    """
    levels, members = Levels(run.path), Members(run.path / MEMBERS)
    review = recipe.review or ReviewSection()
    sessions = Sessions(members, place.port, secure=place.certificate is not None)
    return Room(run, review, members, sessions, levels, Desk(run, review, levels))


def application(room: Room) -> FastAPI:
    """The pages and the API, without the guard (`imbik.web.serving` puts it around)."""
    from fastapi import FastAPI

    from imbik.review.api import api
    from imbik.review.pages import pages

    app = FastAPI(title="imbik review", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.room = room
    app.include_router(pages(room))
    app.include_router(api(room))
    return app
