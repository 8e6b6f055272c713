"""The only door: every request to a teacher leaves here, and nowhere else is a client connection opened.

Enters: a request as data, the sensitivity of what is in it, and the rows it was made from. Leaves: the reply, or a
typed reason why there is none. The gate is asked here, on the address about to be connected to, so it cannot be gone
around:

- the host is resolved once and pinned; the request is addressed to that address, and the peer of the connection is
  compared with it before the first byte is written;
- no proxy, no cookie, no .netrc of the environment is used, and no redirect is followed;
- what leaves for a place that is not local is read from the bytes about to leave, and the detectors look at all of it:
  what they find raises the rows' sensitivity, and what cannot be read is confidential;
- replies are cut off at a byte limit, requests at a total deadline;
- the key is added last, and is never part of an error or a log.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

import aiohttp
from yarl import URL

from imbik.core.types import Inspected, Sensitivity
from imbik.privacy.addresses import Address, Endpoint, endpoint, normal
from imbik.privacy.contents import texts_in
from imbik.privacy.gate import Asked, Decision, Gate, Place, asked_about
from imbik.privacy.keys import find_key
from imbik.privacy.unpacking import TooLongError, Unpacked, UnreadableError
from imbik.privacy.wire import (
    BlockedAtDoorError,
    BrokenReplyError,
    Carrying,
    Enclosed,
    Outgoing,
    Reply,
    TooLongReplyError,
    TransportError,
    UnreachableError,
    checked_headers,
    texts_beside,
    texts_of,
    without_key,
)

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection

MAX_REPLY_BYTES = 64 << 20
_CONNECT_SECONDS = 20.0
__all__ = [
    "BlockedAtDoorError",
    "BrokenReplyError",
    "Outgoing",
    "Reply",
    "TooLongReplyError",
    "Transport",
    "TransportError",
    "UnreachableError",
]
NOT_INSPECTED = Inspected()
"""Words of which nothing is known yet."""


class _PinnedConnector(aiohttp.TCPConnector):
    """Connects to addresses only, and compares the peer with the address asked for before anything is written."""

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        peer = connection.transport.get_extra_info("peername") if connection.transport else None
        if peer is None or str(normal(str(peer[0]))) != req.url.raw_host:
            connection.close()
            raise aiohttp.ClientConnectionError("the connection does not end at the pinned address")
        return connection


_Waiting = tuple[Asked, "asyncio.Future[Decision]"]


class Transport:
    """Opened inside a running loop with `async with`; one per run and process."""

    def __init__(self, gate: Gate, *, max_reply_bytes: int = MAX_REPLY_BYTES) -> None:
        self._gate = gate
        self._max_reply = max_reply_bytes
        self._pins: dict[tuple[str, int], list[Address]] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._routes: dict[Endpoint, tuple[list[Address], list[Place]]] = {}
        self._targets: dict[tuple[str, Place], tuple[URL, str]] = {}
        self._spots: dict[tuple[Endpoint, Address], Place] = {}
        self._deciding: dict[tuple[Place, str], list[_Waiting]] = {}
        self._storing: dict[tuple[str, str, Asked], tuple[list[str], asyncio.Future[None]]] = {}
        self._keys: dict[tuple[str, Place], str] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Transport:
        connector = _PinnedConnector(limit=0, use_dns_cache=False, keepalive_timeout=30, ssl=_tls())
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,  # the limit on a reply counts what it unpacks to
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            headers={"User-Agent": "imbik", "Accept-Encoding": "identity"},
            raise_for_status=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def foresee(self, url: str, asked: Asked, texts: list[str]) -> tuple[Asked, Decision | None]:
        """What the gate would say of rows with these words, and how private the words make them; nothing is written.

        The decision is None where the host has no address: then nothing was looked into either.
        """
        target = self._endpoint(url)
        try:
            places = await self._places(target)
        except UnreachableError:
            return asked, None
        place, weighed = await self._best(places, asked, texts)
        return weighed, self._gate.weigh(weighed, place)

    async def would_allow(self, url: str, asked: Asked) -> bool:
        """Whether such rows may go there at all, whatever their words are; nothing is written."""
        try:
            places = await self._places(self._endpoint(url))
        except UnreachableError:
            return False
        return any(self._gate.weigh(asked, place).allowed for place in places)

    async def admit(
        self,
        url: str,
        *,
        sensitivity: Sensitivity,
        row: str,
        purpose: str,
        write: Callable[[], bool],
        inspected: Inspected = NOT_INSPECTED,
    ) -> Decision | None:
        """What the gate says of sending this row there, before anything else is done with it.

        A refusal is written to the audit chain at once, an allowance by `send`; `write` says whether the row's question
        is under way already in another row's name, and is asked last: looking the host up takes time. None: the host
        has no address, so nothing was decided or written; sending will say so.
        """
        target, asked = self._endpoint(url), asked_about(sensitivity, (row,), inspected)
        try:
            place, _ = await self._best(await self._places(target), asked, [])
        except UnreachableError:
            return None
        decision = self._gate.weigh(asked, place)
        if write() or not decision.allowed:
            decision = self._gate.decide_all([asked], place, purpose=purpose)[0]
        return decision

    async def send(
        self,
        request: Outgoing,
        *,
        sensitivity: Sensitivity,
        rows: Sequence[str],
        purpose: str,
        seconds: float,
        inspected: Inspected = NOT_INSPECTED,
        most: int = 0,
    ) -> Reply:
        """Send, once, to an address that the gate allows for these rows. `seconds` is the deadline for all of it.

        What leaves for a place that is not local is looked into here, from the request's own bytes. `most` is the
        longest reply in bytes (0: the transport's own limit, which it never exceeds).

        Raises: BlockedAtDoorError, UnreachableError, BrokenReplyError; UsageError when the key is missing.
        """
        target, asked = self._endpoint(request.url), asked_about(sensitivity, tuple(rows), inspected)
        refused: list[str] = []
        async with self._within(seconds):
            for place, weighed in await self._ways(request, target, asked):
                decision = await self._decided(place, weighed, purpose)
                if not decision.allowed:
                    raise BlockedAtDoorError(decision)
                try:
                    return await self._post(request, place, most)
                except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                    refused.append(f"{place.address}: {_connect_reason(error)}")
        raise self._no_connection(target, refused)

    async def send_parcel(
        self, parcel: Carrying, enclosed: Sequence[Enclosed], *, purpose: str, seconds: float
    ) -> tuple[Reply | None, list[Decision]]:
        """Send those rows of many that the gate allows, once: the reply, and what was decided about each row.

        Every row is looked into by itself, from its bytes, and has an audit line of its own before anything leaves.
        What leaves is put together here, of allowed rows only; the reply is None where there is none.

        Raises: UnreachableError, BrokenReplyError; BlockedAtDoorError where what stands around the rows may not leave;
        UsageError when the key is missing.
        """
        target = self._endpoint(parcel.request.url)
        refused: list[str] = []
        async with self._within(seconds):
            for place in await self._places(target):
                asked = [await self._looked(place, item) for item in enclosed]
                decisions = self._gate.decide_all(asked, place, purpose=purpose)
                bodies = [item.body for item, made in zip(enclosed, decisions, strict=True) if made.allowed]
                if not bodies:
                    return None, decisions
                await self._admit_beside(parcel, place)
                body = parcel.head + parcel.between.join(bodies) + parcel.tail
                try:
                    return await self._post(parcel.request, place, 0, body=body), decisions
                except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                    refused.append(f"{place.address}: {_connect_reason(error)}")
        raise self._no_connection(target, refused)

    async def manage(self, request: Outgoing, *, seconds: float, get: bool = True) -> Reply:
        """Ask about work that was handed over before. No row leaves, so no row has a line; where it may go is checked.

        Raises: as `send`.
        """
        target, refused = self._endpoint(request.url), list[str]()
        async with self._within(seconds):
            for place in await self._places(target):
                self._refuse_place(place)
                try:
                    return await self._post(request, place, 0, get=get)
                except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                    refused.append(f"{place.address}: {_connect_reason(error)}")
        raise self._no_connection(target, refused)

    async def lines(self, request: Outgoing, *, seconds: float, most: int) -> AsyncGenerator[bytes]:
        """The lines of a document that may be longer than memory should hold; none is longer than `most` bytes.

        Raises: as `send`; BrokenReplyError for any status but 200.
        """
        target = self._endpoint(request.url)
        async with self._within(seconds):
            places = await self._places(target)
            self._refuse_place(places[0])
            async with self._request(request, places[0], get=True) as response:
                if response.status != 200 or response.headers.get("Content-Encoding", "identity") != "identity":
                    raise BrokenReplyError(f"the results could not be read (HTTP {response.status})")
                rest = b""
                async for part in response.content.iter_any():
                    *whole, rest = (rest + part).split(b"\n")
                    for line in whole:
                        yield line
                    if len(rest) > most:
                        raise TooLongReplyError(f"a line of the results is longer than {most:,} bytes")
                if rest:
                    yield rest

    @asynccontextmanager
    async def _within(self, seconds: float) -> AsyncIterator[None]:
        """Names what goes wrong with a connection, and ends it at a deadline."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise BrokenReplyError(f"no answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise BrokenReplyError(f"the connection broke ({type(error).__name__})") from None

    def _no_connection(self, target: Endpoint, refused: list[str]) -> UnreachableError:
        """Why no address took a connection; the name is looked up again next time."""
        self._pins.pop((target.host, target.port), None)
        return UnreachableError(f"no connection to {target} ({'; '.join(refused)})")

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

    def _refuse_place(self, place: Place) -> None:
        """Raises BlockedAtDoorError for a place where not even public rows may go."""
        decision = self._gate.foresee(Sensitivity.PUBLIC, place)
        if not decision.allowed:
            raise BlockedAtDoorError(decision)

    async def note_stored(
        self, url: str, *, sensitivity: Sensitivity, row: str, purpose: str, inspected: Inspected = NOT_INSPECTED
    ) -> None:
        """Write down that a row was answered from the store; rows that are ready together share one line.

        Raises: DiskFullError when the line cannot be written.
        """
        loop, spot = asyncio.get_running_loop(), (url, purpose, asked_about(sensitivity, (), inspected))
        if spot not in self._storing:
            self._storing[spot] = ([], loop.create_future())
            loop.call_soon(self._note_group, *spot)
        rows, written = self._storing[spot]
        rows.append(row)
        await asyncio.shield(written)

    def _note_group(self, url: str, purpose: str, asked: Asked) -> None:
        """One line for a group of rows that were answered from the store."""
        rows, written = self._storing.pop((url, purpose, asked))
        try:
            alike = asked._replace(rows=tuple(dict.fromkeys(rows)))
            self._gate.note_stored(alike, self._endpoint(url), purpose=purpose)
        except Exception as error:
            written.set_exception(error)
        else:
            written.set_result(None)

    async def _places(self, target: Endpoint) -> list[Place]:
        """Where a connection to this endpoint could end; looked up again only when its addresses are others."""
        addresses = await self._addresses(target)
        known = self._routes.get(target)
        if known is None or known[0] is not addresses:
            known = self._routes[target] = (addresses, [self._place(target, address) for address in addresses])
        return known[1]

    async def _best(self, places: list[Place], asked: Asked, texts: list[str]) -> tuple[Place, Asked]:
        """The place to begin with, and what is asked of it."""
        return (await self._allowed_first(places, asked, lambda: texts))[0]

    async def _ways(self, request: Outgoing, target: Endpoint, asked: Asked) -> list[tuple[Place, Asked]]:
        """Where to connect, and what is asked of each place, with what is found in the bytes of this request."""
        return await self._allowed_first(await self._places(target), asked, lambda: texts_of(request))

    async def _allowed_first(
        self, places: list[Place], asked: Asked, texts: Callable[[], list[str] | None]
    ) -> list[tuple[Place, Asked]]:
        """The places that the gate would allow; where it would allow none, one for it to refuse."""
        here = [self._gate.is_local(place) for place in places]
        outside = asked if all(here) else await self._gate.look(asked, texts())
        ways = [(place, asked if local else outside) for place, local in zip(places, here, strict=True)]
        if len(ways) == 1:
            return ways
        return [way for way in ways if self._gate.weigh(way[1], way[0]).allowed] or ways[:1]

    async def _decided(self, place: Place, asked: Asked, purpose: str) -> Decision:
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

    def _place(self, target: Endpoint, address: Address) -> Place:
        """One place is one object, so that what was worked out for it is worked out once."""
        spot = (target, address)
        if spot not in self._spots:
            self._spots[spot] = Place("endpoint", target, address)
        return self._spots[spot]

    async def _post(
        self, request: Outgoing, place: Place, most: int, *, body: bytes | None = None, get: bool = False
    ) -> Reply:
        """One request to a pinned address, and its whole reply."""
        async with self._request(request, place, body=body, get=get) as response:
            found = await self._body(response, min(most or self._max_reply, self._max_reply))
            # A server that refuses a key may repeat it, and its words end in errors and in the run folder.
            key = self._shown(request, place) if response.status >= 300 else ""
            return Reply(response.status, response.headers, without_key(key, found))

    def _shown(self, request: Outgoing, place: Place) -> str:
        """The key that is shown with a request."""
        return self._key(request.key_name, place) if request.key_name else ""

    @asynccontextmanager
    async def _request(
        self, request: Outgoing, place: Place, *, body: bytes | None = None, get: bool = False
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request to a pinned address; TLS and the Host header keep the name."""
        target, address = place.endpoint, place.address
        if self._session is None or target is None or address is None:
            raise RuntimeError("Transport is used inside `async with`, and for endpoints")
        url, host = self._target(request.url, place)
        headers = {**checked_headers(request.headers), "Host": host}
        if key := self._shown(request, place):
            headers |= checked_headers({request.key_header: request.key_prefix + key})
        async with self._session.request(
            "GET" if get else "POST",
            url,
            data=None if get else request.body if body is None else body,
            headers=headers,
            allow_redirects=False,
            server_hostname=target.host if target.scheme == "https" else None,
        ) as response:
            self._prefer(target, address)
            yield response

    async def _body(self, response: aiohttp.ClientResponse, most: int) -> bytes:
        """The reply's body, unpacked, as long as it stays within the limit."""
        try:
            body = Unpacked(response.headers.get("Content-Encoding", ""), most)
            async for part in response.content.iter_any():
                body.add(part)
            return body.whole()
        except TooLongError:
            response.close()
            raise TooLongReplyError(f"the reply is longer than {most:,} bytes") from None
        except UnreadableError as error:
            response.close()
            raise BrokenReplyError(f"the reply {error}") from None

    async def _addresses(self, target: Endpoint) -> list[Address]:
        """The pinned addresses of a host, resolved here on first use. Other addresses are always another list."""
        pin = (target.host, target.port)
        if target.literal is not None:
            return self._pins.setdefault(pin, [target.literal])
        if pin not in self._pins:
            try:
                found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            except OSError:
                raise UnreachableError(f"the name {target.host} has no address") from None
            self._pins[pin] = list(dict.fromkeys(normal(str(item[4][0])) for item in found))
        return self._pins[pin]

    def _target(self, url: str, place: Place) -> tuple[URL, str]:
        """The URL with the address in the host's place, and the host as the server knows it."""
        if (url, place) not in self._targets:
            parsed = URL(url)
            self._targets[url, place] = (parsed.with_host(place.peer), parsed.raw_authority)
        return self._targets[url, place]

    def _prefer(self, target: Endpoint, address: Address) -> None:
        """Begin with the address that answered, next time."""
        pins = self._pins.get((target.host, target.port), [])
        if address in pins and pins[0] != address:
            self._pins[target.host, target.port] = [address, *(pin for pin in pins if pin != address)]

    def _endpoint(self, url: str) -> Endpoint:
        if url not in self._endpoints:
            self._endpoints[url] = endpoint(url)
        return self._endpoints[url]

    def _key(self, name: str, place: Place) -> str:
        slot = (name, place)
        if slot not in self._keys:
            assert place.endpoint is not None
            assert place.address is not None
            self._keys[slot] = find_key(name, place.endpoint, place.address, self._gate.operator)
        return self._keys[slot]


def _tls() -> ssl.SSLContext:
    """TLS as the machine trusts it (also by SSL_CERT_FILE, for companies with an authority of their own).

    Python's default context would also write every session's secrets to the file that SSLKEYLOGFILE names.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    return context


def _connect_reason(error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) -> str:
    """Why a connection failed, without names of libraries."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {_CONNECT_SECONDS:g} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its certificate or TLS is not accepted"
    number = error.os_error.errno
    return os.strerror(number) if number and number > 0 else type(error.os_error).__name__
