"""The end of retention periods: rows older than the operator's file lets them be are destroyed, by one command.

Enters: a folder of runs, the operator's `retention:` (days for each sensitivity). Leaves: runs and a store without what
is older, a receipt for each run and one for the store. A row's age counts from the first tasks stage of its run that
held it (in `old/` too, so a changed recipe does not make a row young again; `imbik gc`, which removes that, leaves
`ages.jsonl`), a stored answer's from when it was stored.
Destroyed rows go on the suppression list: the same seed file does not bring them back.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imbik import __version__
from imbik.advise.forget import databases
from imbik.advise.forget.receipt import Receipt, sealed, write_receipt
from imbik.advise.forget.sweep import STORE
from imbik.advise.forget.work import Done, forget
from imbik.advise.runs import run_paths
from imbik.core.errors import ImbikError, OperatorFileError
from imbik.core.files import read_lines, write_lines
from imbik.core.runfolder import TRIALS, RunFolder, read_parts
from imbik.core.tombstones import PENDING
from imbik.core.types import Record, Sensitivity, Task
from imbik.privacy.operator import Operator
from imbik.privacy.sensitivity import inherited

AGES = "ages.jsonl"
_DAY = 86_400.0


@dataclass(frozen=True)
class Retained:
    """One run: how many rows were over time, the erasure that followed, or why it could not."""

    run: str
    rows: int
    done: Done | None = None
    problem: ImbikError | None = None


@dataclass(frozen=True)
class Report:
    """All runs that had something to destroy, how many stored answers went, and their receipt."""

    runs: tuple[Retained, ...]
    stored: int
    receipt: Receipt | None


def retain(runs: Path, operator: Operator, *, dry_run: bool = False, now: float | None = None) -> Report:
    """Destroy what is over time in all runs of a folder; a run that is in use is told of and left for the next time.

    Raises: OperatorFileError where no period is set.
    """
    days = periods(operator)
    moment = time.time() if now is None else now
    found = []
    for path in (item for home in run_paths(runs) for item in (home, *run_paths(home / TRIALS))):
        run = RunFolder(path)
        try:
            over = expired(run, days, moment)
            if over or (path / PENDING).exists():
                done = forget(run, (), over, agree=lambda plan: not dry_run, why="retain")
                found.append(Retained(str(path.relative_to(runs)), len(over), done))
        except ImbikError as error:
            found.append(Retained(str(path.relative_to(runs)), 0, problem=error))
    stored, receipt = _stored(runs, operator, days, moment, dry_run=dry_run)
    return Report(tuple(found), stored, receipt)


def periods(operator: Operator) -> dict[Sensitivity, int]:
    """Days by sensitivity.

    Raises: OperatorFileError where the file sets none.
    """
    kept = operator.retention
    days = {
        Sensitivity.INTERNAL: kept.internal,
        Sensitivity.CONFIDENTIAL: kept.confidential,
        Sensitivity.SPECIAL: kept.special,
    }
    found = {level: count for level, count in days.items() if count is not None}
    if not found:
        raise OperatorFileError(
            "no retention period is set, so nothing was looked at",
            where=str(operator.path or "operator.yaml"),
            next="retention: {confidential: 365} in the operator's file, in days",
        )
    return found


class Age(Record, frozen=True, kw_only=True):
    """Since when a run holds a row (seconds since 1970), and its highest level: a line of `ages.jsonl`, no content."""

    id: str
    since: float
    level: Sensitivity


def expired(run: RunFolder, days: dict[Sensitivity, int], moment: float) -> set[str]:
    """Ids of rows that are in the run and over time."""
    return {age.id for age in _ages(run).values() if _over(age.level, age.since, days, moment)}


def keep_ages(run: RunFolder) -> None:
    """Write down how old the run's rows are, before what shows it (`old/`) is removed."""
    if ages := _ages(run):
        write_lines(run.path / AGES, ages.values())


def _ages(run: RunFolder) -> dict[str, Age]:
    """Every row of the tasks stages, with the earliest time and the highest level that is known of it."""
    path = run.path / AGES
    kept = {age.id: age for age in read_lines(path, Age)} if path.exists() else {}
    found: dict[str, Age] = {}
    for folder in (*run.replaced("1_tasks"), run.stage("1_tasks")):
        made = _made(folder)
        for task in read_parts(folder, Task) if folder.exists() else ():
            before = found.get(task.id) or kept.get(task.id) or Age(id=task.id, since=made, level=task.sensitivity)
            level = inherited(task.sensitivity, before.level)
            found[task.id] = Age(id=task.id, since=min(made, before.since), level=level)
    return found


def _over(level: Sensitivity, when: float, days: dict[Sensitivity, int], moment: float) -> bool:
    return level in days and moment - when > days[level] * _DAY


def _made(folder: Path) -> float:
    """When a tasks stage was finished, by its manifest; else when its folder was last written."""
    manifest = RunFolder(folder.parent).manifest(folder.name)
    try:
        return datetime.fromisoformat(manifest.finished).timestamp() if manifest else folder.stat().st_mtime
    except (ValueError, OSError):
        return folder.stat().st_mtime if folder.exists() else time.time()


def _stored(
    runs: Path, operator: Operator, days: dict[Sensitivity, int], moment: float, *, dry_run: bool
) -> tuple[int, Receipt | None]:
    """Stored answers that are over time, whichever run bought them."""
    keys = set[bytes]()
    for level, count in days.items():
        keys |= databases.stored_before(runs / STORE, level.rank, moment - count * _DAY)
    if not keys or dry_run:
        return len(keys), None
    begun = datetime.now(UTC)
    gone = databases.erase_answers_stored(runs / STORE, keys)
    receipt = Receipt(
        id=f"retain-{begun:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}",
        why="retain", run="(answer store)", begun=begun.isoformat(timespec="seconds"),
        ended=datetime.now(UTC).isoformat(timespec="seconds"), imbik=__version__, operator=operator.hash, person="",
        rows=(), counts={"answers in the store": gone}, suppressed=0, erased={}, lineage={}, swept=0, named_before=0,
        named_after=0, remains=(), others=(), students=(), notes=(),
    )  # fmt: skip
    receipt = sealed(receipt)
    write_receipt(runs, receipt)
    return gone, receipt


def told(report: Report, *, dry_run: bool) -> Iterator[str]:
    """Lines for the log of cron: counts and places, no content."""
    for item in report.runs:
        if item.problem is not None:
            yield f"! {item.run}: {str(item.problem).splitlines()[0]}"
        elif dry_run:
            yield f"{item.run}: {item.rows:,} rows are over time"
        elif item.done is not None and item.done.receipt is not None:
            yield f"{item.run}: {item.rows:,} rows destroyed, receipt {item.done.receipt.id}"
            yield from (f"! {left.path}: {left.why}; {left.next}" for left in item.done.receipt.remains)
    if report.stored:
        receipt = f", receipt {report.receipt.id}" if report.receipt else ""
        yield f"answer store: {report.stored:,} answers {'are over time' if dry_run else 'destroyed'}{receipt}"
    if not report.runs and not report.stored:
        yield "nothing is over time"
