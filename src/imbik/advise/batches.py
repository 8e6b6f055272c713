"""Batches of a run that are under way, and giving one up that cannot be collected.

Enters: a run. Leaves: a line for each of its batches; or one batch less, whose questions the run's next command asks
anew. The provider may have answered them and may bill them, so giving up counts their most as possibly paid.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from typing import NamedTuple

from imbik.ask import ledger
from imbik.ask.batch import records
from imbik.ask.schema import connect
from imbik.core.databases import transaction
from imbik.core.errors import UsageError
from imbik.core.locks import writer_lock
from imbik.core.money import dollars
from imbik.core.runfolder import RunFolder

HEAD = ["batch", "at the provider", "teacher", "since", "questions", "state"]


class GivenUp(NamedTuple):
    """What became of a batch that was given up: its questions, and the most that they can have cost, in USD."""

    questions: int
    possible: Decimal


def under_way(run: RunFolder) -> Iterator[list[str]]:
    """A row of the table for each batch, oldest first."""
    if not run.store.exists():
        return
    with closing(connect(run.store)) as base:
        for line, rows in records.of_run(base, run.name):
            since = time.strftime("%Y-%m-%d %H:%M", time.localtime(line.begun))
            state = "handed over" if line.name else "may have arrived"
            state = state if records.is_kept(line.begun) else "older than 30 days"
            yield [line.token, line.name, line.teacher, since, f"{len(rows):,}", state]


def give_up(run: RunFolder, token: str) -> GivenUp:
    """Let go of a batch: nothing of it is collected any more.

    Raises: UsageError where the run has no such batch; LockedError while the run is going.
    """
    with writer_lock(run.path):
        if run.store.exists():
            with closing(connect(run.store)) as base, transaction(base):
                for line, rows in records.of_run(base, run.name):
                    if token in {line.token, line.name} - {""}:
                        return _let_go(base, line, rows)
    raise UsageError(
        f"run '{run.name}' has no batch '{token}' under way",
        where="--give-up",
        next=f"imbik batches {run.typed} shows those that it has",
    )


def _let_go(base: sqlite3.Connection, batch: records.BatchLine, rows: list[records.RowLine]) -> GivenUp:
    entries: list[ledger.Entry] = []
    for row in rows:
        records.settle(base, batch.token, row, "")
        possible = ledger.Line(row.purpose, batch.teacher, 0, row.most, 0, 1, 0, 0) if row.most else None
        entries.append((possible, row.reservation))
    ledger.book(base, batch.run, entries)
    records.finish(base, batch.token)
    return GivenUp(len(rows), dollars(sum(row.most for row in rows)))
