"""imbik audition RECIPE --teachers A,B,C, or --students A,B,C"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imbik.cli.options import Quiet, Runs, Set

if TYPE_CHECKING:
    from imbik.core.progress import Reporter


def audition(
    recipe: Annotated[Path, typer.Argument(help="recipe.yaml or the folder it lies in.")],
    teachers: Annotated[
        str,
        typer.Option(
            "--teachers", metavar="A,B", help="Names of the recipe, or PRESET:MODEL, with commas.", show_default=False
        ),
    ] = "",
    students: Annotated[
        str,
        typer.Option(
            "--students", metavar="A,B", help="Folders, hub ids or embedded:NAME, with commas.", show_default=False
        ),
    ] = "",
    rows: Annotated[
        int,
        typer.Option("--rows", "-n", min=0, help="Rows with a known answer (0: 50 of teachers, 200 of students)."),
    ] = 0,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of each student's short fine-tune.")] = 100,
    set_: Set = None,
    runs: Runs = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Ask several teachers, or try several students, on the same rows and recommend one."""
    from imbik.cli.console import reporter
    from imbik.core.errors import UsageError

    if bool(teachers) == bool(students):
        raise UsageError(
            "say who is heard: teachers, or students",
            where="imbik audition",
            next=f"imbik audition {recipe} --teachers A,B, or --students A,B",
        )
    names = [name.strip() for name in (teachers or students).split(",") if name.strip()]
    shown = reporter(quiet=quiet or json)
    if students:
        _students(recipe, names, rows or 200, steps, runs, set_ or (), json, shown)
    else:
        _teachers(recipe, names, rows or 50, runs, set_ or (), json, shown)


def _teachers(
    recipe: Path,
    names: list[str],
    rows: int,
    runs: Path | None,
    overrides: list[str] | tuple[str, ...],
    json: bool,
    shown: Reporter,
) -> None:
    from imbik.advise.audition import audition as hold
    from imbik.advise.audition_table import HEAD, conclusion, table_rows

    found, stopped = hold(recipe, names, rows=rows, runs=runs, overrides=overrides, reporter=shown)
    _print(found, HEAD, table_rows(found), conclusion(found), json)
    if stopped is not None:
        raise stopped


def _students(
    recipe: Path,
    names: list[str],
    rows: int,
    steps: int,
    runs: Path | None,
    overrides: list[str] | tuple[str, ...],
    json: bool,
    shown: Reporter,
) -> None:
    from imbik.advise.students import audition_students
    from imbik.advise.students_table import STUDENTS_HEAD, student_rows, students_told

    found = audition_students(
        recipe, names, rows=rows, steps=steps, runs=runs, overrides=overrides, reporter=shown
    )  # fmt: skip
    _print(found, STUDENTS_HEAD, student_rows(found), students_told(found), json)


def _print(found: object, head: tuple[str, ...], rows: list[tuple[str, ...]], below: list[str], json: bool) -> None:
    """A table with its conclusion, or all figures as JSON."""
    if json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    from imbik.cli.console import table

    print()
    table(head, rows)
    for line in below:
        print(line)
