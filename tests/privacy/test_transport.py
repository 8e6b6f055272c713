"""The only door: where it really connects, what it never follows or reads, and what it says when there is no reply."""

# ruff: noqa: RUF005, SIM117

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import aiohttp.connector
import pytest

from imbik.core.errors import UsageError
from imbik.core.types import Sensitivity
from imbik.privacy.addresses import normal
from imbik.privacy.audit import Audit, read_audit
from imbik.privacy.gate import Gate
from imbik.privacy.operator import LocalEndpoint, Operator
from imbik.privacy.transport import BlockedAtDoorError, BrokenReplyError, Reply, Transport, UnreachableError
from imbik.teachers import WireRequest
from imbik.testing import FakeTeacher, Rule
from tlskit import make_certificate, tls_front

BODY = b'{"model":"sahte","messages":[{"role":"user","content":"merhaba"}]}'


def request(url: str, **settings: str) -> WireRequest:
    """A request as a teacher makes it."""
    return WireRequest(url, BODY, {"Content-Type": "application/json"}, settings.pop("key_name", ""), **settings)


@asynccontextmanager
async def door(folder: Path, operator: Operator | None = None, **settings: Any) -> Any:
    """An open transport of a run in `folder`."""
    audit = Audit(folder)
    async with Transport(Gate(operator or Operator(), audit), **settings) as transport:
        yield transport
    audit.close()


async def send(
    transport: Transport, made: WireRequest, level: Sensitivity = Sensitivity.PUBLIC, seconds: float = 5
) -> Reply:
    """One sending for one row."""
    return await transport.send(made, sensitivity=level, rows=("r1",), purpose="test", seconds=seconds)


