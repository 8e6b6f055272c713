"""imbik show RUN [STAGE]"""

from __future__ import annotations

from typing import Annotated

import typer

from imbik.cli.options import RunName, Runs
from imbik.core.runfolder import RunFolder


def show(
    run: RunName,
    stage: Annotated[
        str, typer.Argument(metavar="[STAGE]", help="tasks, generate, refine … evaluate; or spend.", show_default=False)
    ] = "",
    rows: Annotated[int, typer.Option("--rows", "-n", min=0, help="Sample rows to show.")] = 3,
    runs: Runs = None,
) -> None:
    """Print the funnel of a run and sample rows, or what it has spent."""
    from imbik.advise.runs import find_run
    from imbik.advise.show import newest_rows, sample_rows

    found = find_run(run, runs)
    if stage == "spend":
        _spend(found)
        return
    if stage:
        _about(found, stage)
    else:
        _funnel(found)
    for row in sample_rows(found, stage, rows) if stage else newest_rows(found, rows):
        print(f"\n[{row.mark}] {row.id}")
        for name, text in row.texts.items():
            print(f"  {name}: {text}".replace("\n", "\n    "))


def _spend(run: RunFolder) -> None:
    from imbik.advise.spend import HEAD, spend_line, spend_rows
    from imbik.cli.console import table

    if spent := spend_rows(run):
        table(HEAD, spent)
    print(spend_line(run))


def _funnel(run: RunFolder) -> None:
    """A line for each stage that has finished, and where the run stopped."""
    from imbik.advise.show import funnel
    from imbik.advise.summary import clock
    from imbik.advise.unfinished import unfinished
    from imbik.cli.console import table

    head = ["stage", "in", "out", "rejected", "failed", "pending", "erased since", "took", "why"]
    lines = []
    stopped = unfinished(run)
    for line in funnel(run, stopped):
        books = line.books
        counts = [books.rejected, books.failed, books.pending, line.erased]
        why = ", ".join(f"{reason} {count:,}" for reason, count in sorted(books.reasons.items(), key=lambda i: -i[1]))
        lines.append(
            [line.stage, f"{books.rows_in:,}", f"{books.rows_out:,}"]
            + [f"{count:,}" if count else "" for count in counts]
            + ["" if line.seconds is None else clock(line.seconds), why]
        )
    table(head, lines) if lines else print(f"{run.name}: no stage has finished yet")
    if stopped:
        print(stopped.said)


def _about(run: RunFolder, stage: str) -> None:
    """What a stage says beyond its rows: how tasks grew, what each check did."""
    from imbik.advise import refined
    from imbik.advise.runs import FOLDERS
    from imbik.advise.show import grown_in, stage_folder
    from imbik.advise.terminal import safe
    from imbik.cli.console import table

    if (growth := grown_in(run, stage)) is not None:
        from imbik.tasks.growth.report import coverage_rows, told_growth

        print(safe(told_growth(growth)) + "\n")
        head, lines = coverage_rows(growth)
        table(head, [[safe(cell, keep_lines=False) for cell in line] for line in lines])
    if stage_folder(stage) == FOLDERS["review"]:
        from imbik.advise.reviewing import about_review

        print(safe("\n".join(about_review(run))))
    if stage_folder(stage) != refined.FOLDER:
        return
    if checks := refined.check_rows(run):
        table(refined.HEAD, checks)
    if repaired := refined.repaired_line(run):
        print(repaired)
    if reasons := refined.reason_rows(run):
        print()
        table(refined.REASONS, reasons)
