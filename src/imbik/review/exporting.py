"""Rows and verdicts for other tools, or for another run: JSON lines, Label Studio, Argilla.

Enters: a run, the form, a file that is not there yet. Leaves: the file (mode 0600) with the rows that experts are shown
and others that they judged, and what stands in it: rows, verdicts, verdicts on rows that are no longer here (JSON lines
alone have them), and how private the rows are at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from imbik.core.errors import UsageError
from imbik.core.files import atomic_writer, write_text
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sample, Sensitivity
from imbik.privacy.sensitivity import inherited
from imbik.recipe.sections import Review
from imbik.review.content import content_key
from imbik.review.forms import Row, argilla, label_studio, lines
from imbik.review.shown import Kept, read_shown
from imbik.review.store import ExpertVerdict, verdicts_of

Form = Literal["jsonl", "label-studio", "argilla"]
FORMS: tuple[str, ...] = get_args(Form)


@dataclass
class Exported:
    """What stands in a file."""

    rows: int = 0
    verdicts: int = 0
    elsewhere: int = 0
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    beside: Path | None = None


def export_verdicts(
    run: RunFolder, review: Review, path: Path, form: str, *, without_verdicts: bool = False
) -> Exported:
    """Write a file of rows with their verdicts; `jsonl` is verdicts alone.

    Raises: UsageError for a form that there is not, or a file that is there already.
    """
    if form not in FORMS:
        raise UsageError(f"there is no form '{form}'", next=f"one of {', '.join(FORMS)}")
    beside = path.with_suffix(".xml") if form == "label-studio" else None
    for name in (path, beside):
        if name is not None and name.exists():
            raise UsageError("this file is there already", where=str(name), next="give another name, or move it away")
    if not path.parent.is_dir():
        raise UsageError("there is no such folder", where=str(path.parent))
    verdicts = verdicts_of(run)
    done = Exported(beside=beside)
    with atomic_writer(path) as stream:
        if form == "jsonl":
            stream.writelines(lines.write(_verdicts(run, verdicts, done)))
        else:
            rows = _rows(run, {} if without_verdicts else verdicts, review.blind, done)
            written = label_studio.write if form == "label-studio" else argilla.write
            stream.writelines(written(rows, review.rubric))
            done.elsewhere = 0 if without_verdicts else sum(map(len, verdicts.values())) - done.verdicts
    if beside is not None:
        write_text(beside, label_studio.interface(review.rubric))
    return done


def _rows(
    run: RunFolder, verdicts: Mapping[str, Sequence[ExpertVerdict]], blind: bool, done: Exported
) -> Iterator[Row]:
    """Rows that are shown or were judged, each content once, in the order of the run."""
    shown, seen = {row.content for row in read_shown(run)}, set[str]()
    for sample in Kept(run):
        content = content_key(sample)
        if content in seen or not (content in shown or content in verdicts):
            continue
        seen.add(content)
        given = tuple(verdicts.get(content, ()))
        _count(done, sample, len(given))
        yield Row(content=content, sample=sample, verdicts=given, blind=blind)


def _verdicts(
    run: RunFolder, verdicts: Mapping[str, Sequence[ExpertVerdict]], done: Exported
) -> Iterator[ExpertVerdict]:
    """All that stand, also of rows that are no longer here; edits and reasons are as private as their rows."""
    here = {content: sample for sample in Kept(run) if (content := content_key(sample)) in verdicts}
    for content, given in verdicts.items():
        if content in here:
            _count(done, here[content], len(given))
        else:
            done.verdicts += len(given)
            done.sensitivity = Sensitivity.SPECIAL  # nothing says any more how private the row was
        yield from given


def _count(done: Exported, sample: Sample, verdicts: int) -> None:
    done.rows += 1
    done.verdicts += verdicts
    done.sensitivity = inherited(done.sensitivity, sample.sensitivity, sample.task.sensitivity)
