"""A user's own rows answered with the student of a run.

Enters: a file in any format that stage 1 reads. Leaves: a CSV or JSON-lines file with every row of the input in its
order, its own columns, and the answer beside them; a row that could not be used stays in the file with its problem. The
file is written whole or not at all, mode 0600: answers are as sensitive as the student.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from imbik.advise.answering import Answered, Student
from imbik.core.errors import UsageError
from imbik.core.executor import blocks_of
from imbik.core.files import atomic_writer
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity, Task
from imbik.recipe import Recipe
from imbik.recipe.sections import Split
from imbik.tasks.build import Builder
from imbik.tasks.kinds import Kind
from imbik.tasks.recorded import RecordedAnswers
from imbik.tasks.rows import Quarantined, Row
from imbik.tasks.sources.auto import resolve

BLOCK = 1024
ADDED = ("answer", "reasoning", "confidence", "problem")
_KNOWN_ROLES = ("answer", "label", "reasoning", "set", "id", "group")


@dataclass(frozen=True)
class Predicted:
    """What was done: rows written, rows with a problem, the sensitivity of the answers, notes on reading the file."""

    rows: int
    problems: int
    sensitivity: Sensitivity
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Line:
    """One row of the output: the input's columns and what was added."""

    values: Mapping[str, object]
    answered: Answered


def predict(
    run: RunFolder, source: Path, target: Path, advance: Callable[[int], None] = lambda rows: None
) -> Predicted:
    """Answer every row of `source` and write `target` (.csv, .tsv or .jsonl).

    Raises: InputError when the file cannot be read, RunFolderError when the run has no student yet, UsageError for
    another kind of target.
    """
    if target.suffix.lower() not in {".csv", ".tsv", ".jsonl"}:
        raise UsageError("answers are written as .csv, .tsv or .jsonl", where=str(target), next="-o answers.csv")
    if source.resolve() == target.resolve():
        raise UsageError("the answers would replace the rows", where=str(target), next="name another file with -o")
    columns = _columns(source)
    reader = resolve(str(source.resolve()), Path())
    student = Student(run)
    lines = _answered(reader.rows(Path(), ""), student, advance)
    with atomic_writer(target) as stream:
        if target.suffix.lower() == ".jsonl":
            rows, problems = _write_jsonl(stream, lines, added_names(columns))
        else:
            delimiter = "\t" if target.suffix.lower() == ".tsv" else ","
            rows, problems = _write_csv(stream, lines, columns, delimiter)
    return Predicted(rows, problems, student.sensitivity, tuple(reader.notes))


def _columns(source: Path) -> list[str]:
    """All columns of the input, in the order in which they appear: rows of JSON need not have the same."""
    reader = resolve(str(source.resolve()), Path())
    reader.files(Path())
    rows = (row for row in reader.rows(Path(), "") if isinstance(row, Row))
    return list(dict.fromkeys(str(name) for row in rows for name in row.values))


def _answered(rows: Iterable[Row | Quarantined], student: Student, advance: Callable[[int], None]) -> Iterator[_Line]:
    """Rows in order, block by block; the model sees only those that make a task."""
    builder = task_builder(student.recipe, student.kind)
    for block in blocks_of(rows, BLOCK):
        tasks = [build(builder, row) for row in block]
        asked = [task for task in tasks if isinstance(task, Task)]
        answers = iter(student.answer(asked) if asked else [])
        for row, task in zip(block, tasks, strict=True):
            values = row.values if isinstance(row, Row) else {}
            yield _Line(values, next(answers) if isinstance(task, Task) else _problem(task))
        advance(len(block))


def task_builder(recipe: Recipe, kind: Kind) -> Builder:
    """Stage 1's builder for rows whose answers are not known and that belong to no set."""
    plain = recipe.tasks.model_copy(update={"split": Split()})
    unrecorded = RecordedAnswers(recipe.model_copy(update={"teachers": {}}))
    return Builder(plain, kind, unrecorded, recipe.tasks.level or Sensitivity.CONFIDENTIAL)


def build(builder: Builder, row: Row | Quarantined) -> Task | Quarantined:
    """The task of a row. Its own answer columns are left aside: what the student says does not depend on them."""
    if isinstance(row, Quarantined):
        return row
    plan = builder.columns.plan(row.values)
    known = {column for role, column in plan.items() if role in _KNOWN_ROLES}
    values = {name: value for name, value in row.values.items() if name not in known}
    return builder.build(row._replace(values=values, set=""))


def _problem(bad: Quarantined) -> Answered:
    return Answered("", "", "", None, str(bad))


def added_names(columns: Sequence[str]) -> dict[str, str]:
    """Names of the added columns; one that the input has already is preceded by `student_`."""
    return {name: name if name not in columns else f"student_{name}" for name in ADDED}


def _added(line: _Line, names: Mapping[str, str]) -> dict[str, object]:
    answered = line.answered
    confidence = "" if answered.confidence is None else round(answered.confidence, 4)
    found = {"answer": answered.answer, "reasoning": answered.reasoning, "confidence": confidence}
    return {names[key]: value for key, value in {**found, "problem": answered.problem}.items()}


def _write_csv(stream: BinaryIO, lines: Iterator[_Line], columns: Sequence[str], delimiter: str) -> tuple[int, int]:
    names = added_names(columns)
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    writer = csv.DictWriter(text, [*columns, *names.values()], delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    rows = problems = 0
    for line in lines:
        writer.writerow({name: _cell(value) for name, value in line.values.items()} | _added(line, names))
        rows, problems = rows + 1, problems + bool(line.answered.problem)
    text.detach()
    return rows, problems


def _cell(value: object) -> object:
    """Lists and objects stand in a cell as JSON."""
    return (
        value if isinstance(value, str | int | float) else "" if value is None else msgspec.json.encode(value).decode()
    )


def _write_jsonl(stream: BinaryIO, lines: Iterator[_Line], names: Mapping[str, str]) -> tuple[int, int]:
    rows = problems = 0
    for line in lines:
        stream.write(msgspec.json.encode({**line.values, **_added(line, names)}) + b"\n")
        rows, problems = rows + 1, problems + bool(line.answered.problem)
    return rows, problems
