"""imbik models [teachers|students|terms|prices]"""

from __future__ import annotations

from typing import Annotated

import typer


def models(
    what: Annotated[
        str, typer.Argument(metavar="[LIST]", help="teachers, students, terms or prices.", show_default=False)
    ] = "teachers",
    as_json: Annotated[bool, typer.Option("--json", help="Print records for another program.")] = False,
) -> None:
    """List models worth asking or training, with licences, terms and prices of a date."""
    import json

    from imbik.advise.models import listing
    from imbik.cli.console import table

    found = listing(what)
    if as_json:
        print(json.dumps(found.records, indent=2, ensure_ascii=False))
        return
    table(found.head, found.rows)
    print(f"\n{found.note}")
