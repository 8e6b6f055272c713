"""Where the experts' review of a run stands, and closing it: what `imbik review` says.

Enters: a run folder. Leaves: sentences. Verdicts themselves are the review stage's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imbik.advise.runs import recipe_of
from imbik.advise.summary import counted
from imbik.core.errors import UsageError
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity
from imbik.recipe.sections import Review
from imbik.review.content import content_key
from imbik.review.importing import import_verdicts
from imbik.review.rules import Rules
from imbik.review.shown import Kept, shown_path
from imbik.review.standing import standing as where_it_stands
from imbik.review.standing import told_waiting, waiting
from imbik.review.store import close, verdicts_of
from imbik.review.unused import Unused


def standing(run: RunFolder) -> str:
    """Rows shown, verdicts missing, and what came after the last snapshot."""
    rules = Rules.of(_review(run))
    found = where_it_stands(run, rules)
    if not found.shown:
        return f"{run.name}: no rows are shown to experts yet; imbik run chooses them when stage refine is done"
    given = found.wanted - found.missing
    shown = f"{counted(found.shown, 'row')} shown ({shown_path(run)})"
    words = f"{run.name}: {shown}, {given:,} of {found.wanted:,} verdicts there"
    if found.newer and found.snapshot:
        words += (
            f"; {found.newer:,} are newer than the run has used: imbik run {run.typed} --with-reviews includes them"
        )
    if found.split:
        words += f"\nexperts are split over {counted(found.split, 'row')}"
    if found.missing:
        words += "".join(f"\n  {line}" for line in told_waiting(waiting(run, rules)))
    return f"{words}\n! {told}" if (told := unused(run)) else words


def unused(run: RunFolder) -> str:
    """Which verdicts do not count any more, or nothing."""
    found = Unused(verdicts_of(run))
    for sample in Kept(run):
        found.see(sample, content_key(sample))
    return found.told()


def about_review(run: RunFolder) -> list[str]:
    """Where the review stands, how far experts agree, and which systems people prefer."""
    from imbik.advise.comparing import told_comparisons

    compared = told_comparisons(run)
    if compared and recipe_of(run).review is None:
        return compared
    return [standing(run), *agreement(run), *compared]


def agreement(run: RunFolder) -> list[str]:
    """How far the experts agree, in sentences."""
    from imbik.review.agreed import agreed, told_agreed

    return list(told_agreed(agreed(verdicts_of(run))))


def add(run: RunFolder, file: Path, people: Sequence[str] = (), *, known_only: bool = False) -> str:
    """Verdicts from a file, of us or of another tool; what was left out is named. `people`: `ID=NAME`.

    Raises: InputError for a file that is none or holds rows of another run, UsageError for people not written so.
    """
    rubric, names = _review(run).rubric, dict[str, str]()
    for entry in people:
        known, _, name = entry.partition("=")
        if not known.strip() or not name.strip():
            raise UsageError(f"'{entry}' names nobody", next="--person ID=NAME: his name there, his name here")
        names[known.strip()] = name.strip()
    done = import_verdicts(run, file, rubric, names, known_only=known_only)
    there = f", {done.already:,} were there already" if done.already else ""
    return "\n".join(
        [f"{counted(done.added, 'verdict')} added from {file}{there}", *(f"! {line}" for line in done.refused)]
    )


def hand_out(
    run: RunFolder, file: Path, form: str, *, without_verdicts: bool = False, readers: Sequence[str] = ()
) -> str:
    """Rows and verdicts into a file for another tool or another run.

    What a tool is given is what its users may see: rows up to what the operator's file allows all of `readers`, or the
    tool itself by its name (`reviewers: {argilla: confidential}`); without a word of the operator's, public rows.

    Raises: UsageError for a form that there is not, or a file that is there already; BlockedError where no row may be
    seen, and for a folder on a server that is not open to all rows in the file.
    """
    from imbik.advise.leaving import FileDoor
    from imbik.review.exporting import FORMS, export_verdicts

    form = form or ("jsonl" if file.suffix == ".jsonl" else "")
    if not form:
        raise UsageError("for which tool is the file?", next=f"--as {' | '.join(FORMS)}")
    with FileDoor(run, recipe_of(run), file) as door:
        done = export_verdicts(run, _review(run), file, form, door, without_verdicts=without_verdicts, readers=readers)
    words = f"{counted(done.verdicts, 'verdict')} on {counted(done.rows, 'row')} written to {file}"
    if done.beside:
        words += f"\nthe labelling interface to import it with: {done.beside}"
    if done.withheld:
        words += f"\n! {counted(done.withheld, 'row')} left out: {done.why_withheld}"
    if done.elsewhere:
        words += f"\n! {counted(done.elsewhere, 'verdict')} on rows that are gone left out; --as jsonl has them"
    if done.sensitivity is not Sensitivity.PUBLIC:
        words += f"\n! rows up to {done.sensitivity.value} stand in it: whoever opens the file sees them"
    return words


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
