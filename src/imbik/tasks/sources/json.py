"""JSON: an array of objects, or an object that holds one (.json).

Enters: a text file. Leaves: a row an item, with the line where the item begins. A `.json` file that is really JSON
lines is read as that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from imbik.core.errors import InputError
from imbik.core.types import Sensitivity
from imbik.tasks.rows import Quarantined, Row
from imbik.tasks.sources import TextSettings, located, refuse_split
from imbik.tasks.sources.jsonl import parse_lines
from imbik.tasks.text import TextFile, existing_file, recognise

_SPACE = re.compile(r"\s*")


class Json:
    """Rows of a JSON array."""

    class Settings(TextSettings):
        """Where the array is."""

        key: str = Field(
            "", description="the key that holds the array, when the file is an object; empty: the only one"
        )

    version = 1
    sensitivity: Sensitivity | None = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notes: list[str] = []

    def files(self, base: Path) -> Sequence[Path]:
        """The one file."""
        return [existing_file(located(self.settings.path, base), self.settings.path)]

    def rows(self, base: Path, split: str) -> Iterator[Row | Quarantined]:
        """A row an item.

        Raises: InputError with line and column where the file is not JSON.
        """
        refuse_split(split, self.settings.path)
        file = recognise(self.files(base)[0], self.settings.encoding)
        self.notes += [file.note] if file.note else []
        with file.open() as stream:
            text = stream.read()
        if text.lstrip().startswith("["):
            yield from self._items(text)
        elif is_lines(text):
            yield from self._lines(file)
        else:
            yield from self._inside(text)

    def _lines(self, file: TextFile) -> Iterator[Row | Quarantined]:
        self.notes.append(f"{file.path.name} holds JSON lines, not one JSON array; it was read as that")
        return parse_lines(file, self.settings.path)

    def _items(self, text: str) -> Iterator[Row | Quarantined]:
        """Items one by one, so that each knows its line."""
        decoder = json.JSONDecoder()
        position = _skip(text, text.index("[") + 1)
        line, counted = 1, 0
        while position < len(text) and text[position] != "]":
            line, counted = line + text.count("\n", counted, position), position
            try:
                value, position = decoder.raw_decode(text, position)
            except (json.JSONDecodeError, RecursionError) as error:
                raise self._broken(error) from None
            yield self._row(value, line)
            position = _skip(text, position)
            if position < len(text) and text[position] == ",":
                position = _skip(text, position + 1)
            elif text[position : position + 1] != "]":
                raise self._broken(json.JSONDecodeError("expected ',' or ']'", text, position))
        if text[position:].strip() != "]":
            raise self._broken(json.JSONDecodeError("the array does not end with ']'", text, position))

    def _inside(self, text: str) -> Iterator[Row | Quarantined]:
        """Items of the array inside an object; their place is their number in it."""
        try:
            value = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise self._broken(error) from None
        lists = {key: item for key, item in value.items() if isinstance(item, list)} if isinstance(value, dict) else {}
        key = self.settings.key or (next(iter(lists)) if len(lists) == 1 else "")
        if key not in lists:
            found = ", ".join(lists) or "none"
            raise InputError(
                f"this file holds no array of rows (arrays in it: {found})",
                where=self.settings.path,
                next="source: {use: json, path: …, key: NAME_OF_THE_ARRAY}",
            )
        for number, item in enumerate(lists[key], start=1):
            yield self._row(item, number)

    def _row(self, value: object, line: int) -> Row | Quarantined:
        if isinstance(value, dict):
            return Row(value, self.settings.path, line)
        detail = f"a {type(value).__name__}"
        return Quarantined(file=self.settings.path, line=line, reason="not a JSON object", detail=detail)

    def _broken(self, error: Exception) -> InputError:
        line, what = 1, str(error)
        if isinstance(error, json.JSONDecodeError):
            line, what = error.lineno, f"{error.msg} at column {error.colno}"
        return InputError(
            f"not valid JSON: {what}",
            where=f"{self.settings.path}:{line}",
            next="mend that line; a file of one object a line is called .jsonl",
        )


def is_lines(text: str) -> bool:
    """Whether a text that begins with an object goes on with another: JSON lines under the name of JSON."""
    try:
        _, end = json.JSONDecoder().raw_decode(text, _skip(text, 0))
    except (json.JSONDecodeError, RecursionError):
        first = text.lstrip().partition("\n")[0]
        return first.rstrip().endswith("}") and "\n" in text.strip()
    return bool(text[end:].strip())


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
