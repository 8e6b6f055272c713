"""imbik gc"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from imbik.cli.options import Runs

if TYPE_CHECKING:
    from pathlib import Path

    from imbik.advise.gc import Cleared


def gc(
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="One run; without it all runs.", show_default=False)] = "",
    runs: Runs = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before all runs are cleared.")] = False,
) -> None:
    """Remove what changed recipes replaced (`old/` of a run), and say how much that was. Nothing else is touched.

    Without RUN it says what would go from all runs, and asks first.
    """
    from imbik.advise.gc import collect
    from imbik.advise.runs import find_run, run_paths
    from imbik.advise.summary import counted
    from imbik.core.runfolder import RunFolder, runs_folder
    from imbik.pipeline.preflight import size

    chosen = [find_run(run, runs)] if run else [RunFolder(path) for path in run_paths(runs_folder(runs))]
    found = collect(chosen, only_say=True)
    for item in found:
        print(f"{item.run}: {counted(item.outputs, 'old output')}, {size(item.bytes)}")
    if not found:
        print("nothing to remove")
    elif dry_run:
        print(f"{_total(found)} would be freed")
    elif run or yes or _agreed(_total(found), runs_folder(runs) / found[0].run):
        print(f"{_total(collect(chosen))} freed")
    else:
        print("nothing was removed")


def _total(found: list[Cleared]) -> str:
    from imbik.pipeline.preflight import size

    return size(sum(item.bytes for item in found))


def _agreed(total: str, first: Path) -> bool:
    """Whether the person at the terminal wants it; `first` is a run that has something to remove.

    Raises: UsageError where nobody can be asked.
    """
    from imbik.core.errors import UsageError
    from imbik.core.runfolder import RunFolder

    if not sys.stdin.isatty():
        raise UsageError(
            f"{total} of all runs would be removed, and nobody is there to be asked",
            next=f"imbik gc --yes, or one run: imbik gc {RunFolder(first).typed}",
        )
    try:
        return input(f"remove {total}? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False
