"""How a place is reached: pinned addresses, what is told to whom, and the key that is added last."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import UsageError
from imbik.privacy.addresses import normal
from imbik.privacy.decisions import Place
from imbik.privacy.operator import LocalEndpoint, Operator
from imbik.privacy.routes import Routes, tls
from imbik.privacy.wire import UnreachableError
from imbik.teachers import WireRequest

URL = "https://api.example.com:8443/v1/chat/completions?a=1"


class Names:
    """A resolver: each look-up is counted, and answered with what is next (the last stays)."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), list[str]()

    async def getaddrinfo(self, host: str, port: int, **_: object) -> list[Any]:
        self.asked.append(host)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not found:
            raise socket.gaierror(-2, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> Names:
    """Names are looked up here while the test lasts."""
    names = Names(*answers)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", names.getaddrinfo)
    return names


async def spots(routes: Routes, url: str = URL) -> list[Place]:
    """Where a connection to this URL could end."""
    return await routes.places(routes.endpoint(url))


def request(headers: dict[str, str] | None = None, key: str = "", url: str = URL) -> WireRequest:
    """A request that shows a key, where one is named."""
    return WireRequest(url, b"{}", headers or {}, key, "Authorization", "Bearer ")


async def test_a_name_is_looked_up_once_and_its_places_stay_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    names, routes = resolving(monkeypatch, ["93.184.216.34"], ["10.0.0.66"]), Routes(Operator())
    first = await spots(routes)
    for path in ("/v1", "/v1/files", "/v1/batches"):
        (again,) = await spots(routes, f"https://api.example.com:8443{path}")
        assert again is first[0]  # what the gate decided for a place is found by the place itself
    assert names.asked == ["api.example.com"]
    assert first[0].peer == "93.184.216.34"


async def test_another_port_is_another_pin(monkeypatch: pytest.MonkeyPatch) -> None:
    names, routes = resolving(monkeypatch, ["93.184.216.34"], ["93.184.216.35"]), Routes(Operator())
    assert [place.peer for place in await spots(routes)] == ["93.184.216.34"]
    assert [place.peer for place in await spots(routes, "https://api.example.com/v1")] == ["93.184.216.35"]
    assert len(names.asked) == 2


async def test_every_address_of_a_name_is_a_place_once_in_its_normal_form(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["::ffff:127.0.0.1", "127.0.0.1", "10.0.0.7", "::ffff:169.254.169.254"])
    found = await spots(Routes(Operator()))
    assert [place.peer for place in found] == ["127.0.0.1", "10.0.0.7", "169.254.169.254"]


async def test_an_address_is_never_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    names = resolving(monkeypatch, ["10.0.0.66"])
    (place,) = await spots(Routes(Operator()), "http://127.0.0.1:8000/v1")
    assert place.peer == "127.0.0.1"
    assert not names.asked


async def test_a_name_without_an_address_is_asked_for_again_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, [], ["93.184.216.34"])
    routes = Routes(Operator())
    with pytest.raises(UnreachableError, match=r"api\.example\.com has no address"):
        await spots(routes)
    assert [place.peer for place in await spots(routes)] == ["93.184.216.34"]


async def test_after_no_connection_a_name_is_looked_up_again_and_its_places_are_asked_about_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch, ["93.184.216.34"], ["10.0.0.66", "93.184.216.34"])
    routes = Routes(Operator())
    (before,) = await spots(routes)
    error = routes.no_connection(routes.endpoint(URL), ["93.184.216.34: Connection refused"])
    assert "93.184.216.34: Connection refused" in str(error)
    moved, same = await spots(routes)
    assert moved.peer == "10.0.0.66"
    assert moved is not before
    assert same is before


async def test_the_address_that_answered_comes_first_and_no_other_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
    routes = Routes(Operator())
    await spots(routes)
    routes.prefer(routes.endpoint(URL), normal("10.0.0.3"))
    assert [place.peer for place in await spots(routes)] == ["10.0.0.3", "10.0.0.1", "10.0.0.2"]
    routes.prefer(routes.endpoint(URL), normal("10.9.9.9"))
    assert [place.peer for place in await spots(routes)] == ["10.0.0.3", "10.0.0.1", "10.0.0.2"]


