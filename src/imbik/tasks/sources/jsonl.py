"""JSON lines: one object a line (.jsonl, .ndjson).

Enters: a text file. Leaves: a row a line; a line that is no JSON object goes to quarantine with its number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from imbik.core.types import Sensitivity
from imbik.tasks.rows import BROKEN, Quarantined, Row
from imbik.tasks.sources import TextSettings, located, refuse_split
from imbik.tasks.text import TextFile, existing_file, lines, recognise


class JsonLines:
    """Rows of a JSON-lines file."""

    version = 1
    sensitivity: Sensitivity | None = None
    Settings = TextSettings

    def __init__(self, settings: TextSettings) -> None:
        self.settings = settings
        self.notes: list[str] = []

    def files(self, base: Path) -> Sequence[Path]:
        """The one file."""
        return [existing_file(located(self.settings.path, base), self.settings.path)]

    def rows(self, base: Path, split: str) -> Iterator[Row | Quarantined]:
        """A row a line; blank lines are no rows."""
        refuse_split(split, self.settings.path)
        file = recognise(self.files(base)[0], self.settings.encoding)
        self.notes += [file.note] if file.note else []
        yield from parse_lines(file, self.settings.path)


def parse_lines(file: TextFile, written: str) -> Iterator[Row | Quarantined]:
    """Objects of a file's lines, with their line numbers."""
    for number, line in lines(file):
        yield parse_line(line, written, number)


def parse_line(line: str, written: str, number: int) -> Row | Quarantined:
    """One line as a row, or why it is none."""
    if not line.isascii() and (broken := BROKEN.search(line)):
        detail = f"character {broken.start() + 1}, byte 0x{(ord(broken.group()) - 0xDC00) & 0xFF:02x}"
        return Quarantined(file=written, line=number, reason="bytes that cannot be decoded", detail=detail)
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        return Quarantined(file=written, line=number, reason="not valid JSON", detail=str(error))
    if not isinstance(value, dict):
        return Quarantined(file=written, line=number, reason="not a JSON object", detail=f"a {type(value).__name__}")
    return Row(value, written, number)
