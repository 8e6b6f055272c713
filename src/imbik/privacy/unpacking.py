"""A reply's body as it comes, unpacked where a server compressed it though identity was asked for.

Enters: parts of a body. Leaves: the body, never longer than a limit that counts unpacked bytes: a thousandth of the
limit in compressed bytes can hold more than memory does. Only gzip and deflate are known (RFC 9110, 8.4.1).
"""

from __future__ import annotations

import zlib

_EITHER = zlib.MAX_WBITS | 32  # a gzip or a zlib stream, found out by its header


class TooLongError(Exception):
    """The unpacked body is longer than the limit."""


class UnreadableError(Exception):
    """The body is not what its Content-Encoding says; the text says how."""


class Unpacked:
    """Collects one body of at most `most` bytes.

    Raises: UnreadableError for an encoding that is not known.
    """

    def __init__(self, encoding: str, most: int) -> None:
        name = encoding.strip().lower() or "identity"
        if name not in {"identity", "gzip", "x-gzip", "deflate"}:
            raise UnreadableError(f"is encoded as '{name:.20}', which nobody asked for")
        self._stream = zlib.decompressobj(_EITHER) if name != "identity" else None
        self._body, self._most = bytearray(), most

    def add(self, part: bytes) -> None:
        """The next part. Raises: TooLongError, UnreadableError."""
        if self._stream is not None:
            try:
                part = self._stream.decompress(part, self._most + 1 - len(self._body))
            except zlib.error:
                raise UnreadableError("is not compressed as it says") from None
        self._body += part
        if len(self._body) > self._most:
            raise TooLongError

    def whole(self) -> bytes:
        """The body at its end. Raises: UnreadableError where the compressed stream has not ended."""
        if self._stream is not None and not self._stream.eof:
            raise UnreadableError("ends in the middle of its compressed stream")
        return bytes(self._body)