async def test_the_connection_goes_to_the_address_and_the_server_hears_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolving(monkeypatch, ["93.184.216.34"])
    routes = Routes(Operator())
    (place,) = await spots(routes)
    url, headers = routes.addressed(request({"X-Surum": "1"}), place)
    assert str(url) == "https://93.184.216.34:8443/v1/chat/completions?a=1"
    assert headers == {"X-Surum": "1", "Host": "api.example.com:8443"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "kotu.example.com"},
        {"host": "kotu.example.com"},
        {"Transfer-Encoding": "chunked"},
        {"Content-Length": "3"},
        {"Proxy-Authorization": "x"},
        {"X-A": "1\r\nHost: kotu.example.com"},
        {"X-A\r\nHost": "kotu.example.com"},
    ],
)
async def test_no_header_says_where_a_request_goes_or_begins_another_line(headers: dict[str, str]) -> None:
    routes = Routes(Operator())
    (place,) = await spots(routes, "https://127.0.0.1:8443/v1")
    with pytest.raises(UsageError) as error:
        routes.addressed(request(headers), place)
    assert "kotu" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.com/v1",
        "file:///etc/passwd",
        "http+unix://%2Frun%2Fx/v1",
        "https://a.com@b.com/v1",
        "https://0x7f.1/v1",
    ],
)
def test_an_address_that_is_not_written_plainly_has_no_endpoint(url: str) -> None:
    with pytest.raises(UsageError):
        Routes(Operator()).endpoint(url)


async def test_the_key_is_read_at_the_end_and_shown_only_where_it_may_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-gizli-anahtar")
    monkeypatch.setenv("IMBIK_KURUM", "kurum-anahtari")
    resolving(monkeypatch, ["93.184.216.34"])
    routes = Routes(Operator())
    (home,), (foreign,) = await spots(routes, "https://api.openai.com/v1"), await spots(routes)
    openai = request(key="OPENAI_API_KEY", url="https://api.openai.com/v1")
    assert routes.addressed(openai, home)[1]["Authorization"] == "Bearer sk-gizli-anahtar"
    with pytest.raises(UsageError) as error:
        routes.addressed(request(key="OPENAI_API_KEY"), foreign)
    assert "gizli" not in str(error.value)
    assert routes.addressed(request(key="IMBIK_KURUM"), foreign)[1]["Authorization"] == "Bearer kurum-anahtari"
    assert "Authorization" not in routes.addressed(request(), foreign)[1]
    assert routes.shown(request(), foreign) == ""


async def test_no_key_travels_unencrypted_but_to_the_operators_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMBIK_KURUM", "kurum-anahtari")
    url = "http://10.0.0.7:8000/v1"
    wanted = request(key="IMBIK_KURUM", url=url)
    routes = Routes(Operator())
    with pytest.raises(UsageError, match="unencrypted"):
        routes.addressed(wanted, (await spots(routes, url))[0])
    own = Routes(Operator(local=(LocalEndpoint(host="10.0.0.7", ports=(8000,), attestation="bizim"),)))
    assert own.addressed(wanted, (await spots(own, url))[0])[1]["Authorization"] == "Bearer kurum-anahtari"


async def test_a_missing_key_and_one_with_a_line_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    routes = Routes(Operator())
    (place,) = await spots(routes, "https://127.0.0.1:8443/v1")
    monkeypatch.delenv("IMBIK_YOK", raising=False)
    with pytest.raises(UsageError, match="IMBIK_YOK is not set"):
        routes.addressed(request(key="IMBIK_YOK"), place)
    monkeypatch.setenv("IMBIK_YOK", "gizli\r\nHost: kotu.example.com")
    with pytest.raises(UsageError) as error:
        routes.addressed(request(key="IMBIK_YOK"), place)
    assert "gizli" not in str(error.value)


def test_tls_checks_certificate_and_name_and_writes_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "anahtarlar"))
    assert ssl.create_default_context().keylog_filename is not None  # the control: Python's own would write them
    context = tls()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.keylog_filename is None