class Trap:
    """A server that only counts connections and keeps what it receives."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_server((host, 0))
        self.port = self.socket.getsockname()[1]
        self.connections = 0
        self.received = b""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            with peer:
                peer.settimeout(0.5)
                try:
                    self.received += peer.recv(65536)
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                except OSError:
                    pass


@contextmanager
def trap(host: str = "127.0.0.1") -> Iterator[Trap]:
    """A trap while the block lasts."""
    found = Trap(host)
    try:
        yield found
    finally:
        found.socket.close()


async def test_a_public_row_goes_there_and_back(tmp_path: Path) -> None:
    with FakeTeacher() as teacher:
        async with door(tmp_path) as transport:
            reply = await send(transport, request(teacher.base_url + "/chat/completions"))
    assert reply.status == 200
    assert b"Duydum: merhaba" in reply.body
    assert teacher.headers[0]["Host"] == f"127.0.0.1:{teacher.port}"
    lines = [line for line in read_audit(tmp_path / "audit.jsonl") if line.verdict]
    assert [(line.verdict, line.address, line.purpose) for line in lines] == [("allowed", "127.0.0.1", "test")]


async def test_the_gate_cannot_be_gone_around(tmp_path: Path) -> None:
    with FakeTeacher() as teacher:
        url = teacher.base_url + "/chat/completions"
        async with door(tmp_path) as transport:
            for level in (Sensitivity.INTERNAL, Sensitivity.CONFIDENTIAL, Sensitivity.SPECIAL):
                with pytest.raises(BlockedAtDoorError):
                    await send(transport, request(url), level)
        assert teacher.count == 0
        local = Operator(local=(LocalEndpoint(host="127.0.0.1", ports=(teacher.port,), attestation="test"),))
        async with door(tmp_path, local) as transport:
            await send(transport, request(url), Sensitivity.SPECIAL)
        assert teacher.count == 1


async def test_of_several_addresses_only_the_listed_one_is_used(tmp_path: Path) -> None:
    with FakeTeacher() as teacher:
        local = Operator(local=(LocalEndpoint(host="127.0.0.1", ports=(teacher.port,), attestation="test"),))
        async with door(tmp_path, local) as transport:
            transport._routes.pins[("ogretmen.test", teacher.port)] = [normal("::1"), normal("127.0.0.1")]
            url = f"http://ogretmen.test:{teacher.port}/v1/chat/completions"
            await send(transport, request(url), Sensitivity.CONFIDENTIAL)
    assert teacher.headers[0]["Host"] == f"ogretmen.test:{teacher.port}"
    assert [line.address for line in read_audit(tmp_path / "audit.jsonl") if line.verdict] == ["127.0.0.1"]


async def test_a_name_is_resolved_once_so_it_cannot_move_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["127.0.0.1", "127.0.0.2"])
    loop = asyncio.get_running_loop()

    async def rebinding(host: str, port: int, **_: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    with FakeTeacher() as teacher:
        async with door(tmp_path) as transport:
            for _ in range(3):
                await send(transport, request(f"http://ogretmen.test:{teacher.port}/v1/chat/completions"))
        assert teacher.count == 3
    assert next(answers) == "127.0.0.2"


async def test_nothing_is_written_to_a_peer_that_is_not_the_pinned_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = aiohttp.connector.aiohappyeyeballs.start_connection
    with FakeTeacher() as teacher, trap("127.0.0.2") as elsewhere:
        info = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", elsewhere.port))]

        async def misled(addr_infos: object, **settings: object) -> socket.socket:
            return await real(info, **settings)

        monkeypatch.setattr(aiohttp.connector.aiohappyeyeballs, "start_connection", misled)
        async with door(tmp_path) as transport:
            with pytest.raises(BrokenReplyError):
                await send(transport, request(teacher.base_url + "/chat/completions"))
        assert elsewhere.connections == 1  # the control: it was led there
        assert elsewhere.received == b""
        assert teacher.count == 0


async def test_proxies_of_the_environment_stay_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeTeacher() as teacher, trap() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "Http_Proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        url = teacher.base_url + "/chat/completions"
        async with door(tmp_path) as transport:
            assert (await send(transport, request(url))).status == 200
        assert proxy.connections == 0
        async with aiohttp.ClientSession(trust_env=True) as session, session.post(url, data=BODY):
            pass
        assert proxy.connections == 1  # the control: a client that reads the environment is caught
        assert b"merhaba" in proxy.received


@pytest.mark.parametrize(
    "header",
    [
        {"Host": "evil.com"},
        {"host": "evil.com"},
        {"Content-Length": "1"},
        {"Transfer-Encoding": "chunked"},
        {"Connection": "upgrade"},
        {"Proxy-Authorization": "x"},
        {"X-A": "1\r\nHost: evil.com"},
        {"X-A\r\nHost": "evil.com"},
        {"X-A": "1\nX"},
        {"X A": "1"},
        {"X-A": "1\x00"},
    ],
)
async def test_a_teacher_cannot_say_where_a_request_goes_or_begin_another_line(
    tmp_path: Path, header: dict[str, str]
) -> None:
    with FakeTeacher() as teacher:
        url = teacher.base_url + "/chat/completions"
        async with door(tmp_path) as transport:
            with pytest.raises(UsageError, match=r"header"):
                await send(transport, WireRequest(url, BODY, header, ""))
            assert (await send(transport, WireRequest(url, BODY, {"X-A": "1", "Accept": "*/*"}, ""))).status == 200
        assert teacher.count == 1


async def test_a_key_cannot_stand_in_a_header_that_is_not_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMBIK_FAKE_KEY", "evil.com")
    with FakeTeacher() as teacher:
        made = request(teacher.base_url + "/v1", key_name="IMBIK_FAKE_KEY", key_header="Host", key_prefix="")
        async with door(tmp_path) as transport:
            with pytest.raises(UsageError, match="Host"):
                await send(transport, made)
        monkeypatch.setenv("IMBIK_FAKE_KEY", "a\r\nHost: evil.com")
        async with door(tmp_path) as transport:
            with pytest.raises(UsageError, match="characters that no key has"):
                await send(transport, request(teacher.base_url + "/v1", key_name="IMBIK_FAKE_KEY"))
        assert teacher.count == 0


async def test_the_secrets_of_a_tls_session_are_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(make_certificate(tmp_path / "tls", "127.0.0.1")))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    with FakeTeacher() as teacher, tls_front(tmp_path / "tls", teacher.port) as port:
        async with door(tmp_path) as transport:
            assert (await send(transport, request(f"https://127.0.0.1:{port}/v1/chat/completions"))).status == 200
    assert not (tmp_path / "keys.log").exists()
    ssl.create_default_context()
    assert (tmp_path / "keys.log").exists()  # the control: Python's own context would have written them


async def test_two_names_of_one_address_do_not_share_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(make_certificate(tmp_path / "tls", "bir.test")))
    with FakeTeacher() as teacher, tls_front(tmp_path / "tls", teacher.port) as port:
        async with door(tmp_path) as transport:
            for name in ("bir.test", "iki.test"):
                transport._routes.pins[name, port] = [normal("127.0.0.1")]
            url = "https://{}:" + f"{port}/v1/chat/completions"
            assert (await send(transport, request(url.format("bir.test")))).status == 200
            with pytest.raises(UnreachableError, match="certificate"):
                await send(transport, request(url.format("iki.test")))
        assert teacher.count == 1


async def test_redirects_are_not_followed(tmp_path: Path) -> None:
    with FakeTeacher() as elsewhere:
        target = elsewhere.base_url + "/chat/completions"
        with FakeTeacher(rules=[Rule("redirect", target=target)]) as teacher:
            url = teacher.base_url + "/chat/completions"
            async with door(tmp_path) as transport:
                reply = await send(transport, request(url))
            assert (reply.status, elsewhere.count) == (307, 0)
            async with aiohttp.ClientSession() as session, session.post(url, data=BODY):
                pass
            assert elsewhere.count == 1  # the control: a client that follows sends the body again


async def test_the_key_comes_from_the_environment_and_is_never_in_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMBIK_FAKE_KEY", "gizli-anahtar")
    with FakeTeacher(key="gizli-anahtar", rules=[Rule("reset", after=1)]) as teacher:
        made = request(teacher.base_url + "/chat/completions", key_name="IMBIK_FAKE_KEY")
        async with door(tmp_path) as transport:
            assert (await send(transport, made)).status == 200
            with pytest.raises(BrokenReplyError) as error:
                await send(transport, made)
    assert teacher.headers[0]["Authorization"] == "Bearer gizli-anahtar"
    assert "gizli" not in repr(error.value)
    assert "gizli" not in (tmp_path / "audit.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "url", "what"),
    [
        ("IMBIK_MISSING", "http://127.0.0.1:1/v1", "export IMBIK_MISSING="),
        ("AWS_SECRET_ACCESS_KEY", "http://127.0.0.1:1/v1", "is not read as a key"),
        ("OPENAI_API_KEY", "http://127.0.0.1:1/v1", "belongs to api.openai.com"),
        ("STRIPE_API_KEY", "https://127.0.0.1:1/v1", "imbik does not know"),
        ("IMBIK_A\ngizli", "https://127.0.0.1:1/v1", "is not read as a key"),
        ("IMBIK_FAKE_KEY", "http://192.0.2.1:1/v1", "unencrypted"),
    ],
)
async def test_a_recipe_cannot_send_any_secret_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, url: str, what: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    for secret in ("AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "STRIPE_API_KEY", "IMBIK_FAKE_KEY"):
        monkeypatch.setenv(secret, "gizli")
    async with door(tmp_path) as transport:
        with pytest.raises(UsageError, match=what) as error:
            await send(transport, request(url, key_name=name))
    assert "gizli" not in str(error.value)


async def test_a_server_that_repeats_the_key_is_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMBIK_FAKE_KEY", "gizli-anahtar")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        given = next(line for line in head.split(b"\r\n") if line.startswith(b"Authorization"))
        writer.write(b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n%s" % (len(given), given))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, door(tmp_path) as transport:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        reply = await send(transport, request(url, key_name="IMBIK_FAKE_KEY"))
    assert reply.body.decode() == "Authorization: Bearer …"


async def test_no_connection_says_why_and_a_hanging_one_ends_at_the_deadline(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with door(tmp_path) as transport:
        with pytest.raises(UnreachableError, match="refused"):
            await send(transport, request(f"http://127.0.0.1:{port}/v1"))
        with pytest.raises(UnreachableError, match=r"yok\.invalid has no address"):
            await send(transport, request("http://yok.invalid/v1"))
        with FakeTeacher(rules=[Rule("hang")]) as teacher:
            with pytest.raises(BrokenReplyError, match=r"within 0\.2 s"):
                await send(transport, request(teacher.base_url + "/chat/completions"), seconds=0.2)


async def test_a_broken_or_endless_reply_is_an_error_not_an_answer(tmp_path: Path) -> None:
    with FakeTeacher(rules=[Rule("wrong_length", times=1), Rule("reset", times=1), Rule("huge")]) as teacher:
        url = teacher.base_url + "/chat/completions"
        async with door(tmp_path, max_reply_bytes=100_000) as transport:
            for what in ("broke", "broke", "longer than 100,000 bytes"):
                with pytest.raises(BrokenReplyError, match=what):
                    await send(transport, request(url))


async def test_a_compressed_bomb_meets_the_same_limit(tmp_path: Path) -> None:
    bomb = gzip.compress(b"a" * 50_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"merhaba")
        writer.write(head + bomb)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, door(tmp_path, max_reply_bytes=1_000_000) as transport:
        with pytest.raises(BrokenReplyError):
            await send(transport, request(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"))


_TLS = """
import asyncio, ssl, sys
from pathlib import Path
from aiohttp import web
from imbik.core.types import Sensitivity
from imbik.privacy.audit import Audit
from imbik.privacy.gate import Gate
from imbik.privacy.operator import Operator
from imbik.privacy.transport import Transport, TransportError
from imbik.teachers import WireRequest

