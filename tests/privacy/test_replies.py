"""What a server sends is taken within limits, however it is cut into parts."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from imbik.privacy.replies import lines_of, whole
from imbik.privacy.wire import BrokenReplyError, NotThereError, TooLongReplyError


class Parts:
    """A response that comes in parts, and whether it was hung up on."""

    def __init__(self, parts: Sequence[bytes], status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.parts, self.status, self.headers, self.closed = parts, status, headers or {}, False

    @property
    def content(self) -> Parts:
        return self

    async def iter_any(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            yield part

    def close(self) -> None:
        self.closed = True


def lines(response: Parts, most: int = 100) -> list[bytes]:
    async def read() -> list[bytes]:
        return [line async for line in lines_of(response, most)]

    return asyncio.run(read())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_lines_are_the_same_however_they_are_cut(size: int) -> None:
    text = "bir\nİki\n\nson".encode()
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    assert lines(Parts(parts)) == text.split(b"\n")


def test_a_line_without_end_is_cut_off() -> None:
    assert lines(Parts([b"x" * 100, b"\ny\n"])) == [b"x" * 100, b"y"]
    with pytest.raises(TooLongReplyError, match="a line of the results is longer than 100 bytes"):
        lines(Parts([b"a\n", b"x" * 101]))


@pytest.mark.parametrize(
    ("status", "error"), [(404, NotThereError), (410, NotThereError), (403, NotThereError), (500, BrokenReplyError)]
)
def test_a_document_that_is_not_there_is_told_from_one_that_cannot_be_read_now(
    status: int, error: type[BrokenReplyError]
) -> None:
    with pytest.raises(error, match=f"HTTP {status}") as raised:
        lines(Parts([b"{}\n"], status))
    assert type(raised.value) is error


def test_a_packed_document_is_not_read_as_lines() -> None:
    with pytest.raises(BrokenReplyError):
        lines(Parts([gzip.compress(b"a\n")], headers={"Content-Encoding": "gzip"}))


def test_the_limit_counts_what_a_reply_unpacks_to_and_the_line_is_hung_up() -> None:
    packed, headers = gzip.compress(b"x" * 1000), {"Content-Encoding": "gzip"}
    assert asyncio.run(whole(Parts([packed], headers=headers), 1000)) == b"x" * 1000
    bomb = Parts([packed], headers=headers)
    with pytest.raises(TooLongReplyError):
        asyncio.run(whole(bomb, 999))
    assert bomb.closed
    broken = Parts([packed[:20]], headers=headers)
    with pytest.raises(BrokenReplyError):
        asyncio.run(whole(broken, 1000))
    assert broken.closed
