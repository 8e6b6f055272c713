"""How a place is reached: the addresses that a teacher's name is pinned to, and what a request says to get there.

Enters: a URL, and requests as data. Leaves: the places where a connection to it could end, looked up once; the URL with
the address in the host's place; headers with the host's own name and the key, which is added last; and the TLS that
every connection is made with. The gate decides about addresses, so the address that it was asked about has to be the
one connected to. Nothing here opens a connection.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping

from yarl import URL

from imbik.privacy.addresses import Address, Endpoint, endpoint, normal
from imbik.privacy.decisions import Place
from imbik.privacy.keys import find_key
from imbik.privacy.operator import Operator
from imbik.privacy.wire import Outgoing, UnreachableError, checked_headers


class Routes:
    """Where requests of one run go. Everything is worked out once and kept."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self.pins: dict[tuple[str, int], list[Address]] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._routes: dict[Endpoint, tuple[list[Address], list[Place]]] = {}
        self._targets: dict[tuple[str, Place], tuple[URL, str]] = {}
        self._spots: dict[tuple[Endpoint, Address], Place] = {}
        self._keys: dict[tuple[str, Place], str] = {}

    def endpoint(self, url: str) -> Endpoint:
        """The endpoint of a URL. Raises: UsageError for anything but http(s) to one plainly written host."""
        if url not in self._endpoints:
            self._endpoints[url] = endpoint(url)
        return self._endpoints[url]

    async def places(self, target: Endpoint) -> list[Place]:
        """Where a connection to this endpoint could end; looked up again only when its addresses are others.

        Raises: UnreachableError where the host has no address.
        """
        addresses = await self._addresses(target)
        known = self._routes.get(target)
        if known is None or known[0] is not addresses:
            known = self._routes[target] = (addresses, [self._place(target, address) for address in addresses])
        return known[1]

    async def _addresses(self, target: Endpoint) -> list[Address]:
        """The pinned addresses of a host, resolved here on first use. Other addresses are always another list."""
        pin = (target.host, target.port)
        if target.literal is not None:
            return self.pins.setdefault(pin, [target.literal])
        if pin not in self.pins:
            try:
                found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
            except OSError:
                raise UnreachableError(f"the name {target.host} has no address") from None
            self.pins[pin] = list(dict.fromkeys(normal(str(item[4][0])) for item in found))
        return self.pins[pin]

    def _place(self, target: Endpoint, address: Address) -> Place:
        """One place is one object, so that what was worked out for it is worked out once."""
        spot = (target, address)
        if spot not in self._spots:
            self._spots[spot] = Place("endpoint", target, address)
        return self._spots[spot]

    def prefer(self, target: Endpoint, address: Address) -> None:
        """Begin with the address that answered, next time."""
        pins = self.pins.get((target.host, target.port), [])
        if address in pins and pins[0] != address:
            self.pins[target.host, target.port] = [address, *(pin for pin in pins if pin != address)]

    def no_connection(self, target: Endpoint, refused: list[str]) -> UnreachableError:
        """Why no address took a connection; the name is looked up again next time."""
        self.pins.pop((target.host, target.port), None)
        return UnreachableError(f"no connection to {target} ({'; '.join(refused)})")

    def addressed(self, request: Outgoing, place: Place) -> tuple[URL, Mapping[str, str]]:
        """The URL to connect to, and the headers: the host as the server knows it, and the key.

        Raises: UsageError for a header that imbik sets itself, and when the key is missing.
        """
        url, host = self._target(request.url, place)
        headers = {**checked_headers(request.headers), "Host": host}
        if key := self.shown(request, place):
            headers |= checked_headers({request.key_header: request.key_prefix + key})
        return url, headers

    def _target(self, url: str, place: Place) -> tuple[URL, str]:
        """The URL with the address in the host's place, and the host as the server knows it."""
        if (url, place) not in self._targets:
            parsed = URL(url)
            self._targets[url, place] = (parsed.with_host(place.peer), parsed.raw_authority)
        return self._targets[url, place]

    def shown(self, request: Outgoing, place: Place) -> str:
        """The key that is shown with a request; empty where none is. Raises: UsageError when it is missing."""
        return self._key(request.key_name, place) if request.key_name else ""

    def _key(self, name: str, place: Place) -> str:
        slot = (name, place)
        if slot not in self._keys:
            assert place.endpoint is not None
            assert place.address is not None
            self._keys[slot] = find_key(name, place.endpoint, place.address, self._operator)
        return self._keys[slot]


def tls() -> ssl.SSLContext:
    """TLS as the machine trusts it (also by SSL_CERT_FILE, for companies with an authority of their own).

    Python's default context would also write every session's secrets to the file that SSLKEYLOGFILE names.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    return context
