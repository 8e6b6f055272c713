"""What a request really says: every text in it, read from the bytes that are about to leave.

Enters: a request's URL, headers and body. Leaves: all texts in it for the detectors (prompts of every role, examples,
extra fields, file names, keys of objects, numbers), or None where the body cannot be read: then nobody can say what it
holds, and it counts as confidential. JSON, JSON lines, multipart/form-data, forms and plain text are read; whatever is
compressed, binary, cut, or written as token ids is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus

_SHORT = 100  # a value this short may need its key to be understood: {"vkn": 1234567890}
_SPOKEN = {"content", "text", "role"}  # keys that say nothing of what stands under them
_HIDDEN = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_JSON_LINES = ("application/jsonl", "application/x-ndjson", "application/x-jsonlines")
_DEPTH = 64
_FEW = 4  # so many whole numbers in one list may be a text
_NUMBERS = {"enum", "examples", "default", "stop_token_ids", "allowed_token_ids"}  # lists in schemas and of settings


class UnreadableError(Exception):
    """Something in the body cannot be looked into."""


def texts_in(body: bytes, content_type: str = "application/json", encoding: str = "") -> list[str] | None:
    """Every text in a body of this type, in order; None where any of it cannot be read."""
    if not body:
        return []
    if encoding.strip().lower() not in {"", "identity"}:
        return None
    try:
        return list(_read(body, content_type))
    except (UnreadableError, ValueError, RecursionError, LookupError):
        return None


def texts_around(url: str, headers: Mapping[str, str]) -> list[str]:
    """What a URL's path and query and the headers say."""
    place, _, query = url.partition("://")[2].partition("/")[2].partition("?")
    found = [unquote(place)]
    found += [f"{key} {value}" for key, value in parse_qsl(query, keep_blank_values=True)]
    found += [unquote_plus(query)] if query else []
    return found + [f"{name} {unquote(value)}" for name, value in headers.items()]


def header(headers: Mapping[str, str], name: str) -> str:
    """A header's value, whatever the case of its name."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")


def _read(body: bytes, content_type: str) -> Iterator[str]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        yield from _parts(body, content_type)
        return
    text = body.decode("utf-8")
    if kind in {"text/plain", "text/markdown"}:
        yield text
        yield from _inner(text, 0)
    elif kind == "application/x-www-form-urlencoded":
        for key, value in parse_qsl(text, keep_blank_values=True, strict_parsing=True):
            yield from (key, f"{key} {value}")
    elif kind in _JSON_LINES:
        yield from _lines(text)
    else:
        yield from _walk(_decode(text), "", 0)


def _parts(body: bytes, content_type: str) -> Iterator[str]:
    """The parts of a form with files: their names, and what is in them."""
    # RFC 7578; the parser reads what stands between the boundaries, so nothing may stand around them.
    whole = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    if not whole.is_multipart() or whole.defects or (whole.preamble or "").strip() or (whole.epilogue or "").strip():
        raise UnreadableError
    for part in whole.iter_parts():
        if part.is_multipart() or part.defects or part.get("Content-Transfer-Encoding", "8bit").lower() == "base64":
            raise UnreadableError
        yield from (f"{name} {value}" for name, value in part.items())
        name = str(part.get_filename() or "")
        held = part.get_payload(decode=True)
        if not isinstance(held, bytes):
            raise UnreadableError
        kind = part.get_content_type() if part.get("Content-Type") else "text/plain"
        if kind in {"application/octet-stream", "text/plain"} and name.lower().endswith((".jsonl", ".ndjson")):
            kind = _JSON_LINES[0]
        yield from _read(held, kind)


def _lines(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        if line.strip():
            yield from _walk(_decode(line), "", 0)


class _Number(str):
    """A whole number, as it was written."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written: a key that stands there twice is read twice."""


def _decode(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_Pairs, parse_int=_Number, parse_float=str, parse_constant=str)


def _walk(value: Any, key: str, depth: int, *, inner: bool = False) -> Iterator[str]:
    if depth > _DEPTH:
        raise UnreadableError
    if isinstance(value, str):
        yield value if len(value) > _SHORT or key in _SPOKEN else f"{key} {value}"
        yield from _inner(value, depth)
    elif isinstance(value, _Pairs):
        for name, item in value:
            if not isinstance(item, str) or len(item) > _SHORT:
                yield name
            yield from _walk(item, name, depth + 1, inner=inner)
    elif isinstance(value, list):
        if not inner and key not in _NUMBERS and _is_tokens(value):
            raise UnreadableError
        for item in value:
            yield from _walk(item, key, depth + 1, inner=inner)


def _is_tokens(value: list[Any]) -> bool:
    """Whether a list may be a text as token ids, which no detector can read. `_decode` leaves numbers as their text."""
    return sum(isinstance(item, _Number) for item in value) >= _FEW


def _inner(text: str, depth: int) -> Iterator[str]:
    """What a text says that is JSON of its own (arguments of a tool); a picture in it says what nobody can read."""
    if "base64," in text and _HIDDEN.search(text):
        raise UnreadableError
    bare = text.strip()
    if bare[:1] in {"{", "["} and bare[-1:] in {"}", "]"} and "\\" in bare:
        try:
            inner = _decode(bare)
        except ValueError:
            return
        yield from _walk(inner, "", depth + 1, inner=True)  # what it says was read already, as text
