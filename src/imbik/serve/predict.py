"""`imbik predict RUN FILE -o OUT`: a person's own rows, answered by the best student.

Enters: a file in any format that `tasks` reads. Leaves: CSV or JSON lines with every input column and line, plus
`answer`, `reasoning`, `confidence` (where answers are chosen from classes) and `error` (where a row could not be used).
An input column of such a name stays as it is, and the new one is called `student_answer` and so on. Known answers in
the file are not looked at.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from imbik.core.errors import UsageError
from imbik.core.files import atomic_writer
from imbik.core.progress import Progress, SilentReporter
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity, Task
from imbik.recipe import Recipe
from imbik.recipe.sections import Split
from imbik.serve.student import Answered, Student
from imbik.tasks.build import Builder
from imbik.tasks.kinds import Kind
from imbik.tasks.recorded import RecordedAnswers
from imbik.tasks.rows import Quarantined, Row
from imbik.tasks.sources.auto import resolve

NEW = ("answer", "reasoning", "confidence", "error")
BLOCK = 1024
_KNOWN = ("answer", "label", "reasoning")
_LABEL = "predict"


@dataclass(frozen=True)
class Predicted:
    """What was done: rows of the file, rows answered, rows with an error, and how private the output is."""

    out: Path
    rows: int
    answered: int
    failed: int
    first_error: str
    sensitivity: Sensitivity
    columns: Mapping[str, str]


def predict(run: RunFolder, file: Path, out: Path, *, progress: Progress | None = None) -> Predicted:
    """Answer every row of `file` and write `out` whole or not at all.

    Raises: UsageError for an output of another format or over the input, InputError for a file that cannot be read.
    """
    progress = progress or Progress(SilentReporter())
    writer = _writer_for(file, out)
    student = Student(run)
    rows = _Rows(student.recipe, student.kind, file)
    names, total = rows.survey()
    new = {name: name if name not in names else f"student_{name}" for name in NEW}
    counts, first = [0, 0], ""
    progress.begin(_LABEL, total)
    with atomic_writer(out) as stream:
        write = writer(stream, [*names, *new.values()])
        for block in _blocks(rows.read(), BLOCK):
            for values, answered, error in _answer(student, block):
                write.row({**values, **_columns(answered, error, new)})
                counts[bool(error)] += 1
                first = first or error
            progress.advance(_LABEL, len(block))
    progress.end(_LABEL)
    level = max(student.sensitivity, rows.level, key=lambda item: item.rank)
    return Predicted(out, sum(counts), counts[0], counts[1], first, level, new)


class _Rows:
    """The file's rows beside the tasks that they make."""

    def __init__(self, recipe: Recipe, kind: Kind, file: Path) -> None:
        self.level = recipe.tasks.level or Sensitivity.CONFIDENTIAL
        settings = recipe.tasks.model_copy(update={"split": Split()})
        nobody = RecordedAnswers(recipe.model_copy(update={"teachers": {}}))
        self._builder = Builder(settings, kind, nobody, self.level)
        self._file, self._source = file, resolve(str(file.expanduser().resolve()), Path.cwd())

    def survey(self) -> tuple[list[str], int]:
        """All columns in the order they first stand in, and the number of rows."""
        names: dict[str, None] = {}
        total = 0
        for row in self._source.rows(Path.cwd(), ""):
            total += 1
            if isinstance(row, Row):
                names.update(dict.fromkeys(map(str, row.values)))
        return list(names), total

    def read(self) -> Iterator[tuple[Mapping[str, object], Task | Quarantined]]:
        """Every line of the file: its values (none where the line itself is broken) and its task."""
        for row in self._source.rows(Path.cwd(), ""):
            if isinstance(row, Quarantined):
                yield {}, row
            else:
                yield row.values, self._builder.build(self._asked_only(row))

    def _asked_only(self, row: Row) -> Row:
        """The row without known answers: an unknown label must not keep a row from being answered."""
        template = self._builder.template
        if template is not None:
            return row._replace(values={**row.values, template.learn: ""}, set="")
        plan = self._builder.columns.plan(row.values)
        asked = {column for role, column in plan.items() if role not in _KNOWN}
        known = {plan[role] for role in _KNOWN if role in plan} - asked
        return row._replace(values={k: v for k, v in row.values.items() if k not in known}, set="")


def _answer(
    student: Student, block: Sequence[tuple[Mapping[str, object], Task | Quarantined]]
) -> Iterator[tuple[Mapping[str, object], Answered | None, str]]:
    """Each line with its answer or the reason why it has none."""
    answers = iter(student.answer([task for _, task in block if isinstance(task, Task)]))
    for values, task in block:
        if isinstance(task, Quarantined):
            yield values, None, str(task)
            continue
        answered = next(answers)
        yield values, answered, "" if answered.answer else answered.reason or "no answer can be read from what it says"


def _columns(answered: Answered | None, error: str, names: Mapping[str, str]) -> dict[str, object]:
    if answered is None:
        return {names["answer"]: "", names["reasoning"]: "", names["confidence"]: None, names["error"]: error}
    return {
        names["answer"]: answered.answer or answered.text,
        names["reasoning"]: answered.reasoning,
        names["confidence"]: None if answered.confidence is None else round(answered.confidence, 6),
        names["error"]: error,
    }


class _Writer(Protocol):
    def row(self, values: Mapping[str, object]) -> None: ...


class _CsvWriter:
    """Comma separated, UTF-8, nothing as an empty cell, nested values as JSON."""

    def __init__(self, stream: BinaryIO, names: Sequence[str]) -> None:
        self._stream, self._names = stream, names
        self._write(names)

    def row(self, values: Mapping[str, object]) -> None:
        """One line."""
        self._write([_cell(values.get(name)) for name in self._names])

    def _write(self, cells: Sequence[str]) -> None:
        line = io.StringIO()
        csv.writer(line).writerow(cells)
        self._stream.write(line.getvalue().encode())


class _JsonWriter:
    """JSON lines: values as they were; `confidence` and `error` only where there is one."""

    def __init__(self, stream: BinaryIO, names: Sequence[str]) -> None:
        self._stream = stream
        self._last = names[-2:]

    def row(self, values: Mapping[str, object]) -> None:
        """One line."""
        kept = {key: value for key, value in values.items() if key not in self._last or value not in (None, "")}
        self._stream.write(msgspec.json.encode(kept, enc_hook=str) + b"\n")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict | tuple | bool):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return str(value)


def _writer_for(file: Path, out: Path) -> type[_CsvWriter] | type[_JsonWriter]:
    """By the output's name.

    Raises: UsageError when it says neither CSV nor JSON lines, or names the input.
    """
    if out.resolve() == file.expanduser().resolve():
        raise UsageError("the output would replace the input", where=str(out), next="give -o another name")
    known: dict[str, type[_CsvWriter] | type[_JsonWriter]] = {
        ".csv": _CsvWriter,
        ".jsonl": _JsonWriter,
        ".ndjson": _JsonWriter,
    }
    if out.suffix.lower() not in known:
        raise UsageError(f"'{out.name}' says no format to write", where="-o", next="name it .csv or .jsonl")
    return known[out.suffix.lower()]


def _blocks(
    rows: Iterator[tuple[Mapping[str, object], Task | Quarantined]], size: int
) -> Iterator[list[tuple[Mapping[str, object], Task | Quarantined]]]:
    while block := list(islice(rows, size)):
        yield block
