"""imbik run RECIPE"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imbik.cli.options import DryRun, Gpus, Quiet, Runs, Set


def run(
    recipe: Annotated[Path, typer.Argument(help="recipe.yaml, the folder it lies in, or a run folder.")],
    from_stage: Annotated[
        str, typer.Option("--from", metavar="STAGE", help="Do this stage and those after it again.")
    ] = "",
    until: Annotated[str, typer.Option("--until", metavar="STAGE", help="Stop after this stage.")] = "",
    set_: Set = None,
    runs: Runs = None,
    dry_run: DryRun = False,
    gpus: Gpus = "",
    with_reviews: Annotated[
        bool, typer.Option("--with-reviews", help="Use the experts' verdicts as they are now.")
    ] = False,
    notify: Annotated[
        str,
        typer.Option(
            "--notify", metavar="COMMAND", envvar="IMBIK_NOTIFY", help="Call this when the run ends or waits."
        ),
    ] = "",
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Stop (exit code 4) where a teacher's batch is under way.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run a recipe: from tasks to a measured student. The same command again goes on where it stopped."""
    from imbik.cli.console import finish, on_cards, reporter, stoppable, telling
    from imbik.core.errors import UsageError
    from imbik.pipeline import run as run_recipe

    if gpus and not dry_run:
        raise UsageError("cards are only counted before a run", where="--gpus", next=f"--dry-run --gpus {gpus}")
    with stoppable(), telling(notify if not dry_run else "", recipe, runs, set_ or ()):
        result = run_recipe(
            recipe,
            runs=runs,
            overrides=set_ or (),
            from_stage=from_stage,
            until=until,
            dry_run=dry_run,
            with_reviews=with_reviews,
            wait=not no_wait,
            reporter=reporter(quiet=quiet),
        )
        finish(result, dry_run=dry_run, quiet=quiet)
        if gpus:
            on_cards(recipe, runs, set_ or (), gpus)
