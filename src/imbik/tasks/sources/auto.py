"""What a plain `source: PATH` is: seen from the path and, where that does not tell, from the content.

Enters: a path, a hub id, or `embedded`. Leaves: the rows of the source that fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from imbik.core.errors import InputError
from imbik.core.types import Sensitivity
from imbik.tasks.rows import Quarantined, Row
from imbik.tasks.sources import PathSettings, RowSource, located
from imbik.tasks.sources.chat_log import ChatLog, is_log
from imbik.tasks.sources.csv import Csv
from imbik.tasks.sources.distilabel import Distilabel, is_distiset
from imbik.tasks.sources.embedded import Embedded
from imbik.tasks.sources.folder import SUFFIXES, Folder
from imbik.tasks.sources.hub import Hub, is_saved
from imbik.tasks.sources.json import Json
from imbik.tasks.sources.jsonl import JsonLines
from imbik.tasks.sources.parquet import Parquet

_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")
_WORKBOOKS = (".xlsx", ".xls", ".ods")


class Auto:
    """Finds the source that fits a path."""

    version = 1
    sensitivity: Sensitivity | None = None
    Settings = PathSettings

    def __init__(self, settings: PathSettings) -> None:
        self.settings = settings
        self.notes: list[str] = []

    def files(self, base: Path) -> Sequence[Path]:
        """The files of the source that fits."""
        return resolve(self.settings.path, base).files(base)

    def rows(self, base: Path, split: str) -> Iterator[Row | Quarantined]:
        """The rows of the source that fits."""
        source = resolve(self.settings.path, base)
        yield from source.rows(base, split)
        self.notes += source.notes


def resolve(written: str, base: Path) -> RowSource:
    """The source that fits a path as written in a recipe.

    Raises: InputError when nothing is there, or it is a kind of file that imbik does not read.
    """
    path = located(written, base)
    if path.is_dir():
        if is_distiset(path):
            return Distilabel(Distilabel.Settings(path=written))
        return Hub(Hub.Settings(path=written)) if is_saved(path) else Folder(PathSettings(path=written))
    if path.is_file():
        return source_for_file(path, written)
    if written == "embedded":
        return Embedded(Embedded.Settings())
    if _HUB_ID.match(written) and Path(written).suffix.lower() not in (*SUFFIXES, *_WORKBOOKS, ".txt"):
        return Hub(Hub.Settings(path=written))
    raise InputError(
        f"there is no such file or folder (looked for {path})",
        where=written,
        next="correct tasks.source; paths are relative to the recipe's folder",
    )


def source_for_file(path: Path, written: str) -> RowSource:
    """The source that reads one file."""
    suffix = path.suffix.lower()
    if suffix in _WORKBOOKS:
        raise InputError(
            "imbik does not read workbooks",
            where=written,
            next="save it as CSV (in Excel: Save As, CSV UTF-8) or as Parquet, and give that file",
        )
    start = _start(path)
    if suffix in (".parquet", ".pq") or start.startswith(b"PAR1"):
        return Parquet(PathSettings(path=written))
    if suffix in (".jsonl", ".ndjson") or (suffix not in (".csv", ".tsv") and start.startswith(b"{")):
        return _lines_or_log(start, written, suffix)
    if suffix == ".json" or (suffix not in (".csv", ".tsv") and start.startswith(b"[")):
        return Json(Json.Settings(path=written))
    return Csv(Csv.Settings(path=written, delimiter="\t" if suffix == ".tsv" else ""))


def _lines_or_log(start: bytes, written: str, suffix: str) -> RowSource:
    """JSON lines, unless the first of them is a request with its response; a `.json` file may still be one object."""
    first, _, rest = start.partition(b"\n")
    try:
        value = msgspec.json.decode(first)
    except msgspec.DecodeError:
        value = None
    if isinstance(value, dict) and is_log(value) and (rest.strip() or suffix != ".json"):
        return ChatLog(ChatLog.Settings(path=written))
    if suffix == ".json":
        return Json(Json.Settings(path=written))
    return JsonLines(JsonLines.Settings(path=written))


def _start(path: Path) -> bytes:
    """The beginning of a file, without a byte order mark and spaces."""
    with path.open("rb") as stream:
        return stream.read(1 << 20).removeprefix(b"\xef\xbb\xbf").lstrip()
