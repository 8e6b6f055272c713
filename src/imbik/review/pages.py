"""The pages of the review: the one on which rows are judged, and the one that an invitation opens.

Enters: requests. Leaves: HTML that holds no row: rows come through the API, as data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response

from imbik.review.reservations import Seat
from imbik.web.guard import NONCE
from imbik.web.words import COOKIE, LANGUAGES, Words, choose, words_of

if TYPE_CHECKING:
    from imbik.review.server import Room

PACKAGE = "imbik.review"
PROOF = "x-imbik-page"
"""The header in which a page shows that it is ours."""
PAGE = "x-imbik-tab"
"""The header in which it gives itself a name, by which two tabs of one browser are told apart."""


def words_for(request: Request) -> Words:
    """The words in the reader's language."""
    language = choose(request.cookies.get(COOKIE, ""), request.headers.get("accept-language", ""))
    return words_of(language, PACKAGE)


def seat_of(room: Room, request: Request) -> Seat | None:
    """Who asks, from which browser; None for nobody we know."""
    session = room.sessions.read(request.cookies.get(room.sessions.cookie, ""))
    return None if session is None else Seat(session.person, session.browser)


def pages(room: Room, template: str = "review.html.j2") -> APIRouter:
    """Routes of pages and static files; `template` is the page for who is in."""
    router = APIRouter()

    def page(request: Request, name: str, status: int = 200, **values: Any) -> Response:
        words = words_for(request)
        shared = {"run": room.run.name, "languages": LANGUAGES, "proof": "", "person": "", "said": dict(words)}
        html = room.pages.render(name, words, request.scope[NONCE], **{**shared, **values})
        return HTMLResponse(html, status)

    @router.get("/")
    def review(request: Request) -> Response:
        session = room.sessions.read(request.cookies.get(room.sessions.cookie, ""))
        if session is None:
            return page(request, "join.html.j2", 401)
        proof = room.sessions.proof(session)
        return page(request, template, proof=proof, person=session.person, rubric=room.review.rubric)

    @router.get("/join")
    def join(request: Request) -> Response:
        """The token stands behind the `#` of the link, so it is in no log; a script sends it."""
        return page(request, "join.html.j2")

    @router.get("/static/{version}/{name}")
    def static(version: str, name: str) -> Response:
        found = room.pages.static(version, name)
        if found is None:
            return PlainTextResponse("not here", 404)
        return Response(found[0], headers=dict(found[1]))

    return router
