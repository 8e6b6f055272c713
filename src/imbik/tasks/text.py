"""Text files as people really have them: UTF-8 with or without BOM, UTF-16 from Excel, Turkish Windows code pages.

Enters: a path. Leaves: which encoding it is (with a note when it is not UTF-8), and its lines. Bytes that cannot be
decoded come through as lone surrogates, so that the row they stand in can be quarantined and the rest be used.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from imbik.core.errors import InputError

_CHUNK = 1 << 20
_START = 4096
_PLAUSIBLE = 0.9
_PUNCTUATION = "“”‘’„«»–—…•€°·©®™×§"
_LETTERS = {
    "cp1254": "çğıöşüÇĞİÖŞÜâîûÂÎÛ",
    "cp1250": "áéíóöőúüűÁÉÍÓÖŐÚÜŰčšžćđČŠŽĆĐ",
}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with BOM"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)


@dataclass(frozen=True)
class TextFile:
    """A text file and how it is decoded: Python's codec, its name for people, and a note when it is worth one."""

    path: Path
    codec: str
    name: str
    note: str = ""

    def open(self, newline: str = "") -> IO[str]:
        """The file as text; line ends are left alone, undecodable bytes become lone surrogates (U+FFFD where a
        character has two or four bytes)."""
        return self.path.open(encoding=self.codec, errors=_errors(self.codec), newline=newline)


def existing_file(path: Path, written: str) -> Path:
    """The path, when a file with content is there.

    Raises: InputError saying what to do when it is missing, empty, a folder or not readable.
    """
    if path.is_dir():
        raise InputError("this is a folder, not a file", where=written, next="source: {use: folder, path: …}")
    try:
        with path.open("rb") as stream:
            empty = not stream.read(64).strip(b"\xef\xbb\xbf \t\r\n")
            empty = empty and not stream.read().strip()
    except FileNotFoundError:
        raise InputError(
            f"there is no such file (looked for {path})",
            where=written,
            next="correct the path in the recipe; paths are relative to the recipe's folder",
        ) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=written, next=f"ls -l {path}") from None
    if empty:
        raise InputError("this file is empty", where=written, next="give a file with at least a few rows in it")
    return path


def recognise(path: Path, encoding: str = "") -> TextFile:
    """How a file is to be decoded; `encoding` overrules what the bytes say.

    Raises: InputError for an encoding that Python does not know, or bytes that are no text.
    """
    if encoding:
        return _named(path, encoding)
    with path.open("rb") as stream:
        start = stream.read(_START)
    for bom, codec, name in _BOMS:
        if start.startswith(bom):
            _check_wide(path, start, codec, name)
            note = "" if codec == "utf-8-sig" else f"{path.name} is {name}; it was read as that"
            return TextFile(path, codec, name, note)
    if wide := _utf16_without_bom(start):
        return TextFile(path, wide, "UTF-16", f"{path.name} is UTF-16 without a mark; it was read as that")
    if _is_utf8(path):
        return TextFile(path, "utf-8", "UTF-8")
    return _not_utf8(path)


def _errors(codec: str) -> str:
    """How a codec takes bytes that are none of its own."""
    return "replace" if codec.startswith(("utf-16", "utf-32")) else "surrogateescape"


def _named(path: Path, encoding: str) -> TextFile:
    """A file in the encoding that the recipe names.

    Raises: InputError where Python knows no such encoding of text, or the file cannot be written in it.
    """
    try:
        "".encode(encoding)  # rot13, base64 and the like are codecs, but none of text
        codec = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise InputError(
            f"there is no encoding of text '{encoding}'",
            where=str(path),
            next="encoding: utf-8, cp1254 or another name of Python's codecs; without it the bytes tell",
        ) from None
    try:
        _decode_all(path, codec)
    except UnicodeError as error:
        raise InputError(
            f"cannot be read in the encoding '{encoding}' that the recipe names ({error})",
            where=str(path),
            next="correct `encoding`, or leave it out: what the file is can mostly be seen from its bytes",
        ) from None
    return TextFile(path, codec, encoding)


def _decode_all(path: Path, codec: str) -> None:
    """Decode a whole file: its first bytes without mercy where characters are wide, the rest as it will be read."""
    decoder = codecs.getincrementaldecoder(codec)(_errors(codec))
    with path.open("rb") as stream:
        if _errors(codec) == "replace":
            _decode_start(stream.read(_START), codec)
            stream.seek(0)
        while chunk := stream.read(_CHUNK):
            decoder.decode(chunk)
    decoder.decode(b"", final=True)


def _decode_start(start: bytes, codec: str) -> None:
    """Decode the first bytes of a file; a letter that the cut went through is no error."""
    codecs.getincrementaldecoder(codec)().decode(start)


def _check_wide(path: Path, start: bytes, codec: str, name: str) -> None:
    """Two bytes make a mark, not a text: a file that begins like UTF-16 or UTF-32 must go on like it.

    Raises: InputError naming the first byte that does not.
    """
    if codec == "utf-8-sig":
        return
    try:
        _decode_start(start, codec)
    except UnicodeDecodeError as error:
        raise InputError(
            f"begins like {name}, but its bytes from {error.start} on cannot be decoded as that: is this a text file?",
            where=str(path),
            next="give a CSV, JSON, JSONL or Parquet file, or say how it is written: encoding: cp1254",
        ) from None


def _utf16_without_bom(start: bytes) -> str:
    """UTF-16 of mostly Latin text has a zero in every second byte."""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if odd > 0.4 * len(start) / 2 and even < odd / 8:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * len(start) / 2 and odd < even / 8 else ""


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _not_utf8(path: Path) -> TextFile:
    """A code page, when lines that are not UTF-8 outnumber those that are and read well; else UTF-8 with bad lines."""
    valid, broken, high = 0, 0, bytearray()
    with path.open("rb") as stream:
        for line in stream:
            if line.isascii():
                continue
            try:
                line.decode()
                valid += 1
            except UnicodeDecodeError:
                broken += 1
                high += bytes(byte for byte in line if byte >= 0x80)
    codec = _code_page(bytes(high)) if broken > valid else ""
    if not codec:
        return TextFile(path, "utf-8", "UTF-8", f"{path.name} is UTF-8, but {broken} of its lines are not")
    name = _code_page_name(codec, bytes(high))
    note = f"{path.name} is not UTF-8; it was read as {name}. If that is wrong: source: {{path: …, encoding: …}}"
    return TextFile(path, codec, name, note)


def _code_page(high: bytes) -> str:
    """The code page in which the high bytes are letters of its languages, or ''."""
    scores = {}
    for codec, letters in _LETTERS.items():
        known = set((letters + _PUNCTUATION).encode(codec, errors="ignore"))
        scores[codec] = sum(byte in known for byte in high) / max(len(high), 1)
    best = max(scores, key=lambda codec: scores[codec])
    return best if scores[best] >= _PLAUSIBLE else ""


def _code_page_name(codec: str, high: bytes) -> str:
    if codec == "cp1250":
        return "cp1250 (Central European Windows)"
    only_iso = not any(0x80 <= byte < 0xA0 for byte in high)
    return "ISO-8859-9 (Turkish; the same as cp1254 here)" if only_iso else "cp1254 (Turkish Windows)"


def lines(file: TextFile) -> Iterator[tuple[int, str]]:
    """Numbered lines without their ends, blank ones left out; only `\\n` ends a line (JSON lines)."""
    with file.open(newline="\n") as stream:
        for number, line in enumerate(stream, start=1):
            if text := line.strip():
                yield number, text
