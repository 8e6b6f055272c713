"""imbik review RUN"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imbik.cli.options import RunName, Runs


def review(
    run: RunName,
    close: Annotated[
        bool, typer.Option("--close", help="Take the verdicts as they are now; the next run uses them.")
    ] = False,
    import_: Annotated[
        Path | None, typer.Option("--import", metavar="FILE", help="Add experts' verdicts from JSON lines.")
    ] = None,
    runs: Runs = None,
) -> None:
    """Experts' verdicts of a run: how many are there, add some, or close the review."""
    from imbik.advise.reviewing import add, close_review, standing
    from imbik.advise.runs import find_run

    found = find_run(run, runs)
    if import_ is not None:
        print(add(found, import_))
    if close:
        print(close_review(found))
    if import_ is None and not close:
        print(standing(found))
