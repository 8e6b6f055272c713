"""The student's own attempts, kept beside its checkpoints by step and row.

Enters: what a student wrote at a step, and why it was not taught at it, if so. Leaves: `attempts.jsonl`, one line an
attempt, in blocks of the steps that were written together. A block is in the file whole or not at all, and there before
the first of its steps is taken: a training that goes on after a kill reads what the student wrote then, and the books
count every row once, however often a step was repeated.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from imbik.core.files import disk_errors
from imbik.core.types import Record

FILE = "attempts.jsonl"


class Attempt(Record, frozen=True, kw_only=True):
    """What the student wrote for a row at a step: its `tokens` after a prompt of `prompt` tokens, and as text.

    `reason` says why the row was learned as it stands instead: the teacher said nothing of the attempt, or there is
    none. `finished`: it ended by itself. `block` is that of its step, `last` whether it ends it.
    """

    step: int
    row: str
    prompt: int = 0
    tokens: tuple[int, ...] = ()
    text: str = ""
    finished: bool = False
    reason: str = ""
    block: int = 0
    last: bool = False


class AttemptBooks(Record, frozen=True, kw_only=True, omit_defaults=False):
    """What became of the rows that were drawn for an attempt: rows = taught + all of `reasons` + unused.

    `unused` were written ahead for steps that an early stop left out; of the `taught`, `finished` ended by themselves;
    `tokens` are those the student wrote in them.
    """

    rows: int = 0
    taught: int = 0
    finished: int = 0
    unused: int = 0
    tokens: int = 0
    reasons: dict[str, int] = {}

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows == self.taught + sum(self.reasons.values()) + self.unused

    def __str__(self) -> str:
        """`312 of 320 rows taught at the student's own attempts (8 not: …)`."""
        why = ", ".join(f"{count}: {reason}" for reason, count in self.reasons.items())
        ahead = f"; {self.unused:,} written ahead and not used" if self.unused else ""
        told = f" (not taught, {why})" if why else ""
        return f"{self.taught:,} of {self.rows:,} rows drawn were taught at the student's own attempts{told}{ahead}"


class AttemptStore:
    """The attempts of one training; one process writes."""

    def __init__(self, path: Path) -> None:
        """Open the file; a block that a kill left unfinished is cut away."""
        self.path = path
        self._places: dict[int, tuple[int, int]] = {}  # a block's number: where its lines begin and end
        self._end = 0
        for attempt, end in self._lines(0):
            if attempt.last:
                self._places[attempt.block] = (self._end, end)
                self._end = end
        if path.exists() and path.stat().st_size > self._end:
            os.truncate(path, self._end)

    def block(self, number: int) -> list[Attempt] | None:
        """The attempts of a block; None where it was not written yet."""
        if number not in self._places:
            return None
        begin, end = self._places[number]
        return [attempt for attempt, at in self._lines(begin) if at <= end]

    def append(self, number: int, attempts: Sequence[Attempt]) -> None:
        """Keep a block of at least one attempt: its lines go into the file together."""
        kept = [msgspec.structs.replace(item, block=number, last=item is attempts[-1]) for item in attempts]
        data = b"".join(msgspec.json.encode(item) + b"\n" for item in kept)
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with disk_errors(self.path), open(self.path, "ab", opener=_private) as stream:
            stream.write(data)
        self._places[number] = (self._end, self._end + len(data))
        self._end += len(data)

    def flush(self) -> None:
        """What was appended survives a power cut."""
        if self.path.exists():
            with self.path.open("rb") as stream:
                os.fsync(stream.fileno())

    def books(self, steps: int) -> AttemptBooks:
        """What became of all rows drawn, in a training of so many steps."""
        return books_of((attempt for attempt, _ in self._lines(0)), steps)

    def _lines(self, begin: int) -> Iterator[tuple[Attempt, int]]:
        """Whole lines from a place on, each with where it ends; what is damaged ends them."""
        if not self.path.exists():
            return
        decoder, at = msgspec.json.Decoder(Attempt), begin
        with self.path.open("rb") as stream:
            stream.seek(begin)
            for line in stream:
                at += len(line)
                try:
                    attempt = decoder.decode(line)
                except msgspec.MsgspecError:
                    return
                if not line.endswith(b"\n"):
                    return
                yield attempt, at


def books_of(attempts: Iterable[Attempt], steps: int) -> AttemptBooks:
    """Count attempts; those of step `steps` (from 0) and later were never used."""
    rows = taught = finished = unused = tokens = 0
    reasons: Counter[str] = Counter()
    for attempt in attempts:
        rows += 1
        if attempt.step >= steps:
            unused += 1
        elif attempt.reason:
            reasons[attempt.reason] += 1
        else:
            taught, finished, tokens = taught + 1, finished + attempt.finished, tokens + len(attempt.tokens)
    return AttemptBooks(
        rows=rows, taught=taught, finished=finished, unused=unused, tokens=tokens, reasons=dict(reasons.most_common())
    )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
