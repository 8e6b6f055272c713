"""Checks: what makes an answer true enough to learn from. A file here is a check with one of five scopes.

Enters: samples. Leaves: verdicts with a reason a person understands. `row` checks look at one sample, `group` checks at
all samples of one task, `all` checks at the whole set through mergeable sketches, so that results depend on the rows
and never on block size or order. `edit` checks mend a sample and count what they changed. `asked` checks put questions
to teachers of the recipe (a judge); the stage asks for them, so that budget, gate and store are those of every
question. A check rejects or passes on: none turns another's rejection into a keep.

Beside its scope a check may say:
- `files(base)`: the files that its settings name. Preflight looks for them, and the stage's hash holds their content.
- `shaped_by(base)`: what else shapes its verdicts and is no setting (versions of detectors): part of the stage's hash.
- `verify(base)`: raises what is wrong with its settings and files, before a run.
- `outside(identities, base, runs)`: files that no stage wrote and that decide something (a judge's calibration).
- `notes(context)`: what a person should know of it, said once a run (an `asked` check).
- `repairable = False`: its rejections are not put to the teacher again (`repair:` in the recipe). Without it those of
  `row`, `group` and `asked` checks are, and those of `all` checks never.
- `judged(verdict)`: False for a rejection that says nothing about the answer (no judge could be asked).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from imbik.core.questions import Question
from imbik.core.types import Completion, Sample, Task, Verdict
from imbik.tasks.kinds import Kind

S = TypeVar("S")
W = TypeVar("W")


@dataclass(frozen=True)
class CheckContext:
    """What checks may look at beside the samples: the kind, and the held-out tasks by set name.

    `base` is the recipe's folder, from which files named in settings are found; `run` the run folder; `language` that
    of the recipe's tasks (ISO 639-1; '' where a column says it: then it is the task's own). `identities` are those of
    the teachers that an `asked` check names, by name; others see none.
    """

    kind: Kind
    held_out: Mapping[str, Sequence[Task]] = field(default_factory=dict)
    base: Path = field(default_factory=Path)
    run: Path = field(default_factory=Path)
    language: str = ""
    identities: Mapping[str, str] = field(default_factory=dict)


class RowCheck(Protocol):
    """`scope = "row"`: one sample at a time.

    A check may also have `judge_many(samples, context) -> Sequence[Verdict]`, one for each: it is called instead, with
    the samples of a block. Where it raises, each sample is judged alone, so that only the bad ones are rejected.
    """

    scope: str

    def judge(self, sample: Sample, context: CheckContext) -> Verdict: ...


class GroupCheck(Protocol):
    """`scope = "group"`: all samples of one task."""

    scope: str

    def judge(self, samples: Sequence[Sample], context: CheckContext) -> Sequence[Verdict]: ...


class SetCheck(Protocol[S, W]):
    """`scope = "all"`: sketch blocks, merge sketches, decide once; verdicts by sample id, kept ones may be left out.

    `merge` is given the sketches one by one, as blocks are judged, so that a check may put them by (`refine.shelves`)
    and memory need not hold them all.
    """

    scope: str

    def sketch(self, samples: Sequence[Sample], context: CheckContext) -> S: ...
    def merge(self, sketches: Iterable[S]) -> W: ...
    def decide(self, sketch: W, context: CheckContext) -> dict[str, Verdict]: ...


class EditCheck(Protocol):
    """`scope = "edit"`: the sample, mended, and how often what was changed, by name; the id stays as it was."""

    scope: str

    def edit(self, sample: Sample, context: CheckContext) -> tuple[Sample, Mapping[str, int]]: ...


class AskedCheck(Protocol):
    """`scope = "asked"`: questions to each of `teachers` (names under `teachers:`) about one sample, then a verdict.

    `completions` holds by teacher one completion for each question, in order, whatever their outcome; none is
    `pending`: such a sample waits, and the same command goes on with it. Called in the main process, in row order.
    `load(prompt, answer)`, where a check has it, says for rows of such mean lengths in tokens how many questions it
    puts to each teacher about a sample, and how many tokens one of them reads and writes: (count, read, written).
    """

    scope: str

    @property
    def teachers(self) -> Sequence[str]: ...
    def questions(self, sample: Sample, context: CheckContext) -> Sequence[Question]: ...
    def decide(
        self, sample: Sample, completions: Mapping[str, Sequence[Completion]], context: CheckContext
    ) -> Verdict: ...


@runtime_checkable
class NamesFiles(Protocol):
    """A check whose settings name files."""

    def files(self, base: Path) -> Sequence[Path]:
        """Them, found from the recipe's folder."""
        ...


@runtime_checkable
class ShapedByOthers(Protocol):
    """A check whose verdicts depend on something that is neither setting nor file, such as the operator's detectors."""

    def shaped_by(self, base: Path) -> object:
        """Plain data that changes when its verdicts may; `base` is the recipe's folder."""
        ...


@runtime_checkable
class ReadsBeside(Protocol):
    """A check that reads what lies beside the runs, such as a judge's calibration."""

    def outside(self, identities: Mapping[str, str], base: Path, runs: Path) -> Sequence[Path]:
        """The files, there or not: their content is part of the stage's hash. `runs` is the folder of all runs."""
        ...
