"""imbik data: what a run kept, in formats that other tools read."""

from __future__ import annotations

from typing import Annotated

import typer

from imbik.cli.options import RunName, Runs
from imbik.core.types import Sensitivity

app = typer.Typer(help="Hand a run's data to other tools.", no_args_is_help=True)

_HUB, _ROWS = "A hub", "Which rows, and how they are written"


@app.command()
def export(
    run: RunName,
    form: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="chatml, alpaca, sharegpt, openai, parquet, hf, dpo …")
    ],
    to: Annotated[
        str, typer.Option("--to", metavar="PLACE", help="A folder, or hub:ORGANISATION/NAME (default: in the run).")
    ] = "",
    reasoning: Annotated[
        str, typer.Option("--reasoning", metavar="HOW", rich_help_panel=_ROWS, help="inline, think (tags) or none.")
    ] = "inline",
    system: Annotated[
        str, typer.Option("--system", metavar="TEXT", rich_help_panel=_ROWS, help="A system turn where there is none.")
    ] = "",
    sets: Annotated[
        str,
        typer.Option("--sets", metavar="A,B", rich_help_panel=_ROWS, help="Only these sets, e.g. train,validation."),
    ] = "",
    at_most: Annotated[
        Sensitivity | None,
        typer.Option("--at-most", rich_help_panel=_ROWS, help="Leave out rows that are more private."),
    ] = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", rich_help_panel=_ROWS, help="Also what was rejected, in a file of its own.")
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", rich_help_panel=_ROWS, help="A setting of the format; repeatable."),
    ] = None,
    licence: Annotated[
        str, typer.Option("--license", metavar="ID", help="Licence that the card names, e.g. cc-by-4.0.")
    ] = "unknown",
    hub: Annotated[str, typer.Option(rich_help_panel=_HUB, help="Address of the hub.")] = "https://huggingface.co",
    public: Annotated[
        bool, typer.Option("--public", rich_help_panel=_HUB, help="A new repository is readable by everybody.")
    ] = False,
    runs: Runs = None,
) -> None:
    """Write what a run kept for another tool, with a dataset card; the privacy gate decides about every row."""
    from imbik.advise.handing_over import hand_over, order_of
    from imbik.advise.runs import find_run

    order = order_of(
        form, to=to, reasoning=reasoning, system=system, sets=sets, at_most=at_most, settings=set_ or (),
        licence=licence, hub=hub, public=public, rejected=rejected,
    )  # fmt: skip
    for line in hand_over(find_run(run, runs), order):
        print(line)
