"""imbik ls"""

from __future__ import annotations

from imbik.cli.options import Runs


def ls(runs: Runs = None) -> None:
    """List runs with their results."""
    from imbik.advise.runs import listing
    from imbik.advise.terminal import safe
    from imbik.cli.console import table
    from imbik.core.runfolder import RunFolder, runs_folder

    home = runs_folder(runs)
    found = listing(home)
    if not found:
        print(f"no runs under {home}; imbik demo makes one")
        return
    begun = [run for run in found if run.last_stage or run.result or run.problem]
    rows = [[safe(run.name), run.last_stage, run.finished, run.result or run.problem] for run in begun]
    if rows:
        table(["run", "last stage", "finished (UTC)", "result"], rows)
    for run in found:
        if run not in begun:
            again = safe(f"imbik run {RunFolder(home / run.name).typed}")
            print(f"no stage has finished yet in {safe(run.name)}: {again} goes on, or says what stops it")
