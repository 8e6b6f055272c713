"""`imbik predict RUN FILE -o OUT`: a person's own rows, answered by the best student.

Enters: a file in any format that `tasks` reads. Leaves: CSV, TSV or JSON lines with every input column and line, plus
`answer`, `reasoning`, `confidence` (where answers are chosen from classes) and `problem` (why a row has no answer). An
input column of such a name stays as it is, and the new one has `student_` before it, as often as it takes. Known
answers in the file are not looked at. The file is written whole or not at all, mode 0600: answers are as sensitive as
the student or the rows, whichever is more; rows are confidential until said otherwise.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from imbik.core import students
from imbik.core.errors import InputError, UsageError
from imbik.core.executor import blocks_of
from imbik.core.files import atomic_writer
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity, Task
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe, load_recipe
from imbik.recipe.tasks import Split
from imbik.serve.routed import AUTO, Routed
from imbik.serve.student import Answered, Student
from imbik.tasks.build import Builder, marked
from imbik.tasks.kinds import Kind
from imbik.tasks.read import kind_of
from imbik.tasks.recorded import RecordedAnswers
from imbik.tasks.rows import BadRowError, Quarantined, Row
from imbik.tasks.sources.auto import resolve
from imbik.tasks.turns import parted

ADDED = ("answer", "reasoning", "confidence", "problem")
BLOCK = 1024
_KNOWN = ("answer", "label", "reasoning")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_LINES = (".jsonl", ".ndjson")


@dataclass(frozen=True)
class Predicted:
    """What was done: rows written, rows with a problem, how private student and rows are, notes on reading the file.

    `columns` says under which name each added column stands.
    """

    rows: int
    problems: int
    of_student: Sensitivity
    of_rows: Sensitivity
    notes: tuple[str, ...]
    columns: Mapping[str, str]

    @property
    def sensitivity(self) -> Sensitivity:
        """How private the answers are."""
        return inherited(self.of_student, self.of_rows)


class _Line(Protocol):
    """Writes one line of output."""

    def __call__(self, values: Mapping[str, object]) -> None: ...


def predict(
    run: RunFolder,
    source: Path,
    target: Path,
    advance: Callable[[int], None] = lambda rows: None,
    sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL,
    adapter: str = "",
) -> Predicted:
    """Answer every row of `source` and write `target` (.csv, .tsv or .jsonl); rows are `sensitivity` at least. An
    `adapter` of the run answers them, or with `auto` for each the one it belongs to.

    `advance` is told of rows done, with 0 when all is checked and work begins.
    Raises: UsageError for another kind of target or a folder that is not there, InputError for a file that cannot be
    read or of which no row can be asked, RunFolderError when the run has no student yet.
    """
    _check_target(source, target)
    run.check()
    students.best_weights(run, "" if adapter == AUTO else adapter)
    recipe = load_recipe(run.path / "recipe.yaml")
    names, level = _look(recipe, kind_of(recipe, run), source, sensitivity)
    added = _free_names(names)
    advance(0)
    student = Routed(run) if adapter == AUTO else Student(run, adapter)
    rows = _Rows(recipe, student.kind, source, level)
    done = problems = 0
    with atomic_writer(target) as stream:
        write = _line_writer(stream, target, [*names, *added.values()])
        for block in blocks_of(rows.read(), BLOCK):
            for values, answered in _answer(student, block):
                write({**values, **_added(answered, added)})
                problems += bool(answered.problem)
            done += len(block)
            advance(len(block))
    return Predicted(done, problems, student.sensitivity, level, (*rows.notes, *_renamed(added)), added)


class _Rows:
    """The file's rows beside the tasks that they make."""

    def __init__(self, recipe: Recipe, kind: Kind, source: Path, level: Sensitivity) -> None:
        settings = recipe.tasks.model_copy(update={"split": Split()})
        nobody = RecordedAnswers(recipe.model_copy(update={"teachers": {}}))
        self._kind, self._builder = kind, Builder(settings, kind, nobody, level)
        self._reader = resolve(str(source.expanduser().resolve()), Path())

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know of how the file was read."""
        return self._reader.notes

    def read(self) -> Iterator[tuple[Mapping[str, object], Task | Quarantined]]:
        """Every line of the file: its values (none where the line itself is broken) and its task."""
        for row in self._reader.rows(Path(), ""):
            if isinstance(row, Quarantined):
                yield {}, row
            else:
                task = self._builder.build(self._asked_only(row))
                yield row.values, task if isinstance(task, Quarantined) else parted(self._kind, task)[-1]

    def _asked_only(self, row: Row) -> Row:
        """The row without known answers: an unknown label must not keep a row from being answered."""
        template = self._builder.template
        if template is not None:
            return row._replace(values={**row.values, template.learn: ""}, set="")
        plan = self._builder.columns.plan(row.values)
        asked = {column for role, column in plan.items() if role not in _KNOWN}
        known = {plan[role] for role in _KNOWN if role in plan} - asked
        return row._replace(values={k: v for k, v in row.values.items() if k not in known}, set="")


def _free_names(taken: Sequence[str]) -> dict[str, str]:
    """A name for each added column that no input column has: `answer`, `student_answer`, `student_student_answer` …"""
    found = {}
    for name in ADDED:
        free = name
        while free in taken:
            free = f"student_{free}"
        found[name] = free
    return found


def _renamed(added: Mapping[str, str]) -> Iterator[str]:
    """What a person should know where a column could not have its usual name."""
    for name, free in added.items():
        if name != free:
            yield f"the file has a column `{name}` already, which stays; the student's own is `{free}`"


def _look(recipe: Recipe, kind: Kind, source: Path, level: Sensitivity) -> tuple[list[str], Sensitivity]:
    """All columns in the order they first stand in (rows of JSON need not have the same), and how private the rows are:
    as `level` says, or more where the recipe's column of marks says so.

    Raises: InputError where there is no row, or none that can be asked.
    """
    names: dict[str, None] = {}
    usable, first = False, None
    for values, task in _Rows(recipe, kind, source, level).read():
        names |= dict.fromkeys(map(str, values))
        usable, first = usable or isinstance(task, Task), first or task
        if recipe.tasks.level is None:
            with suppress(BadRowError):  # a row without a mark is as private as `level`
                level = inherited(level, marked(values, recipe.tasks.sensitivity))
    if first is None:
        raise InputError(
            "there are no rows to answer", where=str(source), next="the first line of a CSV names the columns"
        )
    if isinstance(first, Quarantined) and not usable:
        raise InputError(
            f"no row can be answered; the first: {first.reason} ({first.detail})",
            where=f"{source}:{first.line}",
            next="give the columns the names they had in training",
        )
    return list(names), level


def _answer(
    student: Student | Routed, block: Sequence[tuple[Mapping[str, object], Task | Quarantined]]
) -> Iterable[tuple[Mapping[str, object], Answered]]:
    """Each line with its answer, or with the problem that kept it from one."""
    answers = iter(student.answer([task for _, task in block if isinstance(task, Task)]))
    for values, task in block:
        bad = isinstance(task, Quarantined)
        yield values, Answered("", "", "", None, str(task)) if bad else next(answers)


def _added(answered: Answered, names: Mapping[str, str]) -> dict[str, object]:
    return {
        names["answer"]: answered.answer or answered.text,
        names["reasoning"]: answered.reasoning,
        names["confidence"]: None if answered.confidence is None else round(answered.confidence, 6),
        names["problem"]: answered.problem,
    }


def _line_writer(stream: BinaryIO, target: Path, names: Sequence[str]) -> _Line:
    """CSV with all columns, or JSON lines with values as they were."""
    delimiter = _DELIMITERS.get(target.suffix.lower())
    if delimiter is None:
        return _json_lines(stream, names[-2:])
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")

    def write_cells(cells: Sequence[str]) -> None:
        writer.writerow(cells)
        stream.write(text.getvalue().encode())
        text.seek(0)
        text.truncate()

    write_cells(names)
    return lambda values: write_cells([_cell(values.get(name)) for name in names])


def _json_lines(stream: BinaryIO, optional: Sequence[str]) -> _Line:
    """JSON lines; confidence and problem only where there is one."""

    def write(values: Mapping[str, object]) -> None:
        kept = {key: value for key, value in values.items() if key not in optional or value not in (None, "")}
        stream.write(msgspec.json.encode(kept, enc_hook=str) + b"\n")

    return write


def _cell(value: object) -> str:
    """Nothing as an empty cell, nested values as JSON."""
    if value is None:
        return ""
    if isinstance(value, list | dict | tuple | bool):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return str(value)


def _check_target(source: Path, target: Path) -> None:
    """Refuse what would lose the input or cannot be written, before a model is loaded."""
    if target.resolve() == source.expanduser().resolve():
        raise UsageError("the answers would replace the rows", where=str(target), next="name another file with -o")
    if target.suffix.lower() not in (*_DELIMITERS, *_LINES):
        raise UsageError("answers are written as .csv, .tsv or .jsonl", where=str(target), next="-o answers.csv")
    if not target.parent.is_dir():
        raise UsageError(
            f"there is no folder {target.parent}", where=str(target), next="create it, or name another file with -o"
        )
