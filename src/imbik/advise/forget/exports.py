"""Exports of a run's data (`imbik data export`): copies of its rows, in formats that nobody mends in place.

Enters: a run, what is erased. Leaves: the run without the exports that hold an erased row or name the person, each
removed whole, for the same command makes it again; a line for each export that lies elsewhere and holds one: that is
not imbik's to change. Which rows an export holds is told by its record (`exports.jsonl`), found by the hash of its
files; for one that was changed since, every record of its place counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path

from imbik.advise.forget.decoded import texts_of_file
from imbik.advise.forget.erasing import Erasing, Remains
from imbik.core.files import file_digest, remove, write_lines
from imbik.core.runfolder import RunFolder
from imbik.exchange.records import FILE, FOLDER, Exported, exports_of, folders_in, holding
from imbik.privacy.audit import row_names
from imbik.privacy.person import Person


def remove_exports(run: RunFolder, erasing: Erasing) -> None:
    """Remove those inside the run that hold what is erased, and their records."""
    names = keyed(run, erasing.tasks, erasing.samples)
    records, there = exports_of(run), set[int]()
    for folder, found in _inside(run, records):
        if holding(found, names) or _named(folder, erasing.person):
            remove(folder)
            erasing.counts["exports of data"] += 1
        else:
            there |= set(map(id, found))
    kept = [record for record in records if not record.inside or id(record) in there]
    if len(kept) < len(records):
        write_lines(run.path / FILE, kept)


def told_inside(run: RunFolder, person: Person, tasks: Set[str], samples: Set[str]) -> Iterator[str]:
    """What an erasure removes whole, as a note."""
    names = keyed(run, tasks, samples)
    for folder, found in _inside(run, exports_of(run)):
        if holding(found, names) or _named(folder, person):
            place = folder.relative_to(run.path)
            yield f"the export {place} holds some of this, and goes as a whole: imbik data export makes it again"


def elsewhere(run: RunFolder, tasks: Set[str], samples: Set[str]) -> Iterator[Remains]:
    """Exports that lie outside of the run and hold some of these rows."""
    names = keyed(run, tasks, samples)
    for record in holding((item for item in exports_of(run) if not item.inside), names):
        rows = len(names.intersection(record.tasks))
        yield Remains(
            path=record.where,
            why=f"an export of {record.at[:10]} holds {rows:,} of these rows and lies outside of the run",
            next=f"take the rows out there, or put a new one in its place: {record.command}",
        )


def keyed(run: RunFolder, tasks: Set[str], samples: Set[str]) -> set[str]:
    """Tasks, and those of samples that go by themselves, as records name them."""
    name_of = row_names(run.path)
    wanted = {*tasks, *(name.partition("#")[0] for name in samples)}
    return {name_of(name) for name in wanted} if name_of else set()


def _inside(run: RunFolder, records: list[Exported]) -> Iterator[tuple[Path, list[Exported]]]:
    """Folders of exports with the records that tell what is in them."""
    inside = [record for record in records if record.inside]
    for folder in folders_in(run) if inside else ():
        sha256 = file_digest(folder)
        same = [record for record in inside if record.sha256 == sha256]
        yield folder, same or [record for record in inside if record.where == f"{FOLDER}/{folder.name}"]


def _named(folder: Path, person: Person) -> bool:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) if person else ()
    return any(person.in_text(text, loose=True) for path in files for text in texts_of_file(path))
