"""Rows as sources give them, and rows that cannot be used.

Enters: one row of a file, as plain values. Leaves: values by dotted path, text where text is meant, or a BadRowError
that says why not: a bad row is data, never a crash.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import NamedTuple

from imbik.core.types import Record, Recorded

BROKEN = re.compile("[\ud800-\udfff]")
"""What bytes that could not be decoded look like in text (PEP 383)."""


class Row(NamedTuple):
    """One row: values by column, where it stands, and what only some sources know (its set, recorded answers)."""

    values: Mapping[str, object]
    file: str
    line: int
    set: str = ""
    recorded: tuple[Recorded, ...] = ()


class Quarantined(Record, frozen=True, kw_only=True):
    """One line of `quarantine.jsonl`: a row that was not used. `reason` is one of few, `detail` is this row's own."""

    file: str
    line: int
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}" + (f" ({self.detail})" if self.detail else "")


class BadRowError(Exception):
    """Raised while a row is read; becomes its quarantine line."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail.encode(errors="backslashreplace").decode()  # column names may hold broken bytes

    def at(self, row: Row) -> Quarantined:
        """The quarantine line of this row."""
        return Quarantined(file=row.file, line=row.line, reason=self.reason, detail=self.detail)


def value_at(values: Mapping[str, object], path: str) -> object:
    """The value at a column or a dotted path (`solution.text`, `choices.0.text`); None where there is none."""
    if path in values:
        return values[path]
    current: object = values
    for part in path.split("."):
        if isinstance(current, Mapping):
            current = current.get(part)
        elif isinstance(current, Sequence) and not isinstance(current, str | bytes) and part.isdigit():
            current = current[int(part)] if int(part) < len(current) else None
        else:
            return None
    return current


def as_text(value: object, what: str) -> str:
    """Text of a value; numbers, truth values and dates in their one plain spelling, nothing as "".

    Raises: BadRowError for lists, objects, bytes, NaN, NUL characters and bytes that could not be decoded.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return _checked(value, what)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal) or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        raise BadRowError("bytes where text is expected", f"{what} holds {len(value)} bytes")
    kind = (
        "a list" if isinstance(value, list | tuple) else "an object" if isinstance(value, Mapping) else f"{value!r:.40}"
    )
    raise BadRowError("not text", f"{what} is {kind}")


def _checked(text: str, what: str) -> str:
    if "\x00" in text:
        raise BadRowError("holds NUL characters", f"in {what}, character {text.index(chr(0)) + 1}")
    if not text.isascii() and (broken := BROKEN.search(text)):
        byte = ord(broken.group()) - 0xDC00
        raise BadRowError(
            "bytes that cannot be decoded",
            f"in {what}, character {broken.start() + 1}, byte 0x{byte & 0xFF:02x}",
        )
    return text
