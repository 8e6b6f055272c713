"""imbik predict RUN FILE -o OUT"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imbik.cli.options import Quiet, RunName, Runs


def predict(
    run: RunName,
    file: Annotated[Path, typer.Argument(help="Your rows: CSV, JSON, JSON lines or Parquet, columns as in training.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the answers go: .csv, .tsv or .jsonl.")],
    runs: Runs = None,
    quiet: Quiet = False,
) -> None:
    """Answer your own rows with the student of a run."""
    from imbik.advise.runs import find_run
    from imbik.cli.console import progress_for
    from imbik.core.errors import InputError
    from imbik.serve.predict import predict as answer

    if not file.exists():
        raise InputError("there is no such file", where=str(file), next="check the path")
    with progress_for("predict", quiet=quiet) as advance:
        done = answer(find_run(run, runs), file, output, advance)
    for note in done.notes:
        print(f"! {note}")
    problems = (
        f", {done.problems:,} with a problem (column `{done.columns['problem']}` says which)" if done.problems else ""
    )
    print(f"{output}: {done.rows:,} rows{problems}; the answers are {done.sensitivity.value}, as the student is")
