"""imbik models [teachers|students|terms|prices|convert]"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imbik.core.errors import UsageError


def models(
    what: Annotated[
        str,
        typer.Argument(metavar="[LIST]", help="teachers, students, terms, prices; or convert.", show_default=False),
    ] = "teachers",
    folder: Annotated[
        Path | None, typer.Argument(metavar="[FOLDER]", help="convert: a folder with pickled weights (*.bin).")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="convert: where the new folder goes.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print records for another program.")] = False,
) -> None:
    """List models worth asking or training, with licences, terms and prices of a date; convert old weights.

    `imbik models convert FOLDER` writes pickled weights (*.bin) as safetensors
    into a folder beside it; the old one stays as it is.
    """
    import json

    if what == "convert":
        _convert(folder, out)
        return
    if folder is not None or out is not None:
        raise UsageError(f"'{what}' takes no folder", next="imbik models convert FOLDER")

    from imbik.advise.models import listing
    from imbik.cli.console import table

    found = listing(what)
    if as_json:
        print(json.dumps(found.records, indent=2, ensure_ascii=False))
        return
    table(found.head, found.rows)
    print(f"\n{found.note}")


def _convert(folder: Path | None, out: Path | None) -> None:
    from imbik.models.convert import convert

    if folder is None:
        raise UsageError("which folder?", next="imbik models convert FOLDER")
    print(f"converted and compared to the bit: {convert(folder, out)}")
