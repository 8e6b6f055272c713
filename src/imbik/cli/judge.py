"""imbik judge: calibrate a judge against experts, attack it, have it compare two systems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imbik.cli.options import Quiet, Runs, Set

app = typer.Typer(help="Calibrate a judge, attack it, compare two systems by it.", no_args_is_help=True)

Target = Annotated[str, typer.Argument(metavar="RUN|RECIPE", help="A run, its name, or a recipe with a judge.")]
Check = Annotated[str, typer.Option("--check", help="Which judge of the recipe, where it has several: judge-2.")]


@app.command()
def calibrate(
    target: Target,
    labels: Annotated[
        Path | None,
        typer.Option("--labels", metavar="FILE", help="Blind labels as JSON lines (default: the run's review)."),
    ] = None,
    check: Check = "",
    set_: Set = None,
    runs: Runs = None,
    quiet: Quiet = False,
) -> None:
    """Compare a judge with experts who had not seen its marks.

    A line of the file: {"row": "ID", "by": "NAME", "keep": true, "blind": true},
    or with its own "question" and "answer". What comes of it is kept beside the
    answer store; `on_low: reject` rejects only where it reaches `calibrated`.
    """
    from imbik.advise.judging.calibrating import HEAD, conclusion, table_rows
    from imbik.advise.judging.calibrating import calibrate as compare_with
    from imbik.advise.terminal import safe
    from imbik.cli.console import reporter, table

    found = compare_with(target, labels, check=check, runs=runs, overrides=set_ or (), reporter=reporter(quiet=quiet))
    table(HEAD, table_rows(found))
    for line in conclusion(found):
        print(safe(line))
