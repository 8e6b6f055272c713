"""Bodies that a server compressed though nobody asked: unpacked, up to a limit on what they unpack to."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from imbik.privacy.unpacking import TooLongError, Unpacked, UnreadableError

TEXT = "İstanbul'da ılık bir gün. ".encode() * 200


def unpack(body: bytes, encoding: str, most: int = 1 << 20, step: int = 7) -> bytes:
    """All of a body, in parts of `step` bytes."""
    unpacked = Unpacked(encoding, most)
    for at in range(0, len(body), step):
        unpacked.add(body[at : at + step])
    return unpacked.whole()


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_known_encodings(step: int) -> None:
    packed = {"": TEXT, "identity": TEXT, "GZIP": gzip.compress(TEXT), "deflate": zlib.compress(TEXT)}
    for encoding, body in packed.items():
        assert unpack(body, encoding, step=step) == TEXT
        assert unpack(body, encoding, most=len(TEXT), step=step) == TEXT
        with pytest.raises(TooLongError):
            unpack(body, encoding, most=len(TEXT) - 1, step=step)


def test_what_cannot_be_read() -> None:
    for body, encoding in ((TEXT, "br"), (TEXT, "gzip"), (gzip.compress(TEXT)[:-9], "gzip"), (b"", "gzip")):
        with pytest.raises(UnreadableError):
            unpack(body, encoding)


def test_a_bomb_takes_no_more_memory_than_the_limit() -> None:
    bomb = gzip.compress(b"a" * (64 << 20))
    tracemalloc.start()
    with pytest.raises(TooLongError):
        unpack(bomb, "gzip", most=1 << 20, step=1 << 16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 << 20
