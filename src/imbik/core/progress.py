"""What a person or a program sees while a run works.

Enters: events of the stages (begin, advance, note, warn, end). Leaves: rich bars on a terminal, plain lines when piped,
and one JSON line an event in `events.jsonl` for other programs. Never row content.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

PLAIN_EVERY_SECONDS = 10.0
ETA_AFTER = 20  # until so many are done, or a tenth where that is less, the time left would be a guess


class Reporter(Protocol):
    """Where progress is shown; `total=0` means the amount of work is unknown."""

    def begin(self, label: str, total: int) -> None: ...
    def advance(self, label: str, done: int, note: str) -> None: ...
    def say(self, text: str) -> None: ...
    def end(self, label: str) -> None: ...
    def stop(self, label: str, done: int, total: int) -> None: ...


class SilentReporter:
    """Shows nothing: for programs and tests."""

    def begin(self, label: str, total: int) -> None: ...
    def advance(self, label: str, done: int, note: str) -> None: ...
    def say(self, text: str) -> None: ...
    def end(self, label: str) -> None: ...
    def stop(self, label: str, done: int, total: int) -> None: ...


class PlainReporter:
    """A line when something begins, ends, or ten seconds have passed: for pipes and logs."""

    def __init__(self) -> None:
        self._totals: dict[str, int] = {}
        self._began: dict[str, float] = {}
        self._last = 0.0

    def begin(self, label: str, total: int) -> None:
        self._totals[label], self._began[label] = total, time.monotonic()
        self._last = time.monotonic()
        print(f"{label} …" if not total else f"{label}: {total:,} to do", flush=True)

    def advance(self, label: str, done: int, note: str) -> None:
        now = time.monotonic()
        if now - self._last < PLAIN_EVERY_SECONDS:
            return
        self._last = now
        rate = done / max(now - self._began[label], 1e-9)
        total = self._totals[label]
        known = total and done >= min(ETA_AFTER, max(total // 10, 1))
        eta = f", {_clock((total - done) / rate)} left" if known else ""
        extra = f", {note}" if note else ""
        print(f"{label}: {done:,}{f' of {total:,}' if total else ''}, {rate:,.1f}/s{eta}{extra}", flush=True)

    def say(self, text: str) -> None:
        print(text, flush=True)

    def end(self, label: str) -> None:
        print(f"{label}: done in {_clock(time.monotonic() - self._began.pop(label))}", flush=True)

    def stop(self, label: str, done: int, total: int) -> None:
        self._began.pop(label)
        print(_stopped(label, done, total), flush=True)


class RichReporter:
    """Bars with rate, time left and a note, on a terminal."""

    def __init__(self) -> None:
        self._bars: RichProgress | None = None
        self._ids: dict[str, TaskID] = {}

    def begin(self, label: str, total: int) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        if self._bars is None:
            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.description:<24}"),
                BarColumn(bar_width=28),
                TextColumn("{task.completed:,.0f}/{task.total:,.0f}" if total else "{task.completed:,.0f}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("[dim]{task.fields[note]}"),
            )
            self._bars.start()
        self._ids[label] = self._bars.add_task(label, total=total or None, note="")

    def advance(self, label: str, done: int, note: str) -> None:
        if self._bars is not None:
            self._bars.update(self._ids[label], completed=done, note=note)

    def say(self, text: str) -> None:
        from rich.console import Console
        from rich.text import Text

        (self._bars.console if self._bars else Console()).print(Text(text))

    def end(self, label: str) -> None:
        if self._bars is None:
            return
        bar = self._ids.pop(label)
        done = next(task.completed for task in self._bars.tasks if task.id == bar)
        self._bars.update(bar, total=max(done, 1), completed=max(done, 1))
        self._leave()

    def stop(self, label: str, done: int, total: int) -> None:
        if self._bars is None:
            return
        self._bars.stop_task(self._ids.pop(label))
        self.say(_stopped(label, done, total))
        self._leave()

    def _leave(self) -> None:
        """Take the bars off the terminal after the last of them."""
        if self._bars is not None and not self._ids:
            self._bars.stop()
            self._bars = None


class Progress:
    """What stages are handed: shows through a reporter and writes `events.jsonl`."""

    def __init__(self, reporter: Reporter, events: Path | None = None) -> None:
        self._reporter = reporter
        self._file = _open_append(events) if events else None
        self._done: dict[str, int] = {}
        self._totals: dict[str, int] = {}
        self._standing = ""

    def stand(self, note: str) -> None:
        """What stands beside every bar from now on that has no note of its own (the spending)."""
        self._standing = note

    def begin(self, label: str, total: int = 0) -> None:
        """Work named `label` starts; `total` units are expected."""
        self._done[label], self._totals[label] = 0, total
        self._reporter.begin(label, total)
        self.event("begin", label=label, total=total)

    def advance(self, label: str, by: int = 1, note: str = "") -> None:
        """`by` more units are done; `note` is short (spend, loss)."""
        self._done[label] += by
        self._reporter.advance(label, self._done[label], note or self._standing)

    def end(self, label: str) -> None:
        """Work named `label` is finished."""
        self._reporter.end(label)
        self.event("end", label=label, done=self._done.pop(label))

    def stop(self, label: str) -> None:
        """Work named `label` goes no further, finished or not."""
        done, total = self._done.pop(label), self._totals[label]
        self._reporter.stop(label, done, total)
        self.event("stop", label=label, done=done, total=total)

    def say(self, text: str) -> None:
        """One line for the person."""
        self._reporter.say(text)
        self.event("say", text=text)

    def event(self, kind: str, **fields: object) -> None:
        """One line for programs."""
        if self._file is not None:
            stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
            os.write(self._file, msgspec.json.encode({"time": stamp, "event": kind, **fields}) + b"\n")

    def close(self) -> None:
        """Close `events.jsonl`; work that an error left open is told as stopped, never as done."""
        for label in list(self._done):
            self.stop(label)
        if self._file is not None:
            os.close(self._file)
            self._file = None


def reporter_for(stream: object = sys.stdout) -> Reporter:
    """Rich on a terminal, plain lines otherwise."""
    return RichReporter() if getattr(stream, "isatty", lambda: False)() else PlainReporter()


def _open_append(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)


def _stopped(label: str, done: int, total: int) -> str:
    """`generate: stopped after 12 of 360`."""
    return f"{label}: stopped after {done:,}{f' of {total:,}' if total else ''}"


def _clock(seconds: float) -> str:
    """`75.2` as `1m15s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
