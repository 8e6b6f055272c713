"""Which rows experts are shown, in which order, and which of them two people judge.

Enters: kept samples, the share picked by chance and the share at most that is picked because somebody doubts them.
Leaves: `shown.jsonl`: the doubtful rows, the most doubtful first, then the random sample. Both that choice and the one
for double review are by the content's own hash, so they are the same on every machine, and rows that stay the same stay
chosen when others change.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from imbik.core.files import digest, read_lines, write_lines
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Record, Sample, Sensitivity
from imbik.privacy.sensitivity import inherited
from imbik.recipe.sections import Review
from imbik.review.content import content_key
from imbik.review.doubt import Doubt, Scale, doubts, outspoken

REVIEWED = "4_reviewed"
REFINED = "3_refined"


class Shown(Record, frozen=True, kw_only=True):
    """One row that experts are asked about, with what a queue is sorted and filtered by.

    `doubt` is from 0 to 1, `doubted_by` says by whom; `checks` are those that said more than yes. `double`: two people
    judge it, even where the recipe asks one.
    """

    row: str
    content: str
    doubt: float = 0.0
    doubted_by: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    category: str = ""
    teacher: str = ""
    sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL
    double: bool = False


class Kept:
    """The kept samples of a run, as often as they are asked for."""

    def __init__(self, run: RunFolder) -> None:
        self.run = run

    def __iter__(self) -> Iterator[Sample]:
        return read_parts(self.run.stage(REFINED), Sample)


def chosen(run: RunFolder, review: Review) -> list[Shown]:
    """The rows that a recipe shows of what a run keeps."""
    return pick(Kept(run), review.sample, review.doubtful, review.double)


def pick(samples: Iterable[Sample], share: float, doubtful: float = 0.0, double: float = 0.0) -> list[Shown]:
    """The rows to show: of those that somebody doubts at most the share `doubtful` of distinct contents, and of all of
    them `share`, by the smallest hashes (both rounded up); of what is shown two people judge `double`. `samples` are
    gone through three times, never held."""
    scale, rows = Scale(), dict[str, str]()
    for sample in samples:
        scale.add(sample)
        rows.setdefault(content_key(sample), sample.id)
    order = {key: digest("review", key) for key in rows}
    most = math.ceil(doubtful * len(rows))
    first = heapq.nsmallest(
        most, _doubted(samples, scale, rows) if most else (), key=lambda item: (-item[1], order[item[0]])
    )
    place = {key: number for number, (key, _) in enumerate(first)}
    for key in heapq.nsmallest(math.ceil(share * len(rows)), rows, key=order.__getitem__):
        place.setdefault(key, len(place))
    found = {}
    for sample, doubt in doubts(samples, scale) if place else ():
        key = content_key(sample)
        if key in place and rows[key] == sample.id:
            found[key] = _shown(sample, key, doubt)
    for key in heapq.nsmallest(math.ceil(double * len(found)), found, key=lambda key: digest("double", key)):
        found[key] = msgspec.structs.replace(found[key], double=True)
    return sorted(found.values(), key=lambda row: place[row.content])


def _doubted(samples: Iterable[Sample], scale: Scale, rows: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    for sample, doubt in doubts(samples, scale):
        if doubt.value and rows[key := content_key(sample)] == sample.id:
            yield key, doubt.value


def _shown(sample: Sample, key: str, doubt: Doubt) -> Shown:
    return Shown(
        row=sample.id, content=key, doubt=doubt.value, doubted_by=doubt.by, checks=tuple(outspoken(sample)),
        category=sample.task.category, teacher=sample.teacher,
        sensitivity=inherited(sample.sensitivity, sample.task.sensitivity),
    )  # fmt: skip


def shown_path(run: RunFolder) -> Path:
    """Where the list lies."""
    return run.stage(REVIEWED) / "shown.jsonl"


def write_shown(run: RunFolder, rows: Sequence[Shown]) -> None:
    """Write the list for whoever shows the rows."""
    write_lines(shown_path(run), rows)


def read_shown(run: RunFolder) -> list[Shown]:
    """The rows shown; none before the stage first ran."""
    return list(read_lines(shown_path(run), Shown)) if shown_path(run).exists() else []
