"""imbik push RUN DESTINATION"""

from __future__ import annotations

from typing import Annotated

import typer

from imbik.cli.options import RunName, Runs


def push(
    run: RunName,
    destination: Annotated[str, typer.Argument(help="hub:ORGANISATION/NAME, or a folder.", metavar="DESTINATION")],
    format_: Annotated[str, typer.Option("--format", help="Which export (default: the recipe's first).")] = "",
    hub: Annotated[str, typer.Option(help="Address of the hub.")] = "https://huggingface.co",
    public: Annotated[bool, typer.Option("--public", help="A new repository is readable by everybody.")] = False,
    runs: Runs = None,
) -> None:
    """Hand an exported student to a model hub or a folder; the privacy gate decides by the rows it was trained on."""
    from imbik.advise.runs import find_run
    from imbik.serve.push import push as hand_over

    done = hand_over(find_run(run, runs), destination, form=format_, hub=hub, public=public)
    print(
        f"{done.format} ({done.sensitivity.value}): {done.files} files, {done.size / 1e6:.1f} MB handed to {done.where}"
    )
