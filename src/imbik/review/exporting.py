"""Rows and verdicts for other tools, or for another run: JSON lines, Label Studio, Argilla.

Enters: a run, the form, a file that is not there yet, the door that rows pass. Leaves: the file (mode 0600) with the
rows that experts are shown and others that they judged, and what stands in it: rows, verdicts, verdicts on rows that
are no longer here (JSON lines alone have them), how private the rows are at most, and rows that its readers may not
see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from imbik.core.errors import BlockedError, UsageError
from imbik.core.files import atomic_writer, write_text
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sample, Sensitivity
from imbik.privacy.sensitivity import inherited
from imbik.recipe.sections import Review
from imbik.review.content import content_key
from imbik.review.forms import Row, argilla, label_studio, lines
from imbik.review.levels import Levels
from imbik.review.shown import Kept, read_shown
from imbik.review.store import ExpertVerdict, verdicts_of

Form = Literal["jsonl", "label-studio", "argilla"]
FORMS: tuple[str, ...] = get_args(Form)


class Passed(Protocol):
    """The door for a file: every row passes it; before the file is there it decides."""

    def row(self, sample: Sample, given: Sequence[ExpertVerdict]) -> None: ...
    def gone(self, given: Sequence[ExpertVerdict]) -> None: ...
    def decide(self) -> None: ...


@dataclass
class Exported:
    """What stands in a file, and what was left out of it."""

    level: Sensitivity = Sensitivity.SPECIAL
    readers: Sequence[str] = ()
    rows: int = 0
    verdicts: int = 0
    elsewhere: int = 0
    withheld: int = 0
    withheld_verdicts: int = 0
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    beside: Path | None = None

    def may_see(self, level: Sensitivity, verdicts: int) -> bool:
        """Whether a row of this level goes into the file; one that does not is counted."""
        if level.rank <= self.level.rank:
            return True
        self.withheld += 1
        self.withheld_verdicts += verdicts
        return False

    def add(self, level: Sensitivity, verdicts: int, rows: int = 1) -> None:
        """A row of this level, or verdicts on one that is gone (0), are in the file."""
        self.rows += rows
        self.verdicts += verdicts
        self.sensitivity = inherited(self.sensitivity, level)

    @property
    def why_withheld(self) -> str:
        """Who may not see them, and what opens the way."""
        return (
            f"{', '.join(self.readers)} may see {self.level.value} rows at most "
            f"(reviewers: {{{self.readers[0]}: …}} in the operator's file; --expert NAME for a person there)"
        )


def export_verdicts(
    run: RunFolder,
    review: Review,
    path: Path,
    form: str,
    door: Passed,
    *,
    without_verdicts: bool = False,
    readers: Sequence[str] = (),
) -> Exported:
    """Write a file of rows with their verdicts; `jsonl` is verdicts alone, all of them where no readers are named.

    Raises: UsageError for a form that there is not, or a file that is there already; BlockedError where its readers may
    see no row, or the door says no.
    """
    beside = _beside(path, form)
    verdicts, done = verdicts_of(run), _readers(run, form, readers)
    done.beside = beside
    with atomic_writer(path) as stream:
        if form == "jsonl":
            stream.writelines(lines.write(_verdicts(run, verdicts, done, door)))
        else:
            rows = _rows(run, {} if without_verdicts else verdicts, review.blind, done, door)
            written = label_studio.write if form == "label-studio" else argilla.write
            stream.writelines(written(rows, review.rubric))
            said = sum(map(len, verdicts.values())) - done.verdicts - done.withheld_verdicts
            done.elsewhere = 0 if without_verdicts else said
        if done.withheld and not done.rows + done.verdicts:
            raise BlockedError(f"no row may stand in this file: {done.why_withheld}", where=str(path))
        door.decide()
    if beside is not None:
        write_text(beside, label_studio.interface(review.rubric))
    return done


def level_of(sample: Sample) -> Sensitivity:
    """How private a row is: the answer, and what it was asked with."""
    return inherited(sample.sensitivity, sample.task.sensitivity)


def _beside(path: Path, form: str) -> Path | None:
    """The file that lies beside it, if any.

    Raises: UsageError for a form that there is not, and where nothing can be written.
    """
    if form not in FORMS:
        raise UsageError(f"there is no form '{form}'", next=f"one of {', '.join(FORMS)}")
    beside = path.with_suffix(".xml") if form == "label-studio" else None
    for name in (path, beside):
        if name is not None and name.exists():
            raise UsageError("this file is there already", where=str(name), next="give another name, or move it away")
    if not path.parent.is_dir():
        raise UsageError("there is no such folder", where=str(path.parent))
    return beside


def _readers(run: RunFolder, form: str, named: Sequence[str]) -> Exported:
    """Who reads the file, and what all of them may see. JSON lines without names are the run's own copy."""
    if form == "jsonl" and not named:
        return Exported()
    names, levels = tuple(named) or (form,), Levels(run.path)
    return Exported(level=min((levels(name) for name in names), key=lambda level: level.rank), readers=names)


def _rows(
    run: RunFolder, verdicts: Mapping[str, Sequence[ExpertVerdict]], blind: bool, done: Exported, door: Passed
) -> Iterator[Row]:
    """Rows that are shown or were judged, each content once, in the order of the run."""
    shown, seen = {row.content for row in read_shown(run)}, set[str]()
    for sample in Kept(run):
        content = content_key(sample)
        if content in seen or not (content in shown or content in verdicts):
            continue
        seen.add(content)
        given = tuple(verdicts.get(content, ()))
        if not done.may_see(level := level_of(sample), len(given)):
            continue
        done.add(level, len(given))
        door.row(sample, given)
        yield Row(content=content, sample=sample, verdicts=given, blind=blind)


def _verdicts(
    run: RunFolder, verdicts: Mapping[str, Sequence[ExpertVerdict]], done: Exported, door: Passed
) -> Iterator[ExpertVerdict]:
    """All that stand, also of rows that are no longer here; edits and reasons are as private as their rows."""
    here = {content: sample for sample in Kept(run) if (content := content_key(sample)) in verdicts}
    for content, given in verdicts.items():
        level = level_of(here[content]) if content in here else Sensitivity.SPECIAL  # nothing says any more how private
        if not done.may_see(level, len(given)):
            continue
        done.add(level, len(given), rows=content in here)
        door.row(here[content], given) if content in here else door.gone(given)
        yield from given
