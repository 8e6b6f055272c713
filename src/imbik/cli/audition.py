"""imbik audition RECIPE --teachers A,B,C"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imbik.cli.options import Quiet, Runs, Set


def audition(
    recipe: Annotated[Path, typer.Argument(help="recipe.yaml or the folder it lies in.")],
    teachers: Annotated[
        str, typer.Option("--teachers", metavar="A,B", help="Names of the recipe, or PRESET:MODEL, with commas.")
    ],
    rows: Annotated[int, typer.Option("--rows", "-n", min=2, help="Rows with a known answer that each is asked.")] = 50,
    set_: Set = None,
    runs: Runs = None,
    json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Ask several teachers the same rows and recommend one: accuracy, price, latency, refusals."""
    from imbik.advise.audition import audition as hold
    from imbik.advise.audition_table import HEAD, conclusion, table_rows
    from imbik.cli.console import reporter, table

    names = [name.strip() for name in teachers.split(",") if name.strip()]
    shown = reporter(quiet=quiet or json)
    found, stopped = hold(recipe, names, rows=rows, runs=runs, overrides=set_ or (), reporter=shown)
    if json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        print()
        table(HEAD, table_rows(found))
        for line in conclusion(found):
            print(line)
    if stopped is not None:
        raise stopped
