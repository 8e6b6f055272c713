"""Requests and replies as data: what the door is handed, what it hands back, and what it looks at before it sends.

Enters: a request. Leaves: every text in it for the detectors, headers that say nothing of where it goes, a reply, or
the typed reason why there is none. Nothing here opens a connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from imbik.core.errors import UsageError
from imbik.privacy.contents import header, texts_around, texts_in
from imbik.privacy.decisions import Decision
from imbik.privacy.gate import Asked

_OWN_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Outgoing(Protocol):
    """A request as data (`teachers.WireRequest` is one). `key_name` is empty where no key is shown."""

    @property
    def url(self) -> str: ...
    @property
    def body(self) -> bytes: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def key_name(self) -> str: ...
    @property
    def key_header(self) -> str: ...
    @property
    def key_prefix(self) -> str: ...


class Carrying(Protocol):
    """Many rows in one request (`teachers._batch.Parcel` is one): their bytes stand between `head` and `tail`."""

    @property
    def request(self) -> Outgoing: ...
    @property
    def head(self) -> bytes: ...
    @property
    def between(self) -> bytes: ...
    @property
    def tail(self) -> bytes: ...


@dataclass(frozen=True)
class Enclosed:
    """One row of a parcel: the JSON that would leave, and what the gate is asked about it."""

    body: bytes
    asked: Asked


@dataclass(frozen=True)
class Reply:
    """What came back, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class TransportError(Exception):
    """No usable reply; the text says why in words and holds neither key nor content."""


class BlockedAtDoorError(TransportError):
    """The gate refused."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.reason)
        self.decision = decision


class UnreachableError(TransportError):
    """No connection: nothing was sent."""


class BrokenReplyError(TransportError):
    """The connection ended, the reply was too long, or nothing came before the deadline: it may have been paid for."""


class NotThereError(BrokenReplyError):
    """The document is not there, or not for this account."""


class TooLongReplyError(BrokenReplyError):
    """The reply was longer than it may be; asking once more would bring the same."""


def checked_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Headers as a teacher may set them.

    Raises: UsageError for one that says where or how a request is sent, or could begin another line.
    """
    for name, value in headers.items():
        if name.lower() in _OWN_HEADERS or name.lower().startswith("proxy-"):
            raise UsageError(f"the header {name} is set by imbik itself")
        if not _HEADER_NAME.fullmatch(name) or _CONTROL.search(value):
            raise UsageError("a header holds characters that no header has")
    return headers


def texts_of(request: Outgoing) -> list[str] | None:
    """Every text that this request would carry; None where its body cannot be read."""
    kind, encoding = header(request.headers, "Content-Type"), header(request.headers, "Content-Encoding")
    held = texts_in(request.body, kind or "application/json", encoding)
    return None if held is None else [*texts_around(request.url, request.headers), *held]


def texts_beside(parcel: Carrying) -> list[str]:
    """What a parcel says beside its rows."""
    request = parcel.request
    return [*texts_around(request.url, request.headers), (parcel.head + parcel.tail).decode("utf-8", "replace")]


def without_key(key: str, body: bytes) -> bytes:
    """An error's body without the key; short ones (`EMPTY`, for servers that want any) are no secret."""
    return body.replace(key.encode(), "…".encode()) if len(key) >= 8 else body
