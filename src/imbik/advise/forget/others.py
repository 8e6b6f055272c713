"""Which other runs of a folder hold the erased rows, or the person, or asked about them.

Enters: a run, what is erased from it. Leaves: a line for each other run. Three traces count: the person's name in its
rows, the very same row (id and words), and the row's keyed id in its audit chain, which stays when stage files go.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from imbik.advise.forget.erasing import OtherRun, mentions, mentions_task
from imbik.advise.forget.find import samples_of, tasks_of
from imbik.advise.runs import run_paths
from imbik.core.errors import ImbikError
from imbik.core.runfolder import TRIALS, RunFolder
from imbik.core.types import Record, Task
from imbik.privacy.audit import FILE_NAME, row_names
from imbik.privacy.person import Person, squeezed


class _Keyed(Record, frozen=True, kw_only=True):
    rows: tuple[str, ...] = ()


def other_runs(run: RunFolder, person: Person, tasks: Mapping[str, Task], *, why: str) -> list[OtherRun]:
    """All of them, and the run's own trials; one that cannot be read is listed with the reason."""
    texts = {name: squeezed(task.text) for name, task in tasks.items()}
    paths = [path for path in run_paths(run.home) if path.resolve() != run.path.resolve()]
    found = []
    for path in (*paths, *run_paths(run.path / TRIALS)):
        other = RunFolder(path)
        try:
            held = _holds(other, person, texts)
            asked = _asked_about(other, set(texts)) - held if texts else set()
        except (ImbikError, OSError) as error:
            what = str(error).splitlines()[0]
            found.append(OtherRun(run=_name(run, path), rows=0, how=f"cannot be read ({what})", next="look at it"))
            continue
        if held:
            whom = "--person …" if person else "--rows …"
            command = f"imbik privacy forget {_name(run, path)} {whom}" if why == "forget" else "imbik privacy retain"
            found.append(OtherRun(run=_name(run, path), rows=len(held), how=_told(len(held), "holds"), next=command))
        elif asked:
            how = f"{_told(len(asked), 'asked about')} and holds none of them any more"
            found.append(OtherRun(run=_name(run, path), rows=len(asked), how=how, next="nothing to do"))
    return found


def _holds(other: RunFolder, person: Person, texts: Mapping[str, str]) -> set[str]:
    """Ids of tasks in another run that are one of these or name the person."""
    found = set()
    for task in tasks_of(other):
        if texts.get(task.id) == squeezed(task.text) or mentions_task(person, task):
            found.add(task.id)
    for _, sample in samples_of(other) if person else ():
        if sample.task.id not in found and mentions(person, sample):
            found.add(sample.task.id)
    return found


def _asked_about(other: RunFolder, rows: set[str]) -> set[str]:
    """Which of these rows stand in another run's audit chain."""
    path, name_of = other.path / FILE_NAME, row_names(other.path)
    if not path.exists() or name_of is None:
        return set()
    keyed = {name_of(row): row for row in rows}
    decoder, found = msgspec.json.Decoder(_Keyed), set[str]()
    with path.open("rb") as stream:
        for line in stream:
            try:
                found |= {keyed[name] for name in decoder.decode(line).rows if name in keyed}
            except msgspec.DecodeError:
                continue
    return found


def _told(count: int, verb: str) -> str:
    return f"{verb} {count:,} of these rows" if count != 1 else f"{verb} 1 of these rows"


def _name(run: RunFolder, path: Path) -> str:
    return str(path.relative_to(run.home))
