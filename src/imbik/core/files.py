"""Durable files: atomic writes, JSON lines of records, hashes.

Enters: records and bytes. Leaves: files that are either whole or absent after a crash, mode 0600 (they may hold
confidential rows). Readers name file and line when something on disk is broken.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from imbik.core.errors import DiskFullError, RunFolderError

R = TypeVar("R")
_RUST_ERROR = re.compile(r"\(os error (\d+)\)")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys: equal values give equal bytes, which is what hashes need."""
    return msgspec.json.encode(_by_value(value), order="sorted")


def _by_value(value: object) -> object:
    """Records as plain data without fields that equal their default.

    msgspec's own `omit_defaults` asks whether text *is* the default object, so a record that came through a pipe or a
    variable would hash otherwise than an equal one.
    """
    if isinstance(value, msgspec.Struct):
        tag, shown = _shape(type(value))
        held = [(key, getattr(value, name), default) for name, key, default in shown]
        return {**tag, **{key: _by_value(item) for key, item, default in held if item != default}}
    if isinstance(value, Mapping):
        return {key: _by_value(item) for key, item in value.items()}
    return [_by_value(item) for item in value] if isinstance(value, list | tuple) else value


@cache
def _shape(kind: type[msgspec.Struct]) -> tuple[dict[str, object], list[tuple[str, str, object]]]:
    """A record type's tag, and name, name in JSON and default of each field."""
    config = kind.__struct_config__
    tag: dict[str, object] = {str(config.tag_field): config.tag} if config.tag is not None else {}
    fields = msgspec.structs.fields(kind)
    missing = msgspec.NODEFAULT
    defaults = [field.default_factory() if field.default_factory is not missing else field.default for field in fields]
    return tag, [(field.name, field.encode_name, default) for field, default in zip(fields, defaults, strict=True)]


def digest(*parts: bytes | str) -> str:
    """Hex SHA-256 of the parts, each preceded by its length so that no two lists of parts collide."""
    sha = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        sha.update(len(data).to_bytes(8, "big"))
        sha.update(data)
    return sha.hexdigest()


def digest_value(value: object) -> str:
    """Hex SHA-256 of any JSON-able value or record."""
    return digest(canonical_json(value))


def file_digest(path: Path) -> str:
    """Hex SHA-256 of a file, or of a folder's files by sorted relative name."""
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
        return digest(*(part for p in files for part in (str(p.relative_to(path)), file_digest(p))))
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a full disk into an error that says what to do; whatever was complete before stays."""
    try:
        yield
    except Exception as error:
        if not _is_full(error):
            raise
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DiskFullError(
            f"the disk (or a file-size limit) is full: {reason}",
            where=str(path),
            next="free space or raise the limit, then type the same command again: nothing finished is lost",
        ) from error


def _is_full(error: Exception) -> bool:
    """Whether an error means that there is no room; libraries written in Rust say it in words only."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    found = _RUST_ERROR.search(str(error))
    return found is not None and int(found[1]) in _FULL


def fsync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private(folder: Path) -> None:
    """Give what a library wrote into a folder the modes of our own files: 0600, and 0700 for folders."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)


@contextmanager
def atomic_writer(path: Path) -> Iterator[BinaryIO]:
    """A binary stream that becomes `path` only when the block ends well: write, fsync, rename, fsync the folder."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path):
        try:
            with open(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    fsync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file atomically."""
    with atomic_writer(path) as stream:
        stream.write(data)


def write_text(path: Path, text: str) -> None:
    """Write a whole UTF-8 file atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Write a record or JSON value, indented for people."""
    write_bytes(path, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def read_json(path: Path, kind: type[R]) -> R:
    """Read a record written by `write_json`; a broken file is named."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise RunFolderError(
            f"this file is damaged or from another version of imbik ({error})",
            where=str(path),
            next="move the folder that holds it away and run again",
        ) from error


def write_lines(path: Path, records: Iterable[object]) -> int:
    """Write records as JSON lines atomically; returns how many."""
    encoder, count = msgspec.json.Encoder(), 0
    with atomic_writer(path) as stream:
        for record in records:
            stream.write(encoder.encode(record) + b"\n")
            count += 1
    return count


def read_lines(path: Path, kind: type[R]) -> Iterator[R]:
    """Stream records of one type from a JSON-lines file."""
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            yield decode_line(decoder.decode, line, f"{path}:{number}")


def decode_line(decode: Callable[[bytes], R], line: bytes, where: str) -> R:
    """Decode one line, naming it when it is damaged."""
    try:
        return decode(line)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise RunFolderError(
            f"this line is damaged or from another version of imbik ({error})",
            where=where,
            next="run again with --from the stage that wrote it",
        ) from error


def remove(path: Path) -> None:
    """Remove a file or folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
