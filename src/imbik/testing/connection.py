"""HTTP/1.1 as bytes on one connection, so that a reply can be wrong in every way that the wire allows.

Enters: bytes of a client. Leaves: requests, one at a time, and whatever bytes the answering coroutine writes. That
coroutine is cancelled the moment the client has gone, so a reply that never ends leaves nothing behind. Wire format:
RFC 9112. A server library would not send a wrong length, half a header or two replies to one request.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast

MOST_BYTES = 512 << 20
_REASONS = {200: "OK", 307: "Temporary Redirect", 404: "Not Found", 429: "Too Many Requests", 500: "Server Error"}


@dataclass(frozen=True)
class Request:
    """One request; the names of `headers` are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    version: str = "HTTP/1.1"

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def stays(self) -> bool:
        """Whether the client keeps the connection for another request."""
        return self.version != "HTTP/1.0" and self.headers.get("connection", "").lower() != "close"


def head(status: int, headers: Mapping[str, str], *, version: str = "HTTP/1.1") -> bytes:
    """Status line and headers, with the empty line that ends them."""
    lines = [f"{version} {status} {_REASONS.get(status, 'Status')}", *(f"{name}: {headers[name]}" for name in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


class Connection(asyncio.Protocol):
    """One client. `answer` writes the reply to a request and says whether the connection stays open; while it lasts,
    the connection stands in `held`."""

    def __init__(self, answer: Callable[[Request, Connection], Awaitable[bool]], held: set[Connection]) -> None:
        self._answer, self._held = answer, held
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._room = asyncio.Event()
        self._room.set()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        self.transport = cast("asyncio.Transport", transport)
        self._held.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the signature is asyncio's
        """The client has gone: nobody reads what is being written."""
        self._held.discard(self)
        self._room.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """The client reads slower than this side writes."""
        self._room.clear()

    def resume_writing(self) -> None:
        """There is room again."""
        self._room.set()

    def data_received(self, data: bytes) -> None:
        """Collect, and begin with a request once it is whole."""
        self._buffer += data
        if self._task is None:
            self._begin()

    async def write(self, data: bytes) -> None:
        """Write, and wait while the client is slow."""
        self.transport.write(data)
        if not self._room.is_set():
            await self._room.wait()

    async def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """One well-formed reply."""
        await self.write(head(status, {"Content-Length": str(len(body)), **headers}) + body)

    def reset(self) -> None:
        """End the connection by a reset (RST) instead of a close."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _begin(self) -> None:
        try:
            request = self._parsed()
        except ValueError:
            self.transport.write(head(400, {"Content-Length": "0", "Connection": "close"}))
            self.transport.close()
            return
        if request is not None:
            self._task = asyncio.get_running_loop().create_task(self._serve(request))

    async def _serve(self, request: Request) -> None:
        stays = False
        try:
            stays = await self._answer(request, self)
        except Exception as error:
            body = f"the fake teacher failed: {type(error).__name__}: {error}".encode()
            await self.reply(500, body, {"Content-Type": "text/plain", "Connection": "close"})
        self._task = None
        if self.transport.is_closing():
            return
        if not (stays and request.stays):
            self.transport.close()
        elif self._buffer:
            self._begin()

    def _parsed(self) -> Request | None:
        """The first whole request of what has come, taken out of the buffer; None while it is not whole.

        Raises: ValueError for what is no request.
        """
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > 1 << 16:
                raise ValueError("headers without end")
            return None
        first, *lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        start = end + 4
        if headers.get("transfer-encoding", "").lower() == "chunked":
            whole = self._chunks(start)
            if whole is None:
                return None
            body, stop = whole
        else:
            stop = start + int(headers.get("content-length") or 0)
            if not start <= stop <= start + MOST_BYTES:
                raise ValueError("a length that is none")
            if len(self._buffer) < stop:
                return None
            body = bytes(self._buffer[start:stop])
        del self._buffer[:stop]
        return Request(method, target, headers, body, version)

    def _chunks(self, place: int) -> tuple[bytes, int] | None:
        """A chunked body and where it ends; None while it is not whole."""
        body = bytearray()
        while (end := self._buffer.find(b"\r\n", place)) >= 0:
            size = int(bytes(self._buffer[place:end]).partition(b";")[0], 16)
            if not 0 <= size <= MOST_BYTES - len(body):
                raise ValueError("a chunk that is none")
            after = end + 2 + size + 2
            if len(self._buffer) < after:
                return None
            if not size:
                return bytes(body), after
            body += self._buffer[end + 2 : end + 2 + size]
            place = after
        return None
