"""imbik gc"""

from __future__ import annotations

from typing import Annotated

import typer

from imbik.cli.options import Runs


def gc(
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="One run; without it all runs.", show_default=False)] = "",
    runs: Runs = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove what changed recipes replaced (`old/` of a run), and say how much that was. Nothing else is touched."""
    from imbik.advise.gc import collect
    from imbik.advise.runs import find_run, run_paths
    from imbik.advise.summary import counted
    from imbik.core.runfolder import RunFolder, runs_folder
    from imbik.pipeline.preflight import size

    chosen = [find_run(run, runs)] if run else [RunFolder(path) for path in run_paths(runs_folder(runs))]
    cleared = collect(chosen, only_say=dry_run)
    for item in cleared:
        print(f"{item.run}: {counted(item.outputs, 'old output')}, {size(item.bytes)}")
    verb = "would be freed" if dry_run else "freed"
    print(f"{size(sum(item.bytes for item in cleared))} {verb}" if cleared else "nothing to remove")
