"""Where the experts' review of a run stands, and closing it: what `imbik review` says.

Enters: a run folder. Leaves: sentences. Verdicts themselves are the review stage's business.
"""

from __future__ import annotations

from pathlib import Path

from imbik.advise.runs import recipe_of
from imbik.advise.summary import counted
from imbik.core.errors import UsageError
from imbik.core.runfolder import RunFolder
from imbik.recipe.sections import Review
from imbik.review.importing import import_verdicts
from imbik.review.rules import Rules
from imbik.review.shown import shown_path
from imbik.review.standing import standing as where_it_stands
from imbik.review.standing import told_waiting, waiting
from imbik.review.store import close, verdicts_of


def standing(run: RunFolder) -> str:
    """Rows shown, verdicts missing, and what came after the last snapshot."""
    rules = Rules.of(_review(run))
    found = where_it_stands(run, rules)
    if not found.shown:
        return f"{run.name}: no rows are shown to experts yet; imbik run chooses them when stage refine is done"
    given = found.wanted - found.missing
    shown = f"{counted(found.shown, 'row')} shown ({shown_path(run)})"
    words = f"{run.name}: {shown}, {given:,} of {found.wanted:,} verdicts there"
    if found.newer:
        words += f"; {found.newer:,} are newer than the run has used: imbik run RECIPE --with-reviews includes them"
    if found.split:
        words += f"\nexperts are split over {counted(found.split, 'row')}"
    if found.missing:
        words += "".join(f"\n  {line}" for line in told_waiting(waiting(run, rules)))
    return words


def agreement(run: RunFolder) -> list[str]:
    """How far the experts agree, in sentences."""
    from imbik.review.agreed import agreed, told_agreed

    return list(told_agreed(agreed(verdicts_of(run))))


def add(run: RunFolder, file: Path) -> str:
    """Verdicts from a file of JSON lines; lines that do not belong are named."""
    _review(run)
    done = import_verdicts(run, file)
    return "\n".join([f"{done.added:,} verdicts added from {file}", *(f"! {line}" for line in done.refused)])


def close_review(run: RunFolder) -> str:
    """Take the verdicts as they are now."""
    _review(run)
    number = close(run)
    return f"snapshot {number} holds the verdicts there are; the same imbik run command now goes on with it"


def _review(run: RunFolder) -> Review:
    review = recipe_of(run).review
    if review is None:
        raise UsageError(
            "this recipe asks no experts", where=str(run.path), next="add to it: review: {sample: 0.05, experts: 1}"
        )
    return review
