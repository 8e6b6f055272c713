"""Reading what a server sends, within limits: a whole reply unpacked, or a long document line by line.

Enters: a response whose headers have come. Leaves: its bytes, or why they are not taken. It opens no connection and
knows no library that does: a server may send without end, and what it packs counts as what it unpacks to.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Protocol

from imbik.privacy.unpacking import TooLongError, Unpacked, UnreadableError
from imbik.privacy.wire import BrokenReplyError, NotThereError, TooLongReplyError


class Content(Protocol):
    """What comes after the headers."""

    def iter_any(self) -> AsyncIterator[bytes]:
        """Parts as they come."""
        ...


class Response(Protocol):
    """A response of any client."""

    status: int

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers, whatever their case."""
        ...

    @property
    def content(self) -> Content:
        """Its body."""
        ...

    def close(self) -> None:
        """Hang up, whatever is still on its way."""
        ...


async def whole(response: Response, most: int) -> bytes:
    """The reply's body, unpacked, as long as it stays within `most` bytes.

    Raises: TooLongReplyError, BrokenReplyError.
    """
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


async def lines_of(response: Response, most: int) -> AsyncGenerator[bytes]:
    """The lines of a document that may be longer than memory should hold; none is longer than `most` bytes.

    Raises: NotThereError, BrokenReplyError for any status but 200; TooLongReplyError.
    """
    if response.status != 200 or response.headers.get("Content-Encoding", "identity") != "identity":
        kind = NotThereError if response.status in {403, 404, 410} else BrokenReplyError
        raise kind(f"the results could not be read (HTTP {response.status})")
    rest = b""
    async for part in response.content.iter_any():
        *complete, rest = (rest + part).split(b"\n")
        for line in complete:
            yield line
        if len(rest) > most:
            raise TooLongReplyError(f"a line of the results is longer than {most:,} bytes")
    if rest:
        yield rest
