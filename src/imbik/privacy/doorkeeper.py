"""What the door asks the gate before anything leaves, and the audit lines that requests share.

Enters: rows, the places where they could go, and the texts that would leave. Leaves: the places that are allowed, the
decision about each row, and its line in the audit chain. Hundreds of requests become ready together, and a line each on
the disk would be slower than the teachers: those of one turn of the loop share one write. Detectors look only at what
leaves for a place that is not local. Nothing here opens a connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from imbik.core.types import Sensitivity
from imbik.privacy.contents import texts_in
from imbik.privacy.decisions import Decision, Place
from imbik.privacy.gate import Asked, Gate, HandedOver
from imbik.privacy.routes import Routes
from imbik.privacy.wire import BlockedAtDoorError, Carrying, Enclosed, UnreachableError, texts_beside

_Waiting = tuple[Asked, "asyncio.Future[Decision]"]
_Noted = tuple[str, str, Asked, HandedOver | None]


class Doorkeeper:
    """Asks one gate for one transport; used inside a running loop.

    `foresee`, `would_allow` and `admit` are asked ahead of sending, `decided` and `packed` as it is sent.
    """

    def __init__(self, gate: Gate, routes: Routes) -> None:
        self._gate, self._routes = gate, routes
        self._deciding: dict[tuple[Place, str], list[_Waiting]] = {}
        self._storing: dict[_Noted, tuple[list[str], asyncio.Future[None]]] = {}

    async def allowed_first(
        self, places: list[Place], asked: Asked, texts: Callable[[], list[str] | None]
    ) -> list[tuple[Place, Asked]]:
        """The places that the gate would allow, with what is asked of each; where it would allow none, one for it to
        refuse. `texts` gives what would leave (None: it cannot be read), and is called for places not local only."""
        here = [self._gate.is_local(place) for place in places]
        outside = asked if all(here) else await self._gate.look(asked, texts())
        ways = [(place, asked if local else outside) for place, local in zip(places, here, strict=True)]
        if len(ways) == 1:
            return ways
        return [way for way in ways if self._gate.weigh(way[1], way[0]).allowed] or ways[:1]

    async def foresee(self, url: str, asked: Asked, texts: list[str] | None) -> tuple[Asked, Decision | None]:
        """What the gate would say of rows with these words (None: nobody can read them), and how private the words make
        them; nothing is written.

        The decision is None where the host has no address: then nothing was looked into either.
        """
        try:
            places = await self._routes.places(self._routes.endpoint(url))
        except UnreachableError:
            return asked, None
        place, weighed = (await self.allowed_first(places, asked, lambda: texts))[0]
        return weighed, self._gate.weigh(weighed, place)

    async def would_allow(self, url: str, asked: Asked) -> bool:
        """Whether such rows may go there at all, whatever their words are; nothing is written."""
        try:
            places = await self._routes.places(self._routes.endpoint(url))
        except UnreachableError:
            return False
        return any(self._gate.weigh(asked, place).allowed for place in places)

    async def admit(self, url: str, asked: Asked, purpose: str, write: Callable[[], bool]) -> Decision | None:
        """What the gate says of sending this row there, before anything else is done with it.

        A refusal is written to the audit chain at once, an allowance when it is sent; `write` says whether the row's
        question is under way already in another row's name, and is asked last: looking the host up takes time. None:
        the host has no address, so nothing was decided or written; sending will say so.
        """
        try:
            places = await self._routes.places(self._routes.endpoint(url))
            place, _ = (await self.allowed_first(places, asked, list))[0]
        except UnreachableError:
            return None
        decision = self._gate.weigh(asked, place)
        if write() or not decision.allowed:
            decision = self._gate.decide_all([asked], place, purpose=purpose)[0]
        return decision

    async def decided(self, place: Place, asked: Asked, purpose: str) -> Decision:
        """The gate's decision; requests that are ready together share one write to the audit chain."""
        loop = asyncio.get_running_loop()
        group = self._deciding.setdefault((place, purpose), [])
        if not group:
            loop.call_soon(self._decide_group, place, purpose)
        group.append((asked, loop.create_future()))
        return await group[-1][1]

    def _decide_group(self, place: Place, purpose: str) -> None:
        """Decide for a group; whatever goes wrong, nobody of it may send."""
        group = self._deciding.pop((place, purpose))
        try:
            decisions = self._gate.decide_all([asked for asked, _ in group], place, purpose=purpose)
        except Exception as error:
            for _, waiting in group:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), decision in zip(group, decisions, strict=True):
            if not waiting.done():
                waiting.set_result(decision)

    async def note_stored(self, url: str, asked: Asked, row: str, purpose: str, left: HandedOver | None = None) -> None:
        """Write down that a row was answered from the store, or from a batch in which it had `left`; rows that are
        ready together share one line.

        Raises: DiskFullError when the line cannot be written.
        """
        loop, spot = asyncio.get_running_loop(), (url, purpose, asked, left)
        if spot not in self._storing:
            self._storing[spot] = ([], loop.create_future())
            loop.call_soon(self._note_group, *spot)
        rows, written = self._storing[spot]
        rows.append(row)
        await asyncio.shield(written)

    def _note_group(self, url: str, purpose: str, asked: Asked, left: HandedOver | None) -> None:
        """One line for a group of rows that were answered from the store."""
        rows, written = self._storing.pop((url, purpose, asked, left))
        try:
            alike = asked._replace(rows=tuple(dict.fromkeys(rows)))
            self._gate.note_stored(alike, self._routes.endpoint(url), purpose=purpose, left=left)
        except Exception as error:
            written.set_exception(error)
        else:
            written.set_result(None)

    async def packed(
        self, parcel: Carrying, enclosed: Sequence[Enclosed], place: Place, purpose: str
    ) -> tuple[bytes | None, list[Decision]]:
        """The body of a parcel, put together of allowed rows only (None: there is none), and each row's decision.

        Every row is looked into by itself, from its bytes, and has an audit line of its own.

        Raises: BlockedAtDoorError where what stands around the rows may not leave.
        """
        asked = [await self._looked(place, item) for item in enclosed]
        decisions = self._gate.decide_all(asked, place, purpose=purpose)
        bodies = [item.body for item, made in zip(enclosed, decisions, strict=True) if made.allowed]
        if not bodies:
            return None, decisions
        await self._admit_beside(parcel, place)
        return parcel.head + parcel.between.join(bodies) + parcel.tail, decisions

    async def _looked(self, place: Place, item: Enclosed) -> Asked:
        """What is asked of a place about one row of many, with what is found in its bytes."""
        return item.asked if self._gate.is_local(place) else await self._gate.look(item.asked, texts_in(item.body))

    async def _admit_beside(self, parcel: Carrying, place: Place) -> None:
        """What stands around the rows is not a row, and may hold nothing that is more than public."""
        beside = Asked(Sensitivity.PUBLIC, ())
        if not self._gate.is_local(place):
            beside = await self._gate.look(beside, texts_beside(parcel))
        decision = self._gate.weigh(beside, place)
        if not decision.allowed:
            raise BlockedAtDoorError(decision)

    def refuse_place(self, place: Place) -> None:
        """Raises BlockedAtDoorError for a place where not even public rows may go."""
        decision = self._gate.foresee(Sensitivity.PUBLIC, place)
        if not decision.allowed:
            raise BlockedAtDoorError(decision)
