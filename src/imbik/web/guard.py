"""The guard before every page: which Host it was called by, which page calls, how much it sends, what a browser may do.

Enters: an ASGI application and the names under which it is reached. Leaves: the same application, which no foreign page
can call. A page of another site can make a browser send requests here, and can make its own name point to 127.0.0.1
(DNS rebinding): so a request must name a host of ours, and one that changes something must come from a page of ours
(Fetch Metadata, https://www.w3.org/TR/fetch-metadata/). Scripts and styles need the nonce of the answer they came with
(CSP 3, https://www.w3.org/TR/CSP3/); text cannot become markup (`require-trusted-types-for`).
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

NONCE = "imbik_nonce"
"""Where the nonce of an answer lies in the request's scope."""
_SAFE = {"GET", "HEAD"}
_METHODS = {*_SAFE, "POST"}
_POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class TooMuchError(Exception):
    """A body larger than is taken; read no further."""


class Guard:
    """An ASGI application around another one.

    `hosts` are the values of the Host header under which it is reached (`127.0.0.1:8321`), `scheme` is http or https,
    `most` the largest body in bytes.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], scheme: str = "http", most: int = 4_000_000) -> None:
        self.app, self.most = app, most
        self.hosts = {host.lower() for host in hosts}
        self.origins = {f"{scheme}://{host}" for host in self.hosts}
        self._strict = {"strict-transport-security": "max-age=31536000"} if scheme == "https" else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on; every answer carries the headers."""
        if scope["type"] != "http":  # no lifespan is used, and no page opens a web socket
            raise RuntimeError(f"a connection of type {scope['type']}")
        nonce = scope[NONCE] = secrets.token_urlsafe(18)
        sent = False

        async def answer(message: Message) -> None:
            nonlocal sent
            if message["type"] == "http.response.start":
                sent = True
                message = {**message, "headers": self._headers(message.get("headers", ()), nonce)}
            await send(message)

        try:
            if refusal := self._refusal(scope):
                await _say(answer, *refusal)
                return
            await self.app(scope, _counted(receive, self.most), answer)
        except TooMuchError:
            if sent:
                raise
            await _say(answer, 413, f"more than {self.most:,} bytes")

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and words, where the request may not go on."""
        given = _given(scope)
        if scope["method"] not in _METHODS:
            return 405, "no such method"
        if given.get("host", "").lower() not in self.hosts:
            return 421, "this page is not served under that name"
        if scope["method"] not in _SAFE and not self._ours(given):
            return 403, "a page of another site may not ask for this"
        length = given.get("content-length", "0")
        if not length.isdigit() or int(length) > self.most:
            return 413, f"more than {self.most:,} bytes"
        return None

    def _ours(self, given: Mapping[str, str]) -> bool:
        """Whether a page of ours asks: browsers name the page's origin, and say what it is to us."""
        from_us = given.get("sec-fetch-site", "same-origin") == "same-origin"
        return from_us and given.get("origin", "").lower() in self.origins

    def _headers(self, given: Any, nonce: str) -> list[tuple[bytes, bytes]]:
        """The answer's own headers and ours; rows are never kept by a cache unless the answer says so."""
        named = {name.lower() for name, _ in given}
        ours = {"content-security-policy": _POLICY.format(nonce=nonce), **_HEADERS, **self._strict}
        if b"cache-control" not in named:
            ours["cache-control"] = "no-store"
        return [*given, *((name.encode(), value.encode()) for name, value in ours.items())]


def _given(scope: Scope) -> dict[str, str]:
    """Headers by lower-case name; of one that is there twice, both, so that it equals nothing."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = f"{found[key]}, {value.decode('latin-1')}" if key in found else value.decode("latin-1")
    return found


def _counted(receive: Receive, most: int) -> Receive:
    """The body, as long as it is no larger than it may be, whatever its length was said to be."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise TooMuchError
        return message

    return counted


async def _say(send: Send, status: int, words: str) -> None:
    """A short answer in plain text."""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words.encode()})
