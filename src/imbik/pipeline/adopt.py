"""Stages of a trial that another run of the same search has made already: read there, not made again.

Enters: a trial (`RUN/trials/0007`), a stage's plan. Leaves: the stage's folder as a link to the run's own or another
trial's, where that stage has the very hash wanted, and a line in `origins.json` that says from where. A link, and no
copy: rows that are erased there are gone here too, and a stage made anew there no longer answers to the hash here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from imbik.core.files import read_json, write_json
from imbik.core.runfolder import TRIALS, Manifest, RunFolder
from imbik.core.types import Record

ORIGINS = "origins.json"


class Origins(Record, frozen=True, kw_only=True):
    """Stage folders that are links, and where each points to, seen from the trial."""

    stages: dict[str, str] = {}


def origins(run: RunFolder) -> dict[str, str]:
    """Which stage folders of a run are read from elsewhere."""
    path = run.path / ORIGINS
    return read_json(path, Origins).stages if path.exists() else {}


def adopt(run: RunFolder, stage: str, wanted: str) -> Manifest | None:
    """Link the stage folder to where the search has it; its manifest, or None where nobody made it yet."""
    if run.parent is None:
        return None
    for source in _sources(run, run.parent, stage):
        manifest = RunFolder(source.parent).manifest(stage)
        if manifest is None or manifest.hash != wanted:
            continue
        target = run.stage(stage)
        if target.is_symlink():
            target.unlink()
        elif target.exists():
            run.retire(stage)
        relative = os.path.relpath(source, run.path)
        target.symlink_to(relative, target_is_directory=True)
        write_json(run.path / ORIGINS, Origins(stages={**origins(run), stage: relative}))
        return manifest
    return None


def let_go(run: RunFolder, stage: str) -> None:
    """A stage that is to be made here must not be written through a link into another run."""
    target = run.stage(stage)
    if target.is_symlink():
        target.unlink()
        rest = {name: place for name, place in origins(run).items() if name != stage}
        write_json(run.path / ORIGINS, Origins(stages=rest))


def _sources(run: RunFolder, parent: RunFolder, stage: str) -> Iterator[Path]:
    """The stage's folder in the run itself, then in its other trials; links lead to folders that are listed anyway."""
    trials = sorted(path for path in (parent.path / TRIALS).iterdir() if path.is_dir())
    for folder in (parent.path, *(path for path in trials if path != run.path)):
        found = folder / stage
        if found.is_dir() and not found.is_symlink():
            yield found
