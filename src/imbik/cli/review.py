"""imbik review RUN"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imbik.cli.options import RunName, Runs

if TYPE_CHECKING:
    from imbik.core.runfolder import RunFolder
    from imbik.web.serving import Place

_PLACE = "Where it is served"
_COMPARE = "Systems side by side (with --status, --export, --close too)"
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
    known_only: Annotated[
        bool,
        typer.Option("--known-only", rich_help_panel=_FILES, help="Leave out rows that this run does not keep."),
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            metavar="FILE",
            rich_help_panel=_FILES,
            help="Write rows and verdicts, as far as the tool, or each --expert, may see them.",
        ),
    ] = None,
    form: Annotated[
        str, typer.Option("--as", metavar="FORM", rich_help_panel=_FILES, help="jsonl, label-studio or argilla.")
    ] = "",
    bare: Annotated[
        bool, typer.Option("--without-verdicts", rich_help_panel=_FILES, help="Rows alone, to be judged blind.")
    ] = False,
    compare: Annotated[
        str,
        typer.Option(
            "--compare", metavar="A,B", rich_help_panel=_COMPARE, help="People compare these systems' answers, blind."
        ),
    ] = "",
    rows: Annotated[int, typer.Option("--rows", min=1, rich_help_panel=_COMPARE, help="Test rows at most.")] = 100,
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
    `--compare student,teacher` serves another page, on which people say which of
    two answers to a test row is better; with --close that stands in the report.
    """
    from imbik.advise.reviewing import add, close_review, hand_out, standing
    from imbik.advise.runs import find_run
    from imbik.web.serving import Place

    found = find_run(run, runs)
    place = Place(host, port, tuple(name or ()), cert, cert_key, others, plain_http)
    if compare:
        _compare(found, compare, rows, place, expert or (), renew, status=status, export=export, close=close)
        return
    if import_ is not None:
        print(add(found, import_, person or (), known_only=known_only))
    if export is not None:
        print(hand_out(found, export, form, without_verdicts=bare, readers=expert or ()))
    if close:
        print(close_review(found))
    if status:
        print(standing(found))
    if import_ is not None or export is not None or close or status:
        return
    from imbik.review.serving import serve

    serve(found, place, expert or (), renew=renew, tell=lambda line: print(line, flush=True))


def _compare(
    run: RunFolder,
    written: str,
    rows: int,
    place: Place,
    people: Sequence[str],
    renew: bool,
    *,
    status: bool,
    export: Path | None,
    close: bool,
) -> None:
    """The same for a comparison of systems."""
    from imbik.advise.comparing import close_comparisons, hand_out_preferences, results, systems_of

    systems = systems_of(written)
    if export is not None:
        print(hand_out_preferences(run, systems, rows, export))
    if close:
        print(close_comparisons(run))
    if status or close:
        print("\n".join(results(run, systems, rows)))
    if export is not None or close or status:
        return
    from imbik.review.serving import serve_comparison

    serve_comparison(run, place, people, systems, rows, renew=renew, tell=lambda line: print(line, flush=True))
