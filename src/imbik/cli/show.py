"""imbik show RUN [STAGE]"""

from __future__ import annotations

from typing import Annotated

import typer

from imbik.cli.options import RunName, Runs


def show(
    run: RunName,
    stage: Annotated[
        str, typer.Argument(metavar="[STAGE]", help="tasks, generate, refine … evaluate; or spend.", show_default=False)
    ] = "",
    rows: Annotated[int, typer.Option("--rows", "-n", min=0, help="Sample rows to show.")] = 3,
    runs: Runs = None,
) -> None:
    """Print the funnel of a run and sample rows, or what it has spent."""
    from imbik.advise import refined
    from imbik.advise.runs import find_run
    from imbik.advise.show import funnel, grown_in, newest_rows, sample_rows, stage_folder
    from imbik.advise.summary import clock
    from imbik.advise.terminal import safe
    from imbik.cli.console import table

    found = find_run(run, runs)
    if stage == "spend":
        from imbik.advise.spend import HEAD, spend_line, spend_rows

        if spent := spend_rows(found):
            table(HEAD, spent)
        print(spend_line(found))
        return
    if not stage:
        head = ["stage", "in", "out", "rejected", "failed", "pending", "erased since", "took", "why"]
        lines = []
        for line in funnel(found):
            books = line.books
            counts = [books.rejected, books.failed, books.pending, line.erased]
            why = ", ".join(
                f"{reason} {count:,}" for reason, count in sorted(books.reasons.items(), key=lambda i: -i[1])
            )
            lines.append(
                [line.stage, f"{books.rows_in:,}", f"{books.rows_out:,}"]
                + [f"{count:,}" if count else "" for count in counts]
                + [clock(line.seconds), why]
            )
        table(head, lines) if lines else print(f"{found.name}: no stage has finished yet")
    if stage and (growth := grown_in(found, stage)) is not None:
        from imbik.tasks.growth.report import coverage_rows, told_growth

        print(safe(told_growth(growth)) + "\n")
        head, lines = coverage_rows(growth)
        table(head, [[safe(cell, keep_lines=False) for cell in line] for line in lines])
    if stage and stage_folder(stage) == refined.FOLDER:
        if checks := refined.check_rows(found):
            table(refined.HEAD, checks)
        if repaired := refined.repaired_line(found):
            print(repaired)
        if reasons := refined.reason_rows(found):
            print()
            table(refined.REASONS, reasons)
    for row in sample_rows(found, stage, rows) if stage else newest_rows(found, rows):
        print(f"\n[{row.mark}] {row.id}")
        for name, text in row.texts.items():
            print(f"  {name}: {text}".replace("\n", "\n    "))
