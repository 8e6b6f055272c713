"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run folder, its name, or the recipe that makes it.")]
Runs = Annotated[
    Path | None, typer.Option("--runs", metavar="DIR", help="Folder of runs (default: $IMBIK_RUNS, else ./runs).")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Set a recipe key, e.g. train.epochs=5; repeatable."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors and the result.")]
Gpus = Annotated[
    str, typer.Option("--gpus", metavar="CARD", help="With --dry-run: what 1, 4 and 8 such cards take (h100, a100 …).")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would run and what it would take; do nothing.")]
