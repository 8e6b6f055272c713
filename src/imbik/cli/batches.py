"""imbik batches RUN"""

from __future__ import annotations

from typing import Annotated

import typer

from imbik.cli.options import RunName, Runs


def batches(
    run: RunName,
    give_up: Annotated[
        str,
        typer.Option("--give-up", metavar="BATCH", help="Let go of one that cannot be collected.", show_default=False),
    ] = "",
    runs: Runs = None,
) -> None:
    """List the batches of a run that are under way at a provider, or give one up that cannot be collected.

    The questions of one that is given up are asked anew: what the provider bills for it is then paid twice.
    """
    from imbik.advise import batches as advise
    from imbik.advise.runs import find_run
    from imbik.cli.console import table
    from imbik.core.money import usd

    found = find_run(run, runs)
    if give_up:
        gone = advise.give_up(found, give_up)
        print(
            f"{found.name}: given up; its {gone.questions:,} questions are asked anew by the next run. Up to "
            f"{usd(gone.possible)} may be paid for it all the same, and count as possibly paid"
        )
    elif lines := list(advise.under_way(found)):
        table(advise.HEAD, lines)
    else:
        print(f"{found.name}: no batch is under way")
