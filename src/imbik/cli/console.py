"""Printing: tables that stay tables when piped, and the summary of a run.

Enters: rows of text. Leaves: lines on stdout. Row content must already be safe (`advise.terminal`).
"""

from __future__ import annotations

import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imbik.core.progress import Reporter
    from imbik.pipeline import RunResult
    from imbik.serve.chat import Reply


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """An aligned table; columns in which no row says anything are left out.

    On a terminal that is too narrow, the widest columns stand below their row; piped, a row is always one line.
    """
    used = [i for i in range(len(head)) if any(row[i] for row in rows)]
    widths = {i: max(len(line[i]) for line in (head, *rows)) for i in used}
    figures = {i for i in used if any(row[i][:1].isdigit() for row in rows)}
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    beside = _beside(widths, room) if room else used
    below = [i for i in used if i not in beside]
    for line in (head, *rows):
        cells = [line[i].rjust(widths[i]) if i in figures else line[i].ljust(widths[i]) for i in beside]
        print("  " + "  ".join(cells).rstrip())
        rest = " · ".join(f"{head[i]}: {line[i]}" for i in below if line[i])
        if rest and line is not head:
            print(textwrap.fill(rest, room, initial_indent=" " * 6, subsequent_indent=" " * 6))


def _beside(widths: Mapping[int, int], room: int) -> list[int]:
    """The columns that fit beside one another, the first one among them: the widest others make way."""
    beside = list(widths)
    while len(beside) > 1 and sum(2 + widths[i] for i in beside) > room:
        beside.remove(max(beside[1:], key=lambda i: (widths[i], i)))
    return beside


def summary(result: RunResult, *, quiet: bool) -> None:
    """Stages with forecast and actual, systems, the report's path, and the line to type next."""
    from imbik.advise.summary import STAGE_HEAD, stage_rows, system_table

    for child in result.children:
        if child.changed and not quiet:
            summary(child, quiet=quiet)
    if not quiet and (result.changed or result.planned):
        print(f"\n{result.run.name}")
        table(STAGE_HEAD, stage_rows(result))
    if result.scores is not None and result.scores.systems:
        print()
        table(*system_table(result.scores))
    for warning in result.warnings if not quiet else ():
        print(f"! {warning}")
    if result.evaluated and result.report.exists():
        print(f"\nreport: {result.report}")


def finish(result: RunResult, *, dry_run: bool, quiet: bool) -> None:
    """The end of `imbik run` and `imbik demo`.

    Raises: BlockedError after all is said, where the privacy gate held rows back.
    """
    _tell(result, dry_run=dry_run, quiet=quiet)
    if result.held_back and not dry_run:
        from imbik.advise.summary import counted
        from imbik.core.errors import BlockedError

        raise BlockedError(
            f"the privacy gate held {counted(result.held_back, 'answer')} back; the stages finished without "
            "them stay finished",
            where=result.run.name,
            next=f"`imbik show {shown(result.run)} generate` shows some, with the reason and what opens the way",
        )


def _tell(result: RunResult, *, dry_run: bool, quiet: bool) -> None:
    if dry_run:
        _forecast(result)
    elif not result.changed:
        print(f"{result.run.name} is current: nothing changed, nothing was done")
        summary(result, quiet=quiet)
    else:
        summary(result, quiet=quiet)
    if dry_run or quiet:
        return
    if not result.evaluated:
        print(f"next: imbik run {shown(result.run)}")
    elif (result.run / "6_student" / "best.json").exists():
        print(f"next: imbik chat {shown(result.run)}")


def _forecast(result: RunResult) -> None:
    """What would run, and what it would take."""
    from imbik.advise.summary import STAGE_HEAD, estimate_lines, stage_rows

    for child in result.children:
        _forecast(child)
    print(f"{result.run.name}:" if result.planned else f"{result.run.name} is current: nothing would be done")
    if not result.planned:
        return
    table(STAGE_HEAD, stage_rows(result))
    for line in estimate_lines(result.estimate) if result.estimate else ():
        print(f"  {line}")


def on_cards(recipe: Path, runs: Path | None, overrides: Sequence[str], gpus: str) -> None:
    """What it would take on rented cards."""
    from imbik.advise.cards_table import CARDS_HEAD, cards_heading, cards_rows, cards_told
    from imbik.pipeline.cards import card_plans
    from imbik.pipeline.run import located
    from imbik.teachers.catalogue.hardware import card_of

    card = card_of(gpus)
    print(f"\n{cards_heading(card)}")
    table(CARDS_HEAD, cards_rows(card_plans(*located(recipe, runs, overrides), card)))
    for line in cards_told():
        print(f"  {line}")


def shown(path: Path) -> str:
    """A path as a person would type it: relative where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def reporter(*, quiet: bool) -> Reporter:
    """Where progress is shown."""
    from imbik.core.progress import SilentReporter, reporter_for

    return SilentReporter() if quiet else reporter_for(sys.stdout)


def print_reply(reply: Reply) -> None:
    """One answer of a chat: the text as written, and how long it took."""
    from imbik.advise.terminal import safe

    said = reply.answered
    text = said.text or said.problem
    sure = f", {said.confidence:.0%} sure" if said.confidence is not None else ""
    print(f"{reply.by} ({reply.seconds:.2f} s{sure}): {safe(text)}")


@contextmanager
def progress_for(label: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Progress of work outside a run; yields a function that is told how many more rows are done, 0 to begin."""
    from imbik.core.progress import Progress

    progress, begun = Progress(reporter(quiet=quiet)), False

    def advance(rows: int) -> None:
        nonlocal begun
        if not begun:
            progress.begin(label)
            begun = True
        progress.advance(label, rows)

    try:
        yield advance
        if begun:
            progress.end(label)
    finally:
        progress.close()


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM, as schedulers, containers and `kill` send it, stops what is in the block as Ctrl-C does."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not in the main thread, where signals are not heard anyway
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def telling(command: str, recipe: Path, runs: Path | None, overrides: Sequence[str]) -> Iterator[None]:
    """Call the user's command however the block ends."""
    if not command:
        yield
        return
    from imbik.advise.notify import notify, parse_command, run_of
    from imbik.core.errors import ExitCode, ImbikError

    words, code = parse_command(command), ExitCode.FAILED
    try:
        yield
        code = ExitCode.DONE
    except ImbikError as error:
        code = error.exit_code
        raise
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
        raise
    finally:
        if words and (problem := notify(words, run_of(recipe, runs, overrides), code)):
            print(f"! {problem}", file=sys.stderr)
