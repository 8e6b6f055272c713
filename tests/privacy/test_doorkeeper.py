"""What is asked of the gate before anything leaves, and that every row has its line first."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from imbik.core.errors import DiskFullError
from imbik.core.types import Sensitivity
from imbik.privacy.addresses import normal
from imbik.privacy.audit import Audit, AuditLine, Entry, read_audit
from imbik.privacy.decisions import Decision, Place
from imbik.privacy.doorkeeper import Doorkeeper
from imbik.privacy.gate import Asked, Gate, HandedOver
from imbik.privacy.operator import ExternalEndpoint, LocalEndpoint, Operator
from imbik.privacy.routes import Routes
from imbik.privacy.wire import BlockedAtDoorError, Enclosed
from imbik.teachers import WireRequest

PUBLIC, CONFIDENTIAL, SPECIAL = Sensitivity.PUBLIC, Sensitivity.CONFIDENTIAL, Sensitivity.SPECIAL
TCKN = "10000000146"
OURS, FOREIGN = "http://10.0.0.7:8000/v1", "https://93.184.216.34/v1"
OPERATOR = Operator(
    local=(LocalEndpoint(host="10.0.0.0/24", ports=(8000,), attestation="bizim"),),
    external=(ExternalEndpoint(host="api.example.com", contract="s", accepts=Sensitivity.INTERNAL),),
)


@dataclass(frozen=True)
class Parcel:
    """What carries rows."""

    request: WireRequest
    head: bytes = b'{"requests":['
    between: bytes = b","
    tail: bytes = b"]}"


class Counted(Audit):
    """A real chain that counts its writes, and whose disk can be full."""

    writes = 0
    full = False

    def append(self, entries: Sequence[Entry]) -> None:
        """One group of lines."""
        if self.full:
            raise DiskFullError("the disk is full")
        self.writes += 1
        super().append(entries)


class Door:
    """A keeper with its gate and chain in a folder."""

    def __init__(self, folder: Path) -> None:
        self.audit = Counted(folder)
        self.routes = Routes(OPERATOR)
        self.keeper = Doorkeeper(Gate(OPERATOR, self.audit), self.routes)

    @property
    def lines(self) -> list[AuditLine]:
        """Decisions in the chain."""
        return [line for line in read_audit(self.audit.path) if line.event == "decision"]

    async def place(self, url: str) -> Place:
        """The first place of an endpoint."""
        return (await self.routes.places(self.routes.endpoint(url)))[0]

    def pin(self, name: str, *addresses: str) -> str:
        """A name with these addresses; its URL."""
        self.routes.pins[name, 8000] = [normal(address) for address in addresses]
        return f"http://{name}:8000/v1"


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """A keeper in a folder of its own."""
    made = Door(tmp_path)
    yield made
    made.audit.close()


def asked(level: Sensitivity = PUBLIC, row: str = "satir-1") -> Asked:
    """One row."""
    return Asked(level, (row,))


def never() -> list[str]:
    """Texts that nobody may ask for."""
    raise AssertionError("nobody looks into what stays with the operator")


async def test_what_goes_to_a_local_place_is_looked_into_by_nobody(door: Door) -> None:
    ways = await door.keeper.allowed_first([await door.place(OURS)], asked(SPECIAL), never)
    assert [(place.peer, way.level) for place, way in ways] == [("10.0.0.7", SPECIAL)]


async def test_what_is_found_raises_rows_on_the_way_out_and_only_there(door: Door) -> None:
    url = door.pin("ikili.test", "93.184.216.34", "10.0.0.7")
    places = await door.routes.places(door.routes.endpoint(url))
    both = await door.keeper.allowed_first(places, asked(), lambda: ["merhaba"])
    assert [place.peer for place, _ in both] == ["93.184.216.34", "10.0.0.7"]
    ways = await door.keeper.allowed_first(places, asked(), lambda: [f"TCKN {TCKN}"])
    assert [(place.peer, way.level, way.found) for place, way in ways] == [("10.0.0.7", PUBLIC, ())]


async def test_where_nothing_is_allowed_one_place_is_left_for_the_gate_to_refuse(door: Door) -> None:
    url = door.pin("disari.test", "93.184.216.34", "93.184.216.35")
    places = await door.routes.places(door.routes.endpoint(url))
    ways = await door.keeper.allowed_first(places, asked(CONFIDENTIAL), lambda: ["x"])
    assert [place.peer for place, _ in ways] == ["93.184.216.34"]
    assert not (await door.keeper.decided(*ways[0], "test")).allowed
    assert [line.verdict for line in door.lines] == ["blocked"]


async def test_what_cannot_be_read_is_confidential(door: Door) -> None:
    ((_, way),) = await door.keeper.allowed_first([await door.place(FOREIGN)], asked(), lambda: None)
    assert (way.level, way.mark, way.found) == (CONFIDENTIAL, PUBLIC, ("unreadable",))


async def test_rows_that_are_ready_together_share_a_write_and_have_a_line_each(door: Door) -> None:
    place = await door.place(FOREIGN)
    levels = [PUBLIC, CONFIDENTIAL, PUBLIC]
    made = await asyncio.gather(
        *(door.keeper.decided(place, asked(level, f"satir-{n}"), "test") for n, level in enumerate(levels))
    )
    assert [decision.allowed for decision in made] == [True, False, True]
    assert [line.verdict for line in door.lines] == ["allowed", "blocked", "allowed"]
    assert len({line.rows for line in door.lines}) == 3
    assert door.audit.writes == 1


async def test_a_purpose_and_a_place_have_lines_of_their_own(door: Door) -> None:
    here, there = await door.place(OURS), await door.place(FOREIGN)
    ways = [(here, "generation"), (here, "judge"), (there, "generation")]
    await asyncio.gather(*(door.keeper.decided(place, asked(), purpose) for place, purpose in ways))
    assert {(line.address, line.purpose) for line in door.lines} == {(place.peer, purpose) for place, purpose in ways}


async def test_one_who_left_takes_nobody_along(door: Door) -> None:
    place = await door.place(FOREIGN)
    one, other = (asyncio.ensure_future(door.keeper.decided(place, asked(row=row), "test")) for row in ("a", "b"))
    await asyncio.sleep(0)
    one.cancel()
    assert (await other).allowed
    assert one.cancelled()


async def test_where_no_line_can_be_written_nobody_of_the_group_may_send(door: Door) -> None:
    place = await door.place(FOREIGN)
    door.audit.full = True
    made = await asyncio.gather(
        *(door.keeper.decided(place, asked(row=f"satir-{n}"), "test") for n in range(5)), return_exceptions=True
    )
    assert [type(item) for item in made] == [DiskFullError] * 5
    assert door.lines == []
    door.audit.full = False
    assert (await door.keeper.decided(place, asked(), "test")).allowed


async def test_foreseeing_writes_nothing_and_knows_what_the_door_will_say(door: Door) -> None:
    weighed, decision = await door.keeper.foresee(FOREIGN, asked(), [f"TCKN {TCKN}"])
    assert decision is not None
    assert (decision.allowed, weighed.level) == (False, CONFIDENTIAL)
    assert (await door.keeper.foresee(FOREIGN, asked(), ["merhaba"]))[1] == Decision(True, "public")
    assert await door.keeper.would_allow(FOREIGN, asked())
    assert not await door.keeper.would_allow(FOREIGN, asked(CONFIDENTIAL))
    assert await door.keeper.would_allow(door.pin("ikili.test", "93.184.216.34", "10.0.0.7"), asked(SPECIAL))
    assert door.audit.writes == 0


async def test_a_refusal_is_written_at_once_and_an_allowance_where_it_is_not_sent(door: Door) -> None:
    refused = await door.keeper.admit(FOREIGN, asked(CONFIDENTIAL), "test", lambda: False)
    assert refused is not None
    assert not refused.allowed
    assert [line.verdict for line in door.lines] == ["blocked"]
    sent = await door.keeper.admit(FOREIGN, asked(), "test", lambda: False)  # sending will write its line
    assert sent is not None
    assert sent.allowed
    assert len(door.lines) == 1
    await door.keeper.admit(FOREIGN, asked(), "test", lambda: True)  # it rides with another row's request
    assert [line.verdict for line in door.lines] == ["blocked", "allowed"]


async def test_without_an_address_nothing_is_decided(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object, **__: object) -> None:
        raise OSError("unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    url = "https://yok.invalid/v1"
    assert await door.keeper.admit(url, asked(SPECIAL), "test", lambda: pytest.fail("asked too early")) is None
    assert await door.keeper.foresee(url, asked(), [TCKN]) == (asked(), None)
    assert not await door.keeper.would_allow(url, asked())
    assert door.audit.writes == 0


def enclosed(text: str, level: Sensitivity = PUBLIC, row: str = "satir") -> Enclosed:
    """A row of a parcel."""
    return Enclosed(json.dumps({"messages": [{"content": text}]}).encode(), asked(level, row))


ROWS = [enclosed("merhaba", row="a"), enclosed(f"TCKN {TCKN}", row="b"), enclosed("sır", CONFIDENTIAL, "c")]
ROWS.append(Enclosed(b"\xff\xfe", asked(row="d")))


async def test_a_parcel_is_put_together_of_allowed_rows_only(door: Door) -> None:
    parcel = Parcel(WireRequest(FOREIGN, b"", {}, "", "", ""))
    body, made = await door.keeper.packed(parcel, ROWS, await door.place(FOREIGN), "test")
    assert body == b'{"requests":[' + ROWS[0].body + b"]}"
    assert [decision.allowed for decision in made] == [True, False, False, False]
    assert [line.verdict for line in door.lines] == ["allowed", "blocked", "blocked", "blocked"]
    assert [line.found for line in door.lines] == [(), ("tckn@1",), (), ("unreadable",)]
    assert len({line.rows for line in door.lines}) == 4


async def test_a_local_place_gets_the_whole_parcel_with_a_line_a_row(door: Door) -> None:
    parcel = Parcel(WireRequest(OURS, b"", {}, "", "", ""))
    body, made = await door.keeper.packed(parcel, ROWS, await door.place(OURS), "test")
    assert body == parcel.head + b",".join(row.body for row in ROWS) + parcel.tail
    assert all(decision.allowed for decision in made)
    assert len(door.lines) == 4


async def test_of_no_allowed_row_there_is_no_parcel(door: Door) -> None:
    parcel = Parcel(WireRequest(FOREIGN, b"", {}, "", "", ""))
    body, made = await door.keeper.packed(parcel, ROWS[1:], await door.place(FOREIGN), "test")
    assert body is None
    assert [line.verdict for line in door.lines] == ["blocked"] * len(made) == ["blocked"] * 3


@pytest.mark.parametrize(
    "parcel",
    [
        Parcel(WireRequest(FOREIGN, b"", {}, "", "", ""), head=f'{{"kisi": "TCKN {TCKN}", "requests":['.encode()),
        Parcel(WireRequest(FOREIGN, b"", {}, "", "", ""), tail=f'], "not": "TCKN {TCKN}"}}'.encode()),
        Parcel(WireRequest(FOREIGN, b"", {"X-Kisi": f"TCKN {TCKN}"}, "", "", "")),
        Parcel(WireRequest(f"{FOREIGN}?tckn={TCKN}", b"", {}, "", "", "")),
    ],
)
async def test_what_stands_around_the_rows_holds_nothing_of_anybody(door: Door, parcel: Parcel) -> None:
    with pytest.raises(BlockedAtDoorError) as error:
        await door.keeper.packed(parcel, ROWS[:1], await door.place(FOREIGN), "test")
    assert TCKN not in str(error.value)


async def test_rows_from_the_store_share_a_line_that_is_written_before_they_are_used(door: Door) -> None:
    rows = ("a", "b", "a")
    await asyncio.gather(*(door.keeper.note_stored(FOREIGN, Asked(PUBLIC, ()), row, "test") for row in rows))
    (line,) = door.lines
    assert (line.verdict, len(line.rows)) == ("stored", 2)
    door.audit.full = True
    made = await asyncio.gather(
        *(door.keeper.note_stored(FOREIGN, Asked(PUBLIC, ()), row, "test") for row in rows), return_exceptions=True
    )
    assert [type(item) for item in made] == [DiskFullError] * 3


async def test_rows_that_had_left_in_a_batch_have_a_line_that_says_when(door: Door) -> None:
    left = HandedOver("2026-11-24T21:00:00.000+00:00", "contract: s")
    for row, moment in (("a", left), ("b", left), ("c", None)):
        await door.keeper.note_stored(FOREIGN, Asked(PUBLIC, ()), row, "test", moment)
    found = [(line.verdict, line.left, line.reason, line.operator) for line in door.lines]
    assert found[:2] == [("collected", left.time, "contract: s", "")] * 2  # today's operator's file did not decide
    assert found[2][:2] == ("stored", "")


async def test_questions_about_a_batch_go_nowhere_that_rows_never_may(door: Door) -> None:
    door.keeper.refuse_place(await door.place(FOREIGN))
    with pytest.raises(BlockedAtDoorError):
        door.keeper.refuse_place(await door.place("http://169.254.169.254/v1"))
