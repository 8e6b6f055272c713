"""Which rows and exports went where and when, for the notice that a breach asks for within 72 hours (KVKK art. 12/5).

Enters: a run, a span of time, a part of an endpoint's name. Leaves: totals by endpoint and every row with its times,
from the audit chain, which is checked to its end first. Rows are named by task, file and line where the run still has
its key and its tasks, by their keyed ids otherwise; their content is never shown. What never passes the gate has no
line: weights copied by hand, files sent by other programs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from imbik.core.errors import ImbikError, RunFolderError, UsageError
from imbik.core.files import write_bytes
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Record, Source
from imbik.privacy.account import Way
from imbik.privacy.anchor import read_anchors, refuse_others, signed_heads
from imbik.privacy.audit import row_names
from imbik.privacy.chain import FILE_NAME, AuditLine, Chain
from imbik.privacy.hub import PURPOSE

HEAD = ("endpoint", "sensitivity", "cleaned", "what left", "first", "last")
COLUMNS = ("row", "file", "line", "keyed_id", "endpoint", "address", "sensitivity", "cleaned", "purpose", "time")


class Span(NamedTuple):
    """Since when, until when; both with their zone."""

    since: datetime
    until: datetime


class Sent(NamedTuple):
    """One row, or one export of a student (its purpose is push), that was allowed to leave for an endpoint."""

    keyed: str
    endpoint: str
    address: str
    sensitivity: str
    cleaned: str
    purpose: str
    time: str

    @property
    def pushed(self) -> bool:
        """Whether it is an export."""
        return self.purpose == PURPOSE


class Named(NamedTuple):
    """What a keyed id stands for: the task, and where its row lies."""

    task: str
    file: str
    line: str


@dataclass
class Total:
    """Rows, or exports, of one endpoint, level and cleaning."""

    rows: set[str] = field(default_factory=set)
    first: str = ""
    last: str = ""


@dataclass
class Listed:
    """What left in a span; `unnamed` says why rows go by keyed ids alone, '' where they are named."""

    run: str
    span: Span
    sent: list[Sent] = field(default_factory=list)
    totals: dict[tuple[str, str, str, bool], Total] = field(default_factory=dict)
    names: dict[str, Named] = field(default_factory=dict)
    unnamed: str = ""
    lines: int = 0


class _Row(Record, frozen=True, kw_only=True):
    """The part of a task that names it; content is not decoded."""

    id: str
    source: Source | None = None


def span(since: str, until: str = "") -> Span:
    """Two times in ISO 8601; one without a zone is of this machine's, a date alone begins at midnight.

    Raises: UsageError when one is no time, or the end is before the beginning.
    """
    begin = _moment(since, "--since")
    end = _moment(until, "--until") if until else datetime.now(UTC)
    if end < begin:
        raise UsageError(f"--until ({end.isoformat()}) is before --since ({begin.isoformat()})")
    return Span(begin, end)


def breach(run: RunFolder, when: Span, endpoint: str = "", keys: Sequence[str] | None = None) -> Listed:
    """Everything that was allowed to leave in this span for endpoints whose name or address holds `endpoint`.

    Rows whose answers came from a batch of an earlier command left when that was handed over: they are listed under
    that time where the chain does not show their leaving itself, as when the run's folder was removed in between.

    Signed heads are held against the chain, and against `keys` where these are known.
    Raises: RunFolderError when there is no chain, or it (or a signed head) was changed after it was written.
    """
    path = run.path / FILE_NAME
    if not path.exists():
        raise RunFolderError(
            "this run has no audit chain, so it says nothing of what left",
            where=str(path),
            next="restore audit.jsonl from a backup; imbik privacy prove says whether the run asked anybody",
        )
    found = Listed(run.name, when)
    anchors = read_anchors(run.path)
    refuse_others(run.path, anchors)
    left, before = set[tuple[str, str]](), list[AuditLine]()
    for line in Chain(path, signed_heads(run.path, anchors, keys)):
        found.lines += 1
        if not (way := _way(line)).left:
            continue
        if way.before:
            before.append(line)
            continue
        left.update((row, line.place) for row in line.rows)
        if _is_meant(line, when, endpoint):
            _take(found, line)
    for line in before:
        rows = tuple(row for row in line.rows if (row, line.place) not in left)
        meant = msgspec.structs.replace(line, time=line.left, rows=rows)
        if rows and _is_meant(meant, when, endpoint):
            _take(found, meant)
    _name(found, run)
    return found


def summary(listed: Listed) -> Iterator[str]:
    """What a person reads first."""
    begin, end = (moment.isoformat(timespec="seconds") for moment in listed.span)
    rows = len({sent.keyed for sent in listed.sent if not sent.pushed})
    exports = len({sent.keyed for sent in listed.sent if sent.pushed})
    if not rows and not exports:
        yield f"{listed.run}: no row left between {begin} and {end} (audit chain of {listed.lines:,} lines, unbroken)"
    else:
        places = len({place for place, *_ in listed.totals})
        what = [_counted(rows, "row")] if rows or not exports else []
        what += [_counted(exports, "export") + " of the student"] if exports else []
        yield (
            f"{listed.run}: {' and '.join(what)} left for {places} {_plural(places, 'endpoint')} between "
            f"{begin} and {end} (audit chain of {listed.lines:,} lines, unbroken)"
        )
    if rows and listed.unnamed:
        yield f"rows are listed by their keyed ids: {listed.unnamed}"
    yield "not in any log: what other programs sent, and files or weights that were copied without imbik"


def table_rows(listed: Listed) -> list[Sequence[str]]:
    """Totals by endpoint, most rows first."""
    ordered = sorted(listed.totals.items(), key=lambda item: (-len(item[1].rows), item[0]))
    return [
        (place, level, cleaned, _counted(len(total.rows), "export" if pushed else "row"), total.first, total.last)
        for (place, level, cleaned, pushed), total in ordered
    ]


def write_csv(listed: Listed, file: Path) -> int:
    """Every row with endpoint and time; returns the number of lines below the head."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for sent in listed.sent:
        named = listed.names.get(sent.keyed, Named("", "", ""))
        writer.writerow([_inert(cell) for cell in (*named, *sent)])
    write_bytes(file, b"\xef\xbb\xbf" + text.getvalue().encode())  # the mark by which Excel knows UTF-8
    return len(listed.sent)


