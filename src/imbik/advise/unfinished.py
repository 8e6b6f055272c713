"""The stage at which a run stands still: what it has done, what is stored, what is pending, and how it goes on.

Enters: a run folder. Leaves: a line of the funnel for the stage that was begun and is not finished, and a sentence; or
None where there is no such stage. What was answered is counted from the stage's files; where it was stopped before it
wrote any (Ctrl-C, a kill), from its events, and from what the ledger says was bought for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from imbik.advise.runs import FOLDERS
from imbik.ask import ledger
from imbik.ask.underway import under_way
from imbik.core.money import ANSWERS, stage_of
from imbik.core.results import Books
from imbik.core.runfolder import RunFolder, begun_hash, read_parts
from imbik.core.types import Outcome, Record

_GENERATE = "generate"


@dataclass(frozen=True)
class Unfinished:
    """A stage that was begun and not finished."""

    stage: str
    books: Books
    said: str


class _Completion(Record, frozen=True, kw_only=True):
    outcome: Outcome = Outcome.ANSWERED


class _Sample(Record, frozen=True, kw_only=True):
    """The part of a sample that is counted; content is not decoded."""

    completion: _Completion


class _Event(msgspec.Struct, frozen=True):
    event: str
    label: str = ""
    done: int = 0
    total: int = 0


def unfinished(run: RunFolder) -> Unfinished | None:
    """The first stage without a manifest whose work was begun."""
    for name, folder in FOLDERS.items():
        if run.manifest(folder) is None and begun_hash(run.stage(folder)):
            books = _books(run) if name == _GENERATE else Books(rows_in=0, rows_out=0)
            return Unfinished(name, books, _said(run, name, books))
    return None


def _books(run: RunFolder) -> Books:
    """Answers by outcome; what was expected and is not among them is pending."""
    outcomes = Counter(sample.completion.outcome for sample in read_parts(run.stage(FOLDERS[_GENERATE]), _Sample))
    done, expected = _last_events(run.path / "events.jsonl")
    answered, pending = outcomes[Outcome.ANSWERED], outcomes[Outcome.PENDING]
    failed = outcomes.total() - answered - pending
    if not outcomes:
        answered = done  # in order; whether they ended well is not said there
    pending = max(pending, expected - answered - failed)
    reasons = {found.value: count for found, count in outcomes.items() if found is not Outcome.ANSWERED}
    return Books(
        rows_in=answered + failed + pending, rows_out=answered, failed=failed, pending=pending, reasons=reasons
    )


def _last_events(path: Path) -> tuple[int, int]:
    """How many rows generation had passed on in order when it was last stopped, and how many it expected."""
    done = total = 0
    for event in _events(path):
        if event.label == _GENERATE and event.event in {"begin", "stop"}:
            done, total = event.done, event.total
    return done, total


def _events(path: Path) -> Iterator[_Event]:
    decoder = msgspec.json.Decoder(_Event)
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            yield decoder.decode(line)
        except msgspec.DecodeError:  # the last line of a killed run
            continue


def _said(run: RunFolder, name: str, books: Books) -> str:
    """`generate is not finished: 10 of 36 are answered, 26 are pending; …`."""
    found = f"{name} was begun and is not finished"
    if name == _GENERATE:
        lines = ledger.read(run.store, run.account)
        bought = sum(line.answers for line in lines if line.purpose in ANSWERS and stage_of(line.purpose) == name)
        behind = f" ({bought:,} answers were received for it; all are stored)" if bought > books.rows_out else ""
        found += f": {books.rows_out:,} of {books.rows_in:,} are answered, {books.pending:,} are pending{behind}"
    found += "".join(f"; {batch}" for batch in under_way(run.store, run.account))
    return f"{found}; it goes on with: imbik run {run.typed}, and no stored answer is asked for again"
