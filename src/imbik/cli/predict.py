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
    sensitivity: Annotated[
        str, typer.Option(metavar="LEVEL", help="How private your rows are: public, internal, confidential or special.")
    ] = "confidential",
    adapter: Annotated[
        str, typer.Option(metavar="NAME", help="An adapter of the run (train.adapters); auto: each row its own.")
    ] = "",
    runs: Runs = None,
    quiet: Quiet = False,
) -> None:
    """Answer your own rows with the student of a run."""
    from imbik.advise.runs import find_run
    from imbik.advise.summary import counted
    from imbik.cli.console import progress_for
    from imbik.core.errors import InputError
    from imbik.privacy.sensitivity import parse
    from imbik.serve.predict import predict as answer

    if not file.exists():
        raise InputError("there is no such file", where=str(file), next="check the path")
    level = parse(sensitivity, where="--sensitivity")
    with progress_for("predict", quiet=quiet) as advance:
        done = answer(find_run(run, runs), file, output, advance, level, adapter)
    for note in done.notes:
        print(f"! {note}")
    problems = (
        f", {done.problems:,} with a problem (column `{done.columns['problem']}` says which)" if done.problems else ""
    )
    print(
        f"{output}: {counted(done.rows, 'row')}{problems}; the answers are {done.sensitivity.value} (the student is "
        f"{done.of_student.value}, your rows are {done.of_rows.value}: --sensitivity says how private they are)"
    )