def _way(line: AuditLine) -> Way:
    return Way(line.verdict, line.sensitivity, line.place, line.cleaned, line.reason)


def _is_meant(line: AuditLine, when: Span, endpoint: str) -> bool:
    if endpoint and endpoint not in line.place and endpoint not in line.address:
        return False
    return when.since <= datetime.fromisoformat(line.time) <= when.until


def _take(found: Listed, line: AuditLine) -> None:
    slot = (line.place, line.sensitivity, line.cleaned, line.purpose == PURPOSE)
    total = found.totals.setdefault(slot, Total())
    total.rows.update(line.rows)
    total.first, total.last = min(total.first or line.time, line.time), max(total.last, line.time)
    found.sent += [
        Sent(row, line.place, line.address, line.sensitivity, line.cleaned, line.purpose, line.time)
        for row in line.rows
    ]


def _name(found: Listed, run: RunFolder) -> None:
    """Find out what the keyed ids stand for, where that can still be known."""
    if not found.sent:
        return
    keyed_of = row_names(run.path)
    if keyed_of is None:
        found.unnamed = "the key of this run's audit chain is not there"
        return
    wanted = {sent.keyed for sent in found.sent if not sent.pushed}
    folders = [run.stage("1_tasks"), *run.replaced("1_tasks")]
    try:
        for folder in folders:
            for row in read_parts(folder, _Row):
                if (keyed := keyed_of(row.id)) in wanted:
                    place = (row.source.file, str(row.source.line)) if row.source else ("", "")
                    found.names[keyed] = Named(row.id, *place)
    except ImbikError as error:
        found.unnamed = f"the tasks of this run cannot be read ({error.where})"
    if missing := len(wanted) - len(found.names):
        found.unnamed = found.unnamed or f"{missing:,} of {len(wanted):,} belong to no task that this run still has"


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option}: '{text}' is no time", next=f"{option} 2026-11-24 or {option} 2026-11-24T14:00+03:00"
        ) from None
    return moment.astimezone() if moment.tzinfo is None else moment


def _inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {_plural(count, noun)}"


def _plural(count: int, noun: str) -> str:
    return noun if count == 1 else f"{noun}s"
