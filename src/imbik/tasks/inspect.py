"""Looking at a file before a recipe exists: what `imbik init` needs to propose one.

Enters: a path or hub id. Leaves: an Inspection: format, encoding, delimiter, columns with the roles they seem to
have, the kind that fits, labels, sizes, language. Counts every row as a run would and takes other figures from the
first 20,000; nothing leaves this machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

from imbik.core.errors import ImbikError, InputError
from imbik.core.plugins import make
from imbik.core.types import Task
from imbik.recipe import build
from imbik.tasks.build import Builder
from imbik.tasks.columns import Plan, asks
from imbik.tasks.content import privacy_column
from imbik.tasks.fitting import Fitting, answer_text, fitting, question_text
from imbik.tasks.languages import guess_language
from imbik.tasks.recorded import RecordedAnswers
from imbik.tasks.rows import Quarantined, Row
from imbik.tasks.sources import RowSource
from imbik.tasks.sources.auto import resolve
from imbik.tasks.sources.chat_log import ChatLog
from imbik.tasks.sources.csv import Csv, recognise_delimiter
from imbik.tasks.text import recognise

SAMPLE = 20_000
_TABLES = (".csv", ".tsv")


@dataclass(frozen=True)
class Column:
    """One column: the role it seems to have ('' for none), how it is filled, and how many values differ."""

    name: str
    role: str
    filled: int
    distinct: int
    example: str


@dataclass(frozen=True)
class Inspection:
    """What a file is. `kind` and `labels` are proposals; `sets` are rows by prescribed set ('' for free rows).

    `bad_rows` are those that a run would put into quarantine, `guessed` says which roles were judged from values,
    `sensitivity` is the column that marks each row's, '' for none.
    """

    path: str
    format: str
    encoding: str
    delimiter: str
    rows: int
    bad_rows: int
    columns: Sequence[Column]
    roles: Mapping[str, str]
    kind: str
    labels: Mapping[str, int]
    answered: int
    language: str
    median_length: int
    longest: int
    sets: Mapping[str, int] = field(default_factory=dict)
    recorded: Sequence[str] = ()
    notes: Sequence[str] = ()
    bad_examples: Sequence[Quarantined] = ()
    guessed: Sequence[str] = ()
    sensitivity: str = ""

    @property
    def mapping(self) -> dict[str, str]:
        """What `columns:` would say to fix the roles found, by field name."""
        return {role: column for role, column in self.roles.items() if column}


def inspect(
    path: str | Path, base: Path = Path(), *, kind: str = "", columns: Mapping[str, str] | None = None
) -> Inspection:
    """Look at a file, folder or hub id; `kind` and `columns` are what a person has said already.

    Raises: InputError when it cannot be read, holds no rows, or its columns do not show which is the question.
    """
    source = resolve(str(path), base)
    stream: Iterator[Row | Quarantined] = source.rows(base, "")
    start = list(islice(stream, SAMPLE))
    rows = [item for item in start if isinstance(item, Row)]
    if not rows:
        raise _none_usable(path, next((item for item in start if isinstance(item, Quarantined)), None))
    if isinstance(source, Csv) and Path(path).suffix.lower() not in _TABLES and len(rows[0].values) == 1:
        raise _unknown(path)
    marks = privacy_column(rows)
    found = fitting(rows, isinstance(source, ChatLog), columns or {}, marks)
    if not asks(found.plan):
        raise _undecided(path, rows)
    language = guess_language([question_text(row, found.plan) for row in rows[:300]], list(rows[0].values))
    found = replace(found, kind=kind or found.kind, language=language, sensitivity=marks)
    counted = _count(chain(start, stream), _builder(path, found))
    if not counted.used:
        raise _none_usable(path, counted.bad[0])
    return _described(path, base, source, found, counted)


def _described(path: str | Path, base: Path, source: RowSource, found: Fitting, counted: _Counted) -> Inspection:
    """All that was found, with the figures of the usable rows."""
    rows = counted.used
    questions = [text for row in rows if (text := question_text(row, found.plan))]
    answers = [text for row in rows if (text := answer_text(row, found.plan))]
    sizes = sorted(map(len, questions)) or [0]
    encoding, delimiter = _written(source, base)
    return Inspection(
        path=str(path),
        format=type(source).__module__.rpartition(".")[2],
        encoding=encoding,
        delimiter=delimiter,
        rows=counted.rows,
        bad_rows=counted.bad_rows,
        columns=_columns(rows, found.plan),
        roles=found.plan,
        kind=found.kind,
        labels=dict(Counter(answers).most_common()) if found.kind == "classification" else {},
        answered=counted.answered,
        language=found.language,
        median_length=sizes[len(sizes) // 2],
        longest=sizes[-1],
        sets=counted.sets,
        recorded=sorted({answer.name for row in rows for answer in row.recorded}),
        notes=(*source.notes, *found.notes),
        bad_examples=tuple(counted.bad),
        guessed=found.guessed,
        sensitivity=found.sensitivity,
    )


@dataclass
class _Counted:
    """All rows of a file as a run would count them; `used` are the first SAMPLE usable ones, `bad` the first three."""

    rows: int = 0
    bad_rows: int = 0
    answered: int = 0
    sets: Counter[str] = field(default_factory=Counter)
    used: list[Row] = field(default_factory=list)
    bad: list[Quarantined] = field(default_factory=list)


def _count(stream: Iterator[Row | Quarantined], builder: Builder) -> _Counted:
    """Read every row as the first stage of a run does."""
    counted = _Counted()
    for item in stream:
        counted.rows += 1
        made = builder.build(item) if isinstance(item, Row) else item
        if isinstance(made, Task) and isinstance(item, Row):
            counted.answered += made.reference is not None
            counted.sets[item.set] += 1
            if len(counted.used) < SAMPLE:
                counted.used.append(item)
        elif isinstance(made, Quarantined):
            counted.bad_rows += 1
            counted.bad += [made] if len(counted.bad) < 3 else []
    return counted


def _builder(path: str | Path, found: Fitting) -> Builder:
    """What makes tasks of the rows under the recipe that would be proposed."""
    tasks = {"source": str(path), "kind": found.kind, "columns": dict(found.plan), "language": found.language}
    tasks |= {"sensitivity": found.sensitivity} if found.sensitivity else {}
    student = {"architecture": "llama"}
    recipe = build({"name": "look", "tasks": tasks, "generate": {"from": "reference"}, "student": student})
    return Builder(recipe.tasks, make("tasks/kinds", recipe.tasks.kind), RecordedAnswers(recipe))


def _none_usable(path: str | Path, bad: Quarantined | None) -> InputError:
    first = f"; the first: {bad}" if bad else ""
    return InputError(f"no usable rows in it{first}", where=str(path), next="give a file with at least a few rows")


def _unknown(path: str | Path) -> InputError:
    """Lines of text that are neither JSON nor Parquet, and no table either."""
    return InputError(
        f"unknown format '{Path(path).suffix}': neither JSON, JSON lines nor Parquet, and no table",
        where=str(path),
        next="save the rows as CSV (the first line names the columns), JSON, JSON lines or Parquet, and give that file",
    )


def _undecided(path: str | Path, rows: Sequence[Row]) -> InputError:
    """Neither headers nor values say what is asked: a person has to."""
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    return InputError(
        f"its columns ({', '.join(names)}) do not show which is the question and which its answer or label",
        where=str(path),
        next="say it, with your columns' names: --columns '{prompt: COLUMN, label: COLUMN}' (or answer: COLUMN); it is "
        "written into the recipe as columns: {prompt: COLUMN, label: COLUMN}",
    )


def _columns(rows: Sequence[Row], plan: Plan) -> list[Column]:
    """Every column of the rows, in the order it first appears."""
    roles = {column: role for role, column in plan.items()}
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    found = []
    for name in names:
        values = [value for row in rows if (value := row.values.get(name)) not in (None, "")]
        distinct = len({str(value) for value in values})
        example = str(values[0])[:60] if values else ""
        found.append(Column(name, roles.get(name, ""), len(values), distinct, example))
    return found


def _written(source: RowSource, base: Path) -> tuple[str, str]:
    """Encoding and delimiter of a text file, '' where there is none."""
    files = source.files(base)
    settings = getattr(source, "settings", None)
    if len(files) != 1 or not files[0].is_file() or not hasattr(settings, "encoding"):
        return "", ""
    try:
        file = recognise(files[0])
        if not isinstance(source, Csv):
            return file.name, ""
        return file.name, source.settings.delimiter or recognise_delimiter(file)
    except ImbikError:
        return "", ""
