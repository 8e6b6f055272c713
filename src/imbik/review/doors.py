"""How a request of a page of ours comes in: who asks, whether the page is ours, and what is said to whoever may not.

Enters: a request (the guard has looked at Host and Origin). Leaves: JSON: what the work behind a route gave, or a word
that the page knows. Work is done off the loop, for who has a session and proves that he stands on our page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from imbik.core.errors import ImbikError
from imbik.core.types import Record
from imbik.review.pages import PAGE, PROOF, seat_of
from imbik.review.reservations import Seat

if TYPE_CHECKING:
    from imbik.review.server import Room

B = TypeVar("B", bound=Record)
_LONGEST_NAME = 40


class Join(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An invitation."""

    token: str


class RefusedError(Exception):
    """A request that is not done: status and a word that the page knows."""

    def __init__(self, status: int, why: str) -> None:
        self.status, self.why = status, why
        super().__init__(why)


def route(router: APIRouter, room: Room, path: str, kind: type[B], work: Callable[[Seat, B], dict[str, Any]]) -> None:
    """A route for who has a session and comes from a page of ours."""

    async def handle(request: Request) -> Response:
        return await _answer(room, request, kind, work)

    router.add_api_route(path, handle, methods=["POST"])


def doors(router: APIRouter, room: Room) -> None:
    """How a person comes in, and whether he is."""

    @router.post("/join")
    async def join(request: Request) -> Response:
        """A session for who holds an invitation."""
        try:
            person = room.members.holder(msgspec.json.decode(await request.body(), type=Join).token)
        except (msgspec.DecodeError, UnicodeDecodeError):
            person = None
        if person is None:
            return _json({"why": "invitation"}, 403)
        response = _json({"person": person})
        response.headers["set-cookie"] = room.sessions.open(person)
        return response

    @router.get("/here")
    def here(request: Request) -> Response:
        """Whether this browser has a session: a page that was opened from elsewhere was not sent its cookie."""
        return _json({}, 200 if seat_of(room, request) else 401)


async def _answer(room: Room, request: Request, kind: type[B], work: Callable[[Seat, B], dict[str, Any]]) -> Response:
    """Who asks, what for, and what came of it."""
    session = room.sessions.read(request.cookies.get(room.sessions.cookie, ""))
    if session is None:
        return _json({"why": "session"}, 401)
    if not room.sessions.proves(session, request.headers.get(PROOF, "")):
        return _json({"why": "page"}, 403)
    try:
        asked = msgspec.json.decode(await request.body() or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _json({"why": "request"}, 400)
    try:
        seat = Seat(session.person, session.browser, request.headers.get(PAGE, "")[:_LONGEST_NAME])
        return _json(await run_in_threadpool(work, seat, asked))
    except RefusedError as refused:
        return _json({"why": refused.why}, refused.status)
    except ImbikError:
        return _json({"why": "disk"}, 507)


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
