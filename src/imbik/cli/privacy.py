"""imbik privacy trust FILE, imbik privacy prove RUN"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imbik.cli.options import RunName, Runs

app = typer.Typer(help="Trust an operator's file; prove what left this machine.", no_args_is_help=True)


@app.command()
def trust(
    file: Annotated[Path, typer.Argument(help="An operator's file that you have read and that is yours.")],
) -> None:
    """Pin an operator's file that lies beside a recipe: it holds until it changes."""
    from imbik.privacy.trust import trust as pin

    print(f"trusted until it changes: {file} (sha256 {pin(file)})")


@app.command()
def prove(run: RunName, runs: Runs = None) -> None:
    """Check the audit chain of a run and say in one sentence what left."""
    from imbik.advise.prove import prove as sentence
    from imbik.advise.runs import find_run

    print(sentence(find_run(run, runs)))
