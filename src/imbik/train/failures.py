"""What a person is told when training cannot go on.

Enters: what was seen, at which step, on which rows. Leaves: a TrainingError that names what is kept and what to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imbik.core.errors import TrainingError
from imbik.core.runfolder import run_around
from imbik.train.rows import Row

NAMED_ROWS = 5


def diverged(what: str, step: int, rows: Sequence[Row], checkpoints: Path, learning_rate: float) -> TrainingError:
    """Training must not go on; what was good stays on disk."""
    kept = max((int(path.name[5:]) for path in checkpoints.glob("step-*")), default=0)
    named = ", ".join(row.id for row in rows[:NAMED_ROWS])
    more = f" and {len(rows) - NAMED_ROWS} more" if len(rows) > NAMED_ROWS else ""
    at = f" on rows {named}{more}" if rows else ""
    good = f"the weights of step {kept} are kept" if kept else "no checkpoint had been written yet"
    run = run_around(checkpoints)
    look = f", or look at those rows: imbik show {run.typed} refine" if run else ""
    return TrainingError(
        f"training diverged at step {step}{at}: {what}; {good}",
        where=str(checkpoints.parent),
        next=f"--set train.learning_rate={learning_rate / 3:.1g}{look}",
    )


def too_large(checkpoints: Path) -> TrainingError:
    """Not even one row fits."""
    return TrainingError(
        "the student does not fit in memory, even with one row at a time",
        where=str(checkpoints.parent),
        next="--set train.method=lora, --set train.gradient_checkpointing=true, or a smaller train.max_length",
    )
