"""Detection at the door: whatever leaves for a place that is not local is looked into, from its own bytes."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from imbik.core.types import Sensitivity
from imbik.privacy.addresses import Network, network
from imbik.privacy.audit import Audit, AuditLine, read_audit
from imbik.privacy.detect import Detection
from imbik.privacy.gate import Asked, Gate
from imbik.privacy.operator import ExternalEndpoint, LocalEndpoint, Operator
from imbik.privacy.transport import BlockedAtDoorError, Reply, Transport
from imbik.teachers import WireRequest
from imbik.testing import FakeTeacher

TCKN = "10000000146"
HELLO = {"messages": [{"role": "user", "content": "merhaba"}]}


@pytest.fixture
def teacher() -> Iterator[FakeTeacher]:
    """A server that nobody declared local."""
    with FakeTeacher() as found:
        yield found


@asynccontextmanager
async def door(folder: Path, operator: Operator | None = None) -> AsyncIterator[Transport]:
    """An open transport of a run in `folder`."""
    audit = Audit(folder)
    async with Transport(Gate(operator or Operator(), audit)) as transport:
        yield transport
    audit.close()


async def send(
    transport: Transport,
    teacher: FakeTeacher,
    body: object,
    level: Sensitivity = Sensitivity.PUBLIC,
    *,
    query: str = "",
    **headers: str,
) -> Reply:
    """One sending for one row."""
    held = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = headers.pop("kind", "application/json")
    made = WireRequest(
        teacher.base_url + "/chat/completions" + query, held, {"Content-Type": kind, **headers}, "", "", ""
    )
    return await transport.send(made, sensitivity=level, rows=("r1",), purpose="test", seconds=5)


def decisions(folder: Path) -> list[AuditLine]:
    """The audit's decisions."""
    return [line for line in read_audit(folder / "audit.jsonl") if line.event == "decision"]


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": f"TC kimlik no: {TCKN}"}]},
        {
            "messages": [
                {"role": "system", "content": f"Örnek: TCKN {TCKN}'ün sahibi"},
                {"role": "user", "content": "x"},
            ]
        },
        {**HELLO, "metadata": {"tckn": int(TCKN)}},
        {**HELLO, "user": f"TCKN {TCKN}"},
        {**HELLO, "tools": [{"function": {"description": f"kimlik no {TCKN}"}}]},
    ],
)
async def test_a_public_row_that_holds_an_identifier_stays_here(
    tmp_path: Path, teacher: FakeTeacher, body: object
) -> None:
    async with door(tmp_path) as transport:
        with pytest.raises(BlockedAtDoorError) as error:
            await send(transport, teacher, body)
        assert (await send(transport, teacher, HELLO)).status == 200  # the control: without it, it leaves
    assert teacher.count == 1
    assert "tckn" in str(error.value)
    assert TCKN not in str(error.value)
    blocked, allowed = decisions(tmp_path)
    assert (blocked.verdict, blocked.sensitivity, blocked.marked, blocked.found) == (
        "blocked",
        "confidential",
        "public",
        ("tckn@1",),
    )
    assert (allowed.verdict, allowed.sensitivity, allowed.found) == ("allowed", "public", ())
    assert TCKN not in (tmp_path / "audit.jsonl").read_text(encoding="utf-8")


async def test_the_chain_names_the_detectors_once_before_what_they_decide(tmp_path: Path, teacher: FakeTeacher) -> None:
    async with door(tmp_path) as transport:
        for _ in range(3):
            await send(transport, teacher, HELLO)
    first, *rest = read_audit(tmp_path / "audit.jsonl")
    assert first.event == "detectors"
    assert "tckn 1" in first.detectors
    assert {line.event for line in rest} == {"decision"}


async def test_urls_headers_and_file_names_are_looked_into(tmp_path: Path, teacher: FakeTeacher) -> None:
    form = f'--s\r\nContent-Disposition: form-data; name="file"; filename="TCKN {TCKN}.jsonl"\r\n\r\n{{}}\r\n--s--\r\n'
    async with door(tmp_path) as transport:
        for attempt in (
            send(transport, teacher, HELLO, query=f"?tckn={TCKN}"),
            send(transport, teacher, HELLO, **{"X-Kisi": f"TCKN {TCKN}"}),
            send(transport, teacher, form.encode(), kind="multipart/form-data; boundary=s"),
        ):
            with pytest.raises(BlockedAtDoorError):
                await attempt
    assert teacher.count == 0


@pytest.mark.parametrize("body", [b"\xff\xfe\x00", b'{"messages": [', b"\x1f\x8b\x08"])
async def test_a_body_that_cannot_be_read_is_confidential(tmp_path: Path, teacher: FakeTeacher, body: bytes) -> None:
    async with door(tmp_path) as transport:
        with pytest.raises(BlockedAtDoorError):
            await send(transport, teacher, body)
    assert [(line.sensitivity, line.found) for line in decisions(tmp_path)] == [("confidential", ("unreadable",))]


