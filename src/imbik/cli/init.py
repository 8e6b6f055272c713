"""imbik init NAME --from FILE"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    name: Annotated[str, typer.Argument(help="Name of the run; its recipe is written into this folder.")],
    source: Annotated[
        Path, typer.Option("--from", metavar="FILE", help="Your rows: CSV, JSON, JSON lines, Parquet, a folder.")
    ],
    kind: Annotated[str, typer.Option(help="math, qa, classification or conversation, where the guess is wrong.")] = "",
    columns: Annotated[
        str, typer.Option(help="'{prompt: COLUMN, label: COLUMN}', where neither headers nor values tell.")
    ] = "",
    test: Annotated[Path | None, typer.Option(help="A file of held-out rows, where there is one.")] = None,
) -> None:
    """Look at a file and write a commented recipe that ends in a useful student, with no key and no server."""
    from imbik.advise.init import init as set_up
    from imbik.advise.init import read_columns

    made = set_up(name, source, kind=kind, test=test, columns=read_columns(columns))
    for line in made.words:
        print(line)
    print(f"next: {made.next}")
