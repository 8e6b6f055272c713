"""The only door: every request to a teacher leaves here, and nowhere else is a client connection opened.

Enters: a request as data, the sensitivity of what is in it, and the rows it was made from. Leaves: the reply, or a
typed reason why there is none. The gate is asked here, on the address about to be connected to, so it cannot be gone
around (`doorkeeper` asks it, `routes` knows the addresses):

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
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakSet

import aiohttp
from yarl import URL

from imbik.core.questions import Inspected
from imbik.core.types import Sensitivity
from imbik.privacy.addresses import normal
from imbik.privacy.decisions import Decision, Place
from imbik.privacy.doorkeeper import Doorkeeper
from imbik.privacy.gate import Gate, asked_about
from imbik.privacy.replies import lines_of, whole
from imbik.privacy.routes import Routes, tls
from imbik.privacy.wire import (
    BlockedAtDoorError,
    BrokenReplyError,
    Carrying,
    Enclosed,
    NotThereError,
    Outgoing,
    Reply,
    TooLongReplyError,
    TransportError,
    UnreachableError,
    texts_of,
    without_key,
)

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection

Method = Literal["GET", "POST", "DELETE"]
MAX_REPLY_BYTES = 64 << 20
_CONNECT_SECONDS = 20.0
__all__ = [
    "BlockedAtDoorError",
    "BrokenReplyError",
    "NotThereError",
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

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._spoken: WeakSet[Any] = WeakSet()  # connections that were used before
        self._strayed: set[URL] = set()  # servers that once sent what nobody had asked for

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        connection = await self._unspoken(req, traces, timeout)
        peer = connection.transport.get_extra_info("peername") if connection.transport else None
        if peer is None or str(normal(str(peer[0]))) != req.url.raw_host:
            connection.close()
            raise aiohttp.ClientConnectionError("the connection does not end at the pinned address")
        return connection

    async def _unspoken(
        self,
        req: ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        """A connection on which nothing lies that nobody asked for: the next question would be given it as its answer.

        A server that has said such a thing once gets a new connection for each question.
        """
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol, place = connection.protocol, req.url.origin()
            assert protocol is not None  # only a connection that was given back has none
            if protocol not in self._spoken:
                self._spoken.add(protocol)
                return connection
            if protocol.should_close:
                self._strayed.add(place)
            elif place not in self._strayed:
                return connection
            connection.close()


class Transport:
    """Opened inside a running loop with `async with`; one per run and process. `keeper` is asked ahead of sending."""

    def __init__(self, gate: Gate, *, max_reply_bytes: int = MAX_REPLY_BYTES) -> None:
        self._max_reply = max_reply_bytes
        self._routes = Routes(gate.operator)
        self.keeper = Doorkeeper(gate, self._routes)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Transport:
        connector = _PinnedConnector(limit=0, use_dns_cache=False, keepalive_timeout=30, ssl=tls())
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
        target, asked = self._routes.endpoint(request.url), asked_about(sensitivity, tuple(rows), inspected)
        refused: list[str] = []
        async with self._within(seconds):
            places = await self._routes.places(target)
            for place, weighed in await self.keeper.allowed_first(places, asked, lambda: texts_of(request)):
                decision = await self.keeper.decided(place, weighed, purpose)
                if not decision.allowed:
                    raise BlockedAtDoorError(decision)
                try:
                    return await self._post(request, place, most)
                except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                    refused.append(f"{place.address}: {_connect_reason(error)}")
        raise self._routes.no_connection(target, refused)

    async def send_parcel(
        self, parcel: Carrying, enclosed: Sequence[Enclosed], *, purpose: str, seconds: float
    ) -> tuple[Reply | None, list[Decision]]:
        """Send those rows of many that the gate allows, once: the reply, and what was decided about each row.

        Every row is looked into by itself, from its bytes, and has an audit line of its own before anything leaves.
        What leaves is put together here, of allowed rows only; the reply is None where there is none.

        Raises: UnreachableError, BrokenReplyError; BlockedAtDoorError where what stands around the rows may not leave;
        UsageError when the key is missing.
        """
        target = self._routes.endpoint(parcel.request.url)
        refused: list[str] = []
        async with self._within(seconds):
            for place in await self._routes.places(target):
                body, decisions = await self.keeper.packed(parcel, enclosed, place, purpose)
                if body is None:
                    return None, decisions
                try:
                    return await self._post(parcel.request, place, 0, body=body), decisions
                except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                    refused.append(f"{place.address}: {_connect_reason(error)}")
        raise self._routes.no_connection(target, refused)

    async def manage(self, request: Outgoing, *, seconds: float, method: Method = "GET") -> Reply:
        """Ask about work that was handed over before, or have it deleted.

        No row leaves, so no row has a line; where it may go is checked.

        Raises: as `send`.
        """
        target, refused = self._routes.endpoint(request.url), list[str]()
        async with self._within(seconds):
            for place in await self._routes.places(target):
                self.keeper.refuse_place(place)
                try:
                    return await self._post(request, place, 0, method=method)
                except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                    refused.append(f"{place.address}: {_connect_reason(error)}")
        raise self._routes.no_connection(target, refused)

    async def lines(self, request: Outgoing, *, seconds: float, most: int) -> AsyncGenerator[bytes]:
        """The lines of a document that may be longer than memory should hold; none is longer than `most` bytes.

        Raises: as `send`; BrokenReplyError for any status but 200.
        """
        target = self._routes.endpoint(request.url)
        async with self._within(seconds):
            places = await self._routes.places(target)
            self.keeper.refuse_place(places[0])
            async with (
                self._request(request, places[0], method="GET") as response,
                aclosing(lines_of(response, most)) as found,
            ):
                async for line in found:
                    yield line

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

    async def _post(
        self, request: Outgoing, place: Place, most: int, *, body: bytes | None = None, method: Method = "POST"
    ) -> Reply:
        """One request to a pinned address, and its whole reply."""
        async with self._request(request, place, body=body, method=method) as response:
            found = await whole(response, min(most or self._max_reply, self._max_reply))
            # A server that refuses a key may repeat it, and its words end in errors and in the run folder.
            key = self._routes.shown(request, place) if response.status >= 300 else ""
            return Reply(response.status, response.headers, without_key(key, found))

    @asynccontextmanager
    async def _request(
        self, request: Outgoing, place: Place, *, body: bytes | None = None, method: Method = "POST"
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request to a pinned address; TLS and the Host header keep the name."""
        target, address = place.endpoint, place.address
        if self._session is None or target is None or address is None:
            raise RuntimeError("Transport is used inside `async with`, and for endpoints")
        url, headers = self._routes.addressed(request, place)
        async with self._session.request(
            method,
            url,
            data=None if method != "POST" else request.body if body is None else body,
            headers=headers,
            allow_redirects=False,
            server_hostname=target.host if target.scheme == "https" else None,
        ) as response:
            self._routes.prefer(target, address)
            yield response


def _connect_reason(error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) -> str:
    """Why a connection failed, without names of libraries."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {_CONNECT_SECONDS:g} s"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return "its certificate or TLS is not accepted"
    number = error.os_error.errno
    return os.strerror(number) if number and number > 0 else type(error.os_error).__name__
