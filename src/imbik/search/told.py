"""A search in lines of text, for a terminal.

Enters: findings. Leaves: lines, and rows of a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imbik.core.runfolder import RunFolder
from imbik.search.findings import Findings
from imbik.search.page import headline, ordered, short

SHOWN = 10


def head(made: Findings) -> list[str]:
    """The table's head."""
    return ["trial", *(goal.name for goal in made.goals), "on test", *made.keys]


def rows(made: Findings) -> list[Sequence[str]]:
    """The best trials, each with its figures and values."""
    found: list[Sequence[str]] = []
    for trial in ordered(made)[:SHOWN]:
        figures = [f"{value:.4g}" for value in trial.found] or [trial.state, *[""] * (len(made.goals) - 1)]
        test = next(iter(trial.test.values()), None)
        tested = f"{test.value:.4g} ({test.low:.3g}–{test.high:.3g})" if test else ""
        mark = "*" if trial.number in made.front else ""
        values = [short(trial.values[key]) if key in trial.values else "" for key in made.keys]
        found.append([f"{trial.number:04d}{mark}", *figures, tested, *values])
    return found


def lines(made: Findings, run: RunFolder, *, dry_run: bool) -> Iterator[str]:
    """What was found, or would be searched."""
    if dry_run:
        yield f"{run.name}: {made.wanted} trials over {len(made.keys)} keys"
        yield from (f"  {key}: {told}" for key, told in made.keys.items())
        yield f"  wanted: {', '.join(f'{goal.name} ({goal.direction})' for goal in made.goals)}"
    yield from (f"! {note}" for note in made.notes)
    if made.trials:
        yield f"{headline(made)} (on validation rows; * no other trial beats it in everything)"
