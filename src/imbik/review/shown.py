"""Which rows experts are shown, and how many verdicts are still missing.

Enters: kept samples and the share that the recipe wants shown. Leaves: `shown.jsonl`. The choice is by the content's
own hash, so it is the same on every machine, and rows that stay the same stay chosen when others change.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from imbik.core.files import digest, read_lines, write_lines
from imbik.core.runfolder import RunFolder
from imbik.core.types import Record, Sample
from imbik.review.content import content_key
from imbik.review.store import ExpertVerdict, newer_than_snapshot, snapshot_number, verdicts_of

REVIEWED = "4_reviewed"


class Shown(Record, frozen=True, kw_only=True):
    """One row that experts are asked about."""

    row: str
    content: str


class Standing(Record, frozen=True, kw_only=True):
    """Where a review stands: rows shown, verdicts wanted and missing on them, the last snapshot, verdicts after it."""

    shown: int
    wanted: int
    missing: int
    snapshot: int
    newer: int


def pick(samples: Iterable[Sample], share: float) -> list[Shown]:
    """The share (rounded up) of distinct contents whose keyed hash is smallest, in the order of the samples."""
    rows: dict[str, str] = {}
    for sample in samples:
        rows.setdefault(content_key(sample), sample.id)
    chosen = set(heapq.nsmallest(math.ceil(share * len(rows)), rows, key=lambda key: digest("review", key)))
    return [Shown(row=row, content=key) for key, row in rows.items() if key in chosen]


def shown_path(run: RunFolder) -> Path:
    """Where the list lies."""
    return run.stage(REVIEWED) / "shown.jsonl"


def write_shown(run: RunFolder, rows: Sequence[Shown]) -> None:
    """Write the list for whoever shows the rows."""
    write_lines(shown_path(run), rows)


def read_shown(run: RunFolder) -> list[Shown]:
    """The rows shown; none before the stage first ran."""
    return list(read_lines(shown_path(run), Shown)) if shown_path(run).exists() else []


def missing_verdicts(rows: Sequence[Shown], verdicts: Mapping[str, Sequence[ExpertVerdict]], experts: int) -> int:
    """Verdicts still wanted: each row shown wants one from each of `experts` different people."""
    return sum(max(0, experts - len(verdicts.get(row.content, ()))) for row in rows)


def standing(run: RunFolder, experts: int) -> Standing:
    """Where the review of a run stands now."""
    rows = read_shown(run)
    return Standing(
        shown=len(rows),
        wanted=len(rows) * experts,
        missing=missing_verdicts(rows, verdicts_of(run), experts),
        snapshot=snapshot_number(run),
        newer=newer_than_snapshot(run),
    )