async def test_a_row_that_is_confidential_anyway_is_not_said_to_have_risen(
    tmp_path: Path, teacher: FakeTeacher
) -> None:
    async with door(tmp_path) as transport:
        with pytest.raises(BlockedAtDoorError):
            await send(transport, teacher, {"messages": [{"content": f"TCKN {TCKN}"}]}, Sensitivity.SPECIAL)
    assert [(line.sensitivity, line.marked, line.found) for line in decisions(tmp_path)] == [("special", "", ())]


async def test_nothing_found_lowers_nothing(tmp_path: Path, teacher: FakeTeacher) -> None:
    async with door(tmp_path) as transport:
        with pytest.raises(BlockedAtDoorError):
            await send(transport, teacher, HELLO, Sensitivity.INTERNAL)
    assert [line.sensitivity for line in decisions(tmp_path)] == ["internal"]


async def test_a_local_endpoint_gets_rows_as_they_are_and_nobody_looks(
    tmp_path: Path, teacher: FakeTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Detection, "find", _broken)
    local = Operator(local=(LocalEndpoint(host="127.0.0.1", ports=(teacher.port,), attestation="ours"),))
    async with door(tmp_path, local) as transport:
        reply = await send(transport, teacher, {"messages": [{"content": f"TCKN {TCKN}"}]}, Sensitivity.SPECIAL)
    assert TCKN in reply.body.decode()
    assert [line.event for line in read_audit(tmp_path / "audit.jsonl")] == ["decision"]


def _broken(*_: object) -> list[object]:
    raise RuntimeError(f"boom {TCKN}")


def _hangs(*_: object) -> list[object]:
    time.sleep(1.0)
    return []


@pytest.mark.parametrize("where", ["find", "__init__"])
async def test_a_detector_that_crashes_blocks_everything(
    tmp_path: Path, teacher: FakeTeacher, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(Detection, where, _broken)
    async with door(tmp_path) as transport:
        for number in range(20):
            with pytest.raises(BlockedAtDoorError, match="detector failed"):
                await send(transport, teacher, {"messages": [{"content": f"merhaba {number}"}]})
    assert teacher.count == 0
    assert [line.verdict for line in decisions(tmp_path)] == ["blocked"] * 20
    assert TCKN not in (tmp_path / "audit.jsonl").read_text(encoding="utf-8")


async def test_a_detector_that_hangs_blocks_and_does_not_hold_up_the_loop(
    tmp_path: Path, teacher: FakeTeacher, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with door(tmp_path) as transport:
        transport.keeper._gate.inspector._seconds = 0.1
        long = {"messages": [{"role": "user", "content": "uzun " * 20_000}]}
        assert (await send(transport, teacher, long)).status == 200  # the control: looked into on a thread, in time
        monkeypatch.setattr(Detection, "find", _hangs)
        for number in range(4):
            began = time.monotonic()
            with pytest.raises(BlockedAtDoorError, match=r"took longer than|do not come to an end"):
                await send(transport, teacher, {"messages": [{"content": f"{number} " * 50_000}]})
            assert time.monotonic() - began < 0.8
    assert teacher.count == 1


async def test_what_an_operator_leaves_out_does_not_raise(tmp_path: Path, teacher: FakeTeacher) -> None:
    loose = Operator.model_validate({"detectors": {"leave_out": ["tckn"]}})
    async with door(tmp_path, loose) as transport:
        assert (await send(transport, teacher, {"messages": [{"content": f"TCKN {TCKN}"}]})).status == 200
    with pytest.raises(BlockedAtDoorError, match="yok_boyle"):
        async with door(tmp_path / "b", Operator.model_validate({"detectors": {"add": ["yok_boyle"]}})) as transport:
            await send(transport, teacher, HELLO)


async def test_an_external_endpoint_gets_what_its_contract_covers(tmp_path: Path) -> None:
    listed = ExternalEndpoint(host="api.example.com", contract="c", accepts=Sensitivity.CONFIDENTIAL)
    gate = Gate(Operator(external=(listed,)), Audit(tmp_path))
    found: Network | None = network("93.184.216.34")
    assert found is not None
    transport = Transport(gate)
    transport._routes.pins[("api.example.com", 443)] = [found.network_address]
    asked = Asked(Sensitivity.PUBLIC, ("r1",))
    weighed, decision = await transport.keeper.foresee("https://api.example.com/v1", asked, [f"TCKN {TCKN}"])
    assert decision is not None
    assert decision.allowed
    assert (weighed.level, weighed.mark) == (Sensitivity.CONFIDENTIAL, Sensitivity.PUBLIC)
