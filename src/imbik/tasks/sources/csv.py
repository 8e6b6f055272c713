"""CSV: comma, semicolon (Excel in Turkish, German …), tab or bar separated; cells may span lines (.csv, .tsv).

Enters: a text file with a header. Leaves: a row a record, with the line where it begins. A record with another number
of cells than the header goes to quarantine, and so does a line whose quote is never closed, instead of all that
follows it.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from pydantic import Field

from imbik.core.errors import InputError
from imbik.core.types import Sensitivity
from imbik.tasks.rows import BROKEN, Quarantined, Row
from imbik.tasks.sources import TextSettings, located, refuse_split
from imbik.tasks.text import TextFile, existing_file, recognise

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_OPEN_QUOTES = 100
_SAMPLE = 200


class Csv:
    """Rows of a separated text file."""

    class Settings(TextSettings):
        """How the file is written, where that cannot be seen."""

        delimiter: str = Field("", max_length=1, description="one character; empty: seen from the file")
        header: list[str] = Field([], description="column names, when the file's first line is a row already")

    version = 1
    sensitivity: Sensitivity | None = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notes: list[str] = []

    def files(self, base: Path) -> Sequence[Path]:
        """The one file."""
        return [existing_file(located(self.settings.path, base), self.settings.path)]

    def rows(self, base: Path, split: str) -> Iterator[Row | Quarantined]:
        """A row a record; blank lines are no rows.

        Raises: InputError for a header that names a column twice.
        """
        refuse_split(split, self.settings.path)
        file = recognise(self.files(base)[0], self.settings.encoding)
        self.notes += [file.note] if file.note else []
        delimiter = self.settings.delimiter or recognise_delimiter(file)
        if delimiter != "," and not self.settings.delimiter:
            self.notes.append(f"{file.path.name} is separated by {DELIMITERS[delimiter]}; it was read as that")
        records = _records(file, delimiter, self.settings.path)
        header = self._header(records)
        for record in records:
            yield record if isinstance(record, Quarantined) else self._row(header, *record)

    def _header(self, records: Iterator[_Record | Quarantined]) -> list[str]:
        if self.settings.header:
            return self.settings.header
        first = next(records, None)
        if first is None or isinstance(first, Quarantined):
            raise InputError(
                f"the header cannot be read{': ' + first.detail if first else ''}",
                where=f"{self.settings.path}:1",
                next="the first line names the columns; without one: source: {use: csv, path: …, header: [a, b]}",
            )
        names = [name.strip() or f"column {number}" for number, name in enumerate(first[1], start=1)]
        if any(BROKEN.search(name) for name in names):
            raise InputError(
                "the header holds bytes that cannot be decoded",
                where=f"{self.settings.path}:{first[0]}",
                next="say how the file is written: source: {use: csv, path: …, encoding: cp1254}",
            )
        twice = next((name for name in names if names.count(name) > 1), "")
        if twice:
            raise InputError(
                f"two columns are called '{twice}'",
                where=f"{self.settings.path}:{first[0]}",
                next="rename one of them",
            )
        return names

    def _row(self, header: list[str], line: int, cells: list[str]) -> Row | Quarantined:
        if len(cells) == len(header):
            return Row(dict(zip(header, cells, strict=True)), self.settings.path, line)
        detail = f"{len(cells)} cells where the header has {len(header)}"
        return Quarantined(file=self.settings.path, line=line, reason="wrong number of cells", detail=detail)


_Record = tuple[int, list[str]]


def _records(file: TextFile, delimiter: str, written: str) -> Iterator[_Record | Quarantined]:
    """Records with the line each begins at. After a quote that is never closed, reading goes on at the next line."""
    csv.field_size_limit(sys.maxsize)
    start, lost = 0, 0
    while start >= 0:
        resume = -1
        for item in _pass(file, delimiter, start):
            if isinstance(item[1], list):
                yield item[0], item[1]
                continue
            unclosed = item[1] == "unexpected end of data"
            detail = "a quote that is opened here is never closed" if unclosed else item[1]
            yield Quarantined(file=written, line=item[0], reason="broken quoting", detail=detail)
            resume = item[0] if unclosed else -1
        start, lost = resume, lost + 1
        if lost > _OPEN_QUOTES:
            raise InputError(
                f"more than {_OPEN_QUOTES} lines open a quote that is never closed",
                where=f"{written}:{start}",
                next="save the file as CSV again, with quotes inside cells doubled",
            )


def _pass(file: TextFile, delimiter: str, start: int) -> Iterator[tuple[int, list[str] | str]]:
    """Read from after line `start`: (line, cells) of records, (line, what is wrong) of broken ones."""
    with file.open() as stream:
        source = islice(stream, start, None)
        reader = csv.reader(_without_separator_line(source) if not start else source, delimiter=delimiter, strict=True)
        offset = start
        while True:
            line = offset + reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, str(error)
                continue
            if cells:
                yield line, cells


def _without_separator_line(source: Iterator[str]) -> Iterator[str]:
    """Excel's `sep=;` first line becomes a blank one, so that line numbers stay."""
    for number, line in enumerate(source):
        yield "\n" if number == 0 and line.lower().startswith("sep=") else line


def recognise_delimiter(file: TextFile) -> str:
    """The separator under which the first records have most alike numbers of cells, more than one; comma if none."""
    with file.open() as stream:
        sample = list(islice(stream, _SAMPLE))
    if sample and sample[0].lower().startswith("sep=") and sample[0].strip()[4:5] in DELIMITERS:
        return sample[0].strip()[4:5]
    return max(DELIMITERS, key=lambda delimiter: _fit(sample, delimiter))


def _fit(sample: Sequence[str], delimiter: str) -> tuple[float, int]:
    """Share of records with as many cells as the header (0 when it has one), and the header's cells."""
    csv.field_size_limit(sys.maxsize)
    try:
        records = [cells for cells in csv.reader(sample, delimiter=delimiter) if cells]
    except csv.Error:
        return 0.0, 0
    if not records or len(records[0]) < 2:
        return 0.0, 0
    alike = sum(len(cells) == len(records[0]) for cells in records)
    return alike / len(records), len(records[0])
