"""imbik review RUN"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imbik.cli.options import RunName, Runs

_PLACE = "Where it is served"
_FILES = "Files of our own, Label Studio and Argilla"


def review(
    run: RunName,
    expert: Annotated[
        list[str] | None, typer.Option("--expert", metavar="NAME", help="Invite a person, then serve; repeatable.")
    ] = None,
    renew: Annotated[
        bool, typer.Option("--new-links", help="New invitations for those named; the old ones end.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Only say how far the review is.")] = False,
    close: Annotated[
        bool, typer.Option("--close", help="Take the verdicts as they are now; the next run uses them.")
    ] = False,
    import_: Annotated[
        Path | None,
        typer.Option("--import", metavar="FILE", rich_help_panel=_FILES, help="Add verdicts from such a file."),
    ] = None,
    person: Annotated[
        list[str] | None,
        typer.Option("--person", metavar="ID=NAME", rich_help_panel=_FILES, help="Who that user of another tool is."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", rich_help_panel=_FILES, help="Write rows and verdicts.")
    ] = None,
    form: Annotated[
        str, typer.Option("--as", metavar="FORM", rich_help_panel=_FILES, help="jsonl, label-studio or argilla.")
    ] = "",
    bare: Annotated[
        bool, typer.Option("--without-verdicts", rich_help_panel=_FILES, help="Rows alone, to be judged blind.")
    ] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, rich_help_panel=_PLACE, help="Port.")] = 8321,
    host: Annotated[
        str, typer.Option(rich_help_panel=_PLACE, help="Address; other machines need --others-may-connect.")
    ] = "127.0.0.1",
    name: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="HOST", rich_help_panel=_PLACE, help="Name under which it is opened."),
    ] = None,
    others: Annotated[
        bool, typer.Option("--others-may-connect", rich_help_panel=_PLACE, help="Other machines may connect.")
    ] = False,
    cert: Annotated[
        Path | None, typer.Option("--cert", metavar="FILE", rich_help_panel=_PLACE, help="TLS certificate (PEM).")
    ] = None,
    cert_key: Annotated[
        Path | None, typer.Option("--cert-key", metavar="FILE", rich_help_panel=_PLACE, help="Its key (PEM).")
    ] = None,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", rich_help_panel=_PLACE, help="Unencrypted: something in front encrypts.")
    ] = False,
    runs: Runs = None,
) -> None:
    """Experts review a run in the browser: serves the page, on this machine alone unless told otherwise.

    `imbik review RUN --expert ayse` prints an invitation for her, once: a link
    that opens straight on the next doubtful row. Verdicts are saved as they are
    given; the run uses those of a snapshot (--close, or run --with-reviews).
    """
    from imbik.advise.reviewing import add, close_review, hand_out, standing
    from imbik.advise.runs import find_run

    found = find_run(run, runs)
    if import_ is not None:
        print(add(found, import_, person or ()))
    if export is not None:
        print(hand_out(found, export, form, without_verdicts=bare))
    if close:
        print(close_review(found))
    if status:
        print(standing(found))
    if import_ is not None or export is not None or close or status:
        return
    from imbik.review.serving import serve
    from imbik.web.serving import Place

    place = Place(host, port, tuple(name or ()), cert, cert_key, others, plain_http)
    serve(found, place, expert or (), renew=renew, tell=lambda line: print(line, flush=True))
