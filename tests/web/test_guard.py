"""The guard: which requests come through, and what every answer carries. Asked over real HTTP."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from imbik.web.guard import NONCE
from imbik.web.serving import Place, listen, server
from reviewkit import free_port


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the nonce and the length of the body."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{scope[NONCE]} {length}".encode()})


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    where = Place(port=free_port())
    bound, made = listen(where), server(echo, where)
    thread = threading.Thread(target=made.run, kwargs={"sockets": [bound]})
    thread.start()
    while not made.started:
        time.sleep(0.01)
    yield where
    made.should_exit = True
    thread.join()
    bound.close()


def asked(
    place: Place, method: str = "GET", body: bytes = b"", chunked: bool = False, **headers: str
) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=10)
    given = {"Host": f"127.0.0.1:{place.port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    connection.putrequest(method, "/", skip_host=True, skip_accept_encoding=True)
    for name, value in given.items():
        connection.putheader(name, value)
    if chunked:
        connection.putheader("Transfer-Encoding", "chunked")
    elif body:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    try:
        for start in range(0, len(body), 65_536):
            part = body[start : start + 65_536]
            connection.send(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        if chunked:
            connection.send(b"0\r\n\r\n")
    except OSError:
        pass  # it answered before it had read all, and closed
    answer = connection.getresponse()
    said = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode()
    connection.close()
    return said


def test_every_answer_has_a_policy_with_a_nonce_of_its_own(place: Place) -> None:
    nonces = set()
    for _ in range(2):
        status, headers, said = asked(place)
        assert status == 200
        policy = headers["content-security-policy"]
        nonce = said.split()[0]
        nonces.add(nonce)
        assert f"script-src 'nonce-{nonce}'" in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert len(nonces) == 2


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", "[::1]", "", "127.0.0.1:{port}.evil"],
)
def test_another_host_is_refused_whatever_address_it_points_to(place: Place, host: str) -> None:
    """DNS rebinding: the browser asks 127.0.0.1, but says the name by which the page was opened."""
    status, headers, _ = asked(place, Host=host.format(port=place.port))
    assert status in {400, 421}
    if status == 421:
        assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_our_own_names_come_through(place: Place, host: str) -> None:
    assert asked(place, Host=host.format(port=place.port))[0] == 200


@pytest.mark.parametrize(
    ("origin", "site", "status"),
    [
        ("http://127.0.0.1:{port}", "same-origin", 200),
        ("http://127.0.0.1:{port}", "", 200),
        ("http://127.0.0.1:{port}", "cross-site", 403),
        ("http://127.0.0.1:{port}", "same-site", 403),
        ("http://evil.example", "", 403),
        ("http://127.0.0.1:1", "same-origin", 403),
        ("https://127.0.0.1:{port}", "", 403),
        ("null", "", 403),
        ("", "", 403),
    ],
)
def test_only_a_page_of_ours_may_change_something(place: Place, origin: str, site: str, status: int) -> None:
    given = {"Origin": origin.format(port=place.port), "Sec-Fetch-Site": site}
    headers = {name: value for name, value in given.items() if value}
    assert asked(place, "POST", b"{}", **headers)[0] == status


def test_a_header_that_is_there_twice_equals_nothing(place: Place) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=10)
    connection.putrequest("POST", "/", skip_host=True)
    for value in (f"http://127.0.0.1:{place.port}", "http://evil.example"):
        connection.putheader("Origin", value)
    connection.putheader("Host", f"127.0.0.1:{place.port}")
    connection.endheaders()
    assert connection.getresponse().status == 403
    connection.close()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_do_nothing(place: Place, method: str) -> None:
    assert asked(place, method)[0] == 405


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_read_up_to_its_limit(place: Place, chunked: bool) -> None:
    ours = {"Origin": place.address}
    status, _, said = asked(place, "POST", b"x" * 3_999_999, chunked, **ours)
    assert (status, said.split()[1]) == (200, "3999999")
    assert asked(place, "POST", b"x" * 4_000_001, chunked, **ours)[0] == 413
