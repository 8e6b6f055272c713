"""`imbik review RUN`: invitations told once, then the page, until Ctrl-C.

Enters: a run, a place, people to invite. Leaves: links for who is new, and a server. What a person may not see, and how
that is changed, is said at once: nobody should find out from an empty queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from imbik.core.errors import UsageError
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity
from imbik.recipe import Recipe, load_recipe
from imbik.review.server import Room, application, room_of
from imbik.web.serving import Place, listen, server

if TYPE_CHECKING:
    from fastapi import FastAPI

Tell = Callable[[str], None]


def serve(run: RunFolder, place: Place, experts: Sequence[str], *, renew: bool, tell: Tell) -> None:
    """Invite, serve, and let go of everything at the end.

    Raises: UsageError for a recipe that asks no experts, nobody to invite, or a place that may not be served.
    """
    recipe = asking_recipe(run)
    place.check()
    room = room_of(run, recipe, place)
    _serve(room, application(room), place, experts, renew=renew, tell=tell)


def serve_comparison(
    run: RunFolder, place: Place, experts: Sequence[str], systems: Sequence[str], rows: int, *, renew: bool, tell: Tell
) -> None:
    """The same for the page on which people compare systems; the recipe need not ask experts.

    Raises: UsageError for systems that the report does not know, nobody to invite, or a place that may not be served.
    """
    from imbik.review.compare import comparison, ring_of

    place.check()
    room = ring_of(run, load_recipe(run.path / "recipe.yaml"), place, systems, rows)
    _serve(room, comparison(room), place, experts, renew=renew, tell=tell)


def _serve(room: Room, app: FastAPI, place: Place, experts: Sequence[str], *, renew: bool, tell: Tell) -> None:
    run = room.run
    if renew and not experts:
        raise UsageError("new invitations for whom?", next="name them: --expert NAME --new-links")
    if not experts and not room.members.names():
        raise UsageError(
            "nobody is invited to this review yet", where=run.name, next=f"imbik review {run.typed} --expert NAME"
        )
    socket = listen(place)
    for line in invitations(room, place, experts, renew=renew):
        tell(line)
    for line in hidden(room):
        tell(line)
    tell(f"serving {run.name} at {place.address} until Ctrl-C")
    try:
        server(app, place).run(sockets=[socket])
    finally:
        socket.close()
        room.close()


def asking_recipe(run: RunFolder) -> Recipe:
    """The run's recipe. Raises: UsageError where it asks no experts."""
    recipe = load_recipe(run.path / "recipe.yaml")
    if recipe.review is None:
        raise UsageError(
            "this recipe asks no experts", where=str(run.path), next="add to it: review: {sample: 0.05, experts: 1}"
        )
    return recipe


def invitations(room: Room, place: Place, experts: Sequence[str], *, renew: bool = False) -> list[str]:
    """A line for each person: the link where it is new, else that there is one."""
    lines = []
    for name in dict.fromkeys(experts):
        token = room.members.invite(name, again=renew)
        if token is None:
            lines.append(f"{name}: has an invitation already; another one, which ends it: --expert {name} --new-links")
        else:
            lines.append(f"{name}: {place.address}/join#{token}")
            lines.append("  (shown once; whoever has this link judges in that name)")
    return lines


def hidden(room: Room) -> list[str]:
    """What each person will not see."""
    rows = room.desk.rows()
    lines = [] if rows else ["no rows are shown to experts yet; they appear on the page when stage refine is done"]
    for name in room.members.names():
        level = room.levels(name)
        above = sum(row.sensitivity.rank > level.rank for row in rows)
        if above:
            highest = max((row.sensitivity for row in rows), key=lambda found: found.rank, default=Sensitivity.PUBLIC)
            lines.append(
                f"! {name} sees {len(rows) - above:,} of {len(rows):,} rows: no more than {level.value} ones; in the "
                f"operator's file: reviewers: {{{name}: {highest.value}}}"
            )
    return lines
