"""What bytes say: every text that a file of any kind here can hold, read out as a person's tools would.

Enters: a file or bytes. Leaves: texts: JSON with its escapes resolved, UTF-8 and UTF-16, the members of archives and
compressed files, the columns of Parquet and Arrow files, the cells of SQLite databases and their raw pages with what
was freed.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from imbik.core.databases import read_only
from imbik.privacy.person import strings

_PIECE, _OVERLAP = 1 << 20, 1 << 12
_DEEPEST, _LARGEST = 3, 1 << 30
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_SQLITE, _PARQUET, _GZIP, _ZIP, _BZIP, _XZ, _ZSTD = (
    b"SQLite format 3\x00", b"PAR1", b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd",
)  # fmt: skip


def texts_of_file(path: Path) -> Iterator[str]:
    """Every text in a file."""
    with path.open("rb") as stream:
        start = stream.read(16)
    if start.startswith(_SQLITE):
        yield from _cells(path)
    elif start.startswith(_PARQUET):
        yield from _columns(path)
    elif path.suffix == ".arrow":
        yield from _batches(path)
    if path.suffix == ".jsonl":
        with path.open("rb") as stream:
            for line in stream:
                yield from texts_of(line)
        return
    if any(start.startswith(mark) for mark in (_GZIP, _ZIP, _BZIP, _XZ, _ZSTD)) or path.suffix == ".json":
        yield from texts_of(path.read_bytes())
    if path.suffix != ".json":
        yield from _pieces(path)


def texts_of(data: bytes, depth: int = 0) -> Iterator[str]:
    """Every text in bytes: JSON as its strings, archives as their members, anything else as text."""
    for member in _members(data) if depth < _DEEPEST else ():
        yield from texts_of(member, depth + 1)
    stripped = data.lstrip()
    if stripped[:1] in (b"{", b"[", b'"'):
        try:
            for text in strings(msgspec.json.decode(stripped)):
                yield text
                if "\\u" in text:
                    yield unescaped(text)
            return
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # a hash may begin with a quotation mark
            pass
    yield from _as_text(data)


def unescaped(text: str) -> str:
    """JSON escapes within text that is no JSON by itself, resolved."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)


def _as_text(data: bytes) -> Iterator[str]:
    text = data.decode(errors="ignore")
    yield text
    if "\\u" in text:
        yield unescaped(text)
    if b"\x00" in data:
        yield data.decode("utf-16-le", errors="ignore")
        yield data[1:].decode("utf-16-le", errors="ignore")


def _pieces(path: Path) -> Iterator[str]:
    """A file of any size as text, in overlapping pieces."""
    with path.open("rb") as stream:
        before = b""
        while piece := stream.read(_PIECE):
            yield from _as_text(before + piece)
            before = piece[-_OVERLAP:]


def _members(data: bytes) -> Iterator[bytes]:
    """What an archive or a compressed file holds; damaged ones hold what can be read of them."""
    try:
        if data.startswith(_GZIP):
            yield gzip.decompress(data)
        elif data.startswith(_BZIP):
            yield bz2.decompress(data)
        elif data.startswith(_XZ):
            yield lzma.decompress(data)
        elif data.startswith(_ZSTD):
            yield _zstd(data)
        elif data.startswith(_ZIP):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                yield from (archive.read(info) for info in archive.infolist() if info.file_size < _LARGEST)
        elif data[257:262] == b"ustar":
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                for member in archive:
                    if (stream := archive.extractfile(member)) is not None:
                        yield stream.read(_LARGEST)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, lzma.LZMAError, tarfile.TarError, zlib.error):
        return


def _zstd(data: bytes) -> bytes:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        return bytes(stream.read())


def _columns(path: Path) -> Iterator[str]:
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(path).iter_batches():
        for row in batch.to_pylist():
            yield from strings(row)


def _batches(path: Path) -> Iterator[str]:
    """Texts of an Arrow stream: in its bytes one ends where the next begins, so a name at an end is no word."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source:
            for batch in pa.ipc.open_stream(source):
                for row in batch.to_pylist():
                    yield from strings(row)
    except (pa.ArrowException, OSError):
        return


def _cells(path: Path) -> Iterator[str]:
    """Texts in the cells of a database; what its pages hold beside them is read as bytes."""
    try:
        with closing(read_only(path)) as base:
            tables = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in tables:
                quoted = name.replace('"', '""')
                for row in base.execute(f'SELECT * FROM "{quoted}"'):  # noqa: S608 - a name of its own schema, quoted
                    for cell in row:
                        if isinstance(cell, str | bytes):
                            yield from texts_of(cell.encode() if isinstance(cell, str) else cell)
    except sqlite3.Error:
        return
