"""A data set made with distilabel: each instruction becomes a task, what its models answered are recorded answers.

Enters: a folder written by `Distiset.save_to_disk` (a folder a configuration, `distiset_configs/` beside them), one of
them alone, or a copy of such a data set of the hub (Parquet). Leaves: rows with the answers under their models' names
(`_distilabel_rows` says from which columns). Rows that follow one another and differ in the answer alone are one task
with several answers. An answer that distilabel could not get or read is null there: the task stays, without it, and
that is said. Needs `datasets` and pyarrow (extra `data`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Literal

from pydantic import Field

from imbik.core.errors import InputError
from imbik.core.types import Recorded, Sensitivity
from imbik.tasks.rows import BadRowError, Quarantined, Row
from imbik.tasks.sources import PathSettings, RowSource, located
from imbik.tasks.sources._distilabel_rows import METADATA, Answered, answered, with_reference
from imbik.tasks.sources.folder import Folder, is_parquet
from imbik.tasks.sources.hub import Hub, is_saved

CONFIGS, ARTIFACTS = "distiset_configs", "artifacts"
_TAG = re.compile(r"^\s*- distilabel\s*$", re.MULTILINE)


class Distilabel:
    """Rows of a distilabel data set."""

    class Settings(PathSettings):
        """Which configuration, and what its answers are."""

        config: str = Field("", description="configuration (last step of the pipeline), where there are several")
        answers: Literal["recorded", "reference"] = Field(
            "recorded",
            description="what the answers are: recorded for a teacher that says `use: recorded`, or the known answer",
        )

    version = 1
    sensitivity: Sensitivity | None = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notes: list[str] = []
        self._count: Counter[str] = Counter()
        self._models: dict[str, None] = {}

    def files(self, base: Path) -> Sequence[Path]:
        """The folder of the configuration.

        Raises: InputError where there is none, or several and none is named.
        """
        return [located(self._configuration(base), base)]

    def rows(self, base: Path, split: str) -> Iterator[Row | Quarantined]:
        """A row a question."""
        written = self._configuration(base)
        source: RowSource
        if is_saved(located(written, base)):
            source = Hub(Hub.Settings(path=written))
        else:
            source = Folder(PathSettings(path=written))
        self._count, self._models = Counter(), {}
        for same, rows in groupby(self._read(source.rows(base, split)), key=_question):
            if isinstance(same, Quarantined):
                yield from (row for row in rows if isinstance(row, Quarantined))
            else:
                yield self._joined([row for row in rows if isinstance(row, Answered)])
        self.notes += [*source.notes, *self._told()]

    def _read(self, rows: Iterator[Row | Quarantined]) -> Iterator[Answered | Quarantined]:
        for row in rows:
            if isinstance(row, Quarantined):
                yield row
                continue
            try:
                yield answered(row)
            except BadRowError as bad:
                yield bad.at(row)

    def _joined(self, rows: Sequence[Answered]) -> Row:
        """All answers to one question."""
        answers = [item for row in rows for item in row.recorded]
        self._count["rows"] += len(rows)
        self._count["further"] += len(rows) - 1
        self._count["missing"] += sum(row.missing for row in rows)
        self._count["rejected"] += sum(row.rejected for row in rows)
        self._models |= dict.fromkeys(item.name for item in answers)
        seen, recorded = Counter[str](), []
        for item in answers:
            seen[item.name] += 1
            number = seen[item.name]
            recorded.append(Recorded(name=item.name if number == 1 else f"{item.name}-{number}", text=item.text))
        row = rows[0].row
        if self.settings.answers == "reference" and recorded:
            row = row._replace(values=with_reference(row.values, recorded[0].text))
        return row._replace(recorded=tuple(recorded))

    def _told(self) -> Iterator[str]:
        """What a person should know of the answers."""
        count, where = self._count, self.settings.path
        if count["missing"]:
            yield (
                f"{count['missing']} answers in {where} are null: distilabel could not get or read them; their tasks "
                "are here without them"
            )
        if count["further"]:
            yield (
                f"{count['further']} of {count['rows']} rows in {where} are further answers to the question before them"
            )
        if count["rejected"]:
            yield (
                f"{count['rejected']} answers in {where} were rejected in favour of the chosen one, and are not taken"
            )
        if self._models and self.settings.answers == "recorded":
            yield (
                f"answers in {where} were written by {', '.join(self._models)}: name these models under `written_by:` "
                "of the recorded teacher, and their terms are looked up"
            )

    def _configuration(self, base: Path) -> str:
        """The folder with the rows, as written in the recipe."""
        folder, settings = located(self.settings.path, base), self.settings
        if not folder.is_dir():
            raise InputError(f"there is no such folder (looked for {folder})", where=settings.path)
        if is_saved(folder) and not settings.config:
            return settings.path
        found = configurations(folder)
        chosen = [settings.config] if settings.config else list(found)
        if not found:
            raise InputError(
                "no distilabel data set lies here: neither a folder written by save_to_disk nor Parquet files",
                where=settings.path,
                next="give the folder that holds distiset_configs, or a copy of the hub's repository",
            )
        if len(chosen) != 1 or chosen[0] not in found:
            raise InputError(
                f"this distilabel folder holds the configurations {', '.join(found)}", where=settings.path,
                next="say which: source: {use: distilabel, path: FOLDER, config: NAME}",
            )  # fmt: skip
        return str(Path(settings.path) / found[chosen[0]])


def configurations(folder: Path) -> dict[str, str]:
    """Folders with rows by the configuration's name; the hub keeps `default` in `data`, or in the folder itself."""
    found = {"default": "."} if any(map(is_parquet, folder.glob("*"))) else {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in (CONFIGS, ARTIFACTS) and (is_saved(path) or _holds_parquet(path)):
            found["default" if path.name == "data" else path.name] = path.name
    return found


def is_distiset(folder: Path) -> bool:
    """Whether a folder was made with distilabel: by its own folder, its card of the hub, or the column it adds."""
    if (folder / CONFIGS).is_dir():
        return True
    infos = [folder / "dataset_info.json", *folder.glob("*/dataset_info.json")]
    if any(METADATA in path.read_text(encoding="utf-8", errors="replace") for path in infos if path.is_file()):
        return True
    card = folder / "README.md"
    told = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    return METADATA in told or _TAG.search(told) is not None or _has_column(folder)


def _has_column(folder: Path) -> bool:
    """Whether the first Parquet file's schema holds what distilabel keeps beside its rows."""
    files = sorted(path for path in (*folder.glob("*"), *folder.glob("*/*")) if is_parquet(path))
    if not files:
        return False
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return False
    try:
        return METADATA in pyarrow.parquet.read_schema(files[0]).names
    except (pyarrow.ArrowException, OSError):
        return False


def _holds_parquet(folder: Path) -> bool:
    return any(map(is_parquet, folder.glob("*")))


def _question(row: Answered | Quarantined) -> object:
    """What rows of one task share: all but their answers."""
    return row if isinstance(row, Quarantined) else (row.row.file, row.row.set, repr(row.row.values))