async def main(folder, host):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    async def handle(request):
        return web.Response(text=request.host)
    app = web.Application()
    app.router.add_post("/v1", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    port = runner.addresses[0][1]
    async with Transport(Gate(Operator(), Audit(folder))) as transport:
        made = WireRequest(f"https://{host}:{port}/v1", b"{}", {}, "")
        try:
            reply = await transport.send(made, sensitivity=Sensitivity.PUBLIC, rows=("r",), purpose="t", seconds=5)
            print(reply.status, reply.body.decode())
        except TransportError as error:
            print("refused", error)
    await runner.cleanup()

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


@pytest.mark.parametrize(("name", "expected"), [("localhost", "200 localhost:"), ("baska.test", "refused")])
def test_tls_is_checked_against_the_name_though_the_address_is_pinned(
    tmp_path: Path, name: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(
        [*"openssl req -x509 -newkey rsa:2048 -nodes -days 2".split(), "-subj", f"/CN={name}"]
        + ["-addext", f"subjectAltName=DNS:{name}"]
        + ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")],
        check=True,
        capture_output=True,
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    done = subprocess.run(
        [sys.executable, "-c", _TLS, str(tmp_path), "localhost"], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith(expected), done.stderr


async def test_a_reply_that_nobody_asked_for_is_not_the_answer_to_the_next_question(tmp_path: Path) -> None:
    """The server sends a second, wrong reply a moment after each good one, over the connection that is kept."""
    with FakeTeacher(lambda messages: "doğru", rules=[Rule("late_reply")]) as teacher:
        async with door(tmp_path) as transport:
            bodies = []
            for _ in range(5):
                bodies.append((await send(transport, request(f"{teacher.base_url}/chat/completions"))).body.decode())
                await asyncio.sleep(0.03)
    assert ["doğru" in body for body in bodies] == [True] * 5
