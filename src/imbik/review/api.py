"""The review's API, for its own page: the next row, a verdict, a row put aside, the last word taken back.

Enters: what a page of ours asks, as `review.doors` let it in. Leaves: what the page is answered. A verdict is on the
disk before the answer is sent, and the next row comes in the same answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter

from imbik.core.types import Record, Verdict
from imbik.review.document import agreement, document, spoken
from imbik.review.doors import RefusedError, doors, route
from imbik.review.queue import Filters
from imbik.review.reservations import Seat
from imbik.review.shown import Shown
from imbik.review.store import ExpertVerdict
from imbik.web.text import one_line

if TYPE_CHECKING:
    from imbik.review.agreed import Agreed
    from imbik.review.server import Room

AGREEMENT_SECONDS = 60.0
LONGEST_REASON = 4_000
LONGEST_EDIT = 1_000_000


class Wanted(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rows the page wants; `another`: not the one before it; `content`: this one, which was judged before."""

    check: str = ""
    category: str = ""
    teacher: str = ""
    another: bool = False
    content: str = ""

    @property
    def filters(self) -> Filters:
        """Without what is no filter."""
        return Filters(self.check, self.category, self.teacher)


class Decision(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A verdict as the page sends it. `previous` is the number of the person's last word that the page knows of."""

    content: str
    keep: bool
    previous: int
    reason: str = ""
    answer: str | None = None
    reasoning: str | None = None
    scores: dict[str, int] = {}
    seconds: float = 0.0
    wanted: Wanted = Wanted()


class About(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row by its content, and what is wanted after it."""

    content: str = ""
    wanted: Wanted = Wanted()


def api(room: Room) -> APIRouter:
    """Routes of the API."""
    router, desk = APIRouter(prefix="/api"), Answers(room)
    doors(router, room)
    route(router, room, "/next", Wanted, desk.next)
    route(router, room, "/decide", Decision, desk.decide)
    for path, work in (
        ("/undo", desk.undo), ("/skip", desk.skip), ("/again", desk.again), ("/still", desk.still),
        ("/leave", desk.leave), ("/choices", desk.choices), ("/agreement", desk.agreement),
    ):  # fmt: skip
        route(router, room, path, About, work)
    return router


class Answers:
    """What the routes do, once it is known who asks."""

    def __init__(self, room: Room) -> None:
        self.room, self.desk = room, room.desk
        self._agreed: tuple[float, Agreed] | None = None
        self._turn = Lock()

    def next(self, seat: Seat, wanted: Wanted) -> dict[str, Any]:
        """The next row with progress, or none with what is left. A row that has changed meanwhile is left out."""
        if wanted.content:
            return self._page(seat, self.desk.take(seat, wanted.content))
        row = self.desk.next(seat, wanted.filters, another=wanted.another)
        while row is not None and not self.seen(seat, row):
            self.desk.queue.gone.add(row.content)
            row = self.desk.next(seat, wanted.filters, another=True)
        return self._page(seat, row)

    def choices(self, seat: Seat, about: About) -> dict[str, Any]:  # noqa: ARG002 - the shape of all routes
        """What rows can be filtered by, among those that the person may see."""
        level = self.desk.level(seat.person)
        rows = [row for row in self.desk.rows() if row.sensitivity.rank <= level.rank]
        blind = self.room.review.blind
        return {
            "check": [] if blind else _choices(name for row in rows for name in (*row.checks, *row.doubted_by)),
            "category": _choices(row.category for row in rows),
            "teacher": [] if blind else _choices(row.teacher for row in rows),
        }

    def agreement(self, seat: Seat, about: About) -> dict[str, Any]:  # noqa: ARG002 - the shape of all routes
        """How far experts agree, of all and of the person with each other one. It is counted anew once a minute, and
        not of a few rows: nobody is to read off it what another said of the row that he has just judged."""
        now = time.monotonic()
        with self._turn:
            if self._agreed is None or now - self._agreed[0] > AGREEMENT_SECONDS:
                from imbik.review.agreed import agreed

                self._agreed = (now, agreed(self.desk.given()))
            found = self._agreed[1]
        return agreement(found, seat.person)

    def decide(self, seat: Seat, said: Decision) -> dict[str, Any]:
        """Save, then the next row."""
        return self.save(seat, self._verdict(seat, said), said.previous, said.wanted)

    def save(self, seat: Seat, verdict: ExpertVerdict, previous: int, wanted: Wanted) -> dict[str, Any]:
        """Save a word, then the next row."""
        saved = self.desk.decide(seat, verdict, previous)
        if not saved.number:
            raise RefusedError(409, saved.why)
        return {"saved": saved.number, **self.next(seat, wanted)}

    def seen(self, seat: Seat, row: Shown) -> bool:
        """Whether a row is still there for a person."""
        return self.room.sample(seat, row) is not None

    def taken_back(self, seat: Seat, before: ExpertVerdict) -> ExpertVerdict:
        """The word that takes another back."""
        said = Verdict(by=seat.person, keep=before.verdict.keep)
        return ExpertVerdict(content=before.content, verdict=said, row=before.row, withdrawn=True)

    def spoken(self, before: ExpertVerdict) -> dict[str, Any]:
        """What a person said, so that the page can show it again."""
        return spoken(before)

    def document(self, seat: Seat, row: Shown) -> dict[str, Any] | None:
        """All that the page needs of a row; None where it is gone."""
        sample = self.room.sample(seat, row)
        if sample is None:
            return None
        return document(sample, row, self.desk.queue.said(row.content, seat.person), blind=self.room.review.blind)

    def undo(self, seat: Seat, about: About) -> dict[str, Any]:
        """Take the last word on a row back (the person's very last where none is named), and show that row again."""
        queue = self.desk.queue
        content = about.content or self._latest(seat)
        before = queue.said(content, seat.person)
        if before is not None:
            saved = self.desk.decide(seat, self.taken_back(seat, before), queue.last(content, seat.person))
            if not saved.number:
                raise RefusedError(409, saved.why)
            found = self._page(seat, self.desk.next(seat))
            if found["row"]:
                found["row"]["said"] = self.spoken(before)
            return found
        row = self.desk.take(seat, content)
        if row is None:
            raise RefusedError(409, "nothing")
        return self._page(seat, row)

    def skip(self, seat: Seat, about: About) -> dict[str, Any]:
        """Put a row aside, then the next one."""
        self.desk.put_aside(seat, about.content)
        return self.next(seat, about.wanted)

    def again(self, seat: Seat, about: About) -> dict[str, Any]:
        """All that was put aside waits again."""
        self.desk.take_back_aside(seat)
        return self.next(seat, about.wanted)

    def still(self, seat: Seat, about: About) -> dict[str, Any]:
        """The page is open."""
        return {"held": self.desk.still_here(seat, about.content)}

    def leave(self, seat: Seat, about: About) -> dict[str, Any]:  # noqa: ARG002 - the shape of all routes
        """The page is gone."""
        self.desk.leave(seat)
        return {}

    def _verdict(self, seat: Seat, said: Decision) -> ExpertVerdict:
        row = self.desk.queue.row(said.content)
        if row is None:
            raise RefusedError(409, "gone")
        reason = said.reason.strip()
        edits = [text for text in (said.answer, said.reasoning) if text is not None]
        if not said.keep and not reason:
            raise RefusedError(422, "reason")
        if not said.keep and edits:
            raise RefusedError(422, "edit")
        if len(reason) > LONGEST_REASON or any(len(text) > LONGEST_EDIT for text in edits):
            raise RefusedError(422, "long")
        known = {name: score for name, score in said.scores.items() if name in self.room.review.rubric}
        if len(known) != len(said.scores) or any(not 1 <= score <= 5 for score in known.values()):
            raise RefusedError(422, "score")
        mean = round(sum(known.values()) / len(known), 3) if known else None
        return ExpertVerdict(
            content=said.content,
            verdict=Verdict(by=seat.person, keep=said.keep, reason=reason, score=mean),
            row=row.row, answer=said.answer, reasoning=said.reasoning, scores=known,
            blind=self.room.review.blind, seconds=round(min(max(said.seconds, 0.0), 86_400.0), 1),
        )  # fmt: skip

    def _latest(self, seat: Seat) -> str:
        """The content of the person's last word that still holds."""
        own = [
            (given.number, content)
            for content, said in self.desk.queue.given.items()
            if (given := said.get(seat.person)) is not None and not given.verdict.withdrawn
        ]
        if not own:
            raise RefusedError(409, "nothing")
        return max(own)[1]

    def _page(self, seat: Seat, row: Shown | None) -> dict[str, Any]:
        """A row and how far it is."""
        shown = self.document(seat, row) if row is not None else None
        if row is not None and shown is not None:
            shown["previous"] = self.desk.queue.last(row.content, seat.person)
        found = msgspec.to_builtins(vars(self.desk.progress(seat)))
        hidden = len(self.desk.queue.rows) - found["visible"]
        return {"row": shown, "progress": found, "hidden": hidden}


def _choices(values: Iterable[str]) -> list[list[str]]:
    """Each value with what is shown of it: a value is a row's own text."""
    return [[value, one_line(value, 60)] for value in sorted(set(values) - {""})]
