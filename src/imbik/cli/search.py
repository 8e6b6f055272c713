"""imbik search RECIPE"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imbik.cli.options import DryRun, Quiet, Runs, Set


def search(
    recipe: Annotated[Path, typer.Argument(help="recipe.yaml whose keys hold ranges, or the folder it lies in.")],
    space: Annotated[
        Path | None,
        typer.Option("--space", metavar="FILE", help="Ranges, and keys of search:, in a file of their own."),
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="Trials in all (default: search.num_trials).")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Trials at a time.")] = None,
    set_: Set = None,
    runs: Runs = None,
    dry_run: DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Run a recipe many times with values varied, and say which are best. The same command again goes on."""
    from imbik.cli.console import reporter, stoppable, table
    from imbik.search.findings import FOLDER, PAGE
    from imbik.search.told import head, lines, rows
    from imbik.search.work import search as run_search

    given = {"num_trials": trials, "workers": workers}
    settings = [f"{key}={value}" for key, value in given.items() if value is not None]
    with stoppable():
        made, folder = run_search(
            recipe,
            space=space,
            overrides=set_ or (),
            settings=settings,
            runs=runs,
            dry_run=dry_run,
            reporter=reporter(quiet=quiet or dry_run),
        )
    for line in lines(made, folder, dry_run=dry_run):
        print(line)
    if made.trials:
        print()
        table(head(made), rows(made))
    if made.front and not dry_run:
        print(f"\npage: {folder.path / FOLDER / PAGE}")
        print(f"next: imbik run {folder.typed}/{FOLDER}/best.yaml")
