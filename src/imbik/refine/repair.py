"""Repair: a rejected answer is put to its teacher again, with its own words and the reason why it was rejected.

Enters: all answers of the run in task order, the files of what was just rejected, the asker. Leaves: new samples in
`repairs-*.jsonl`, in task order, each naming the sample that it `repairs`; whatever their outcome, as they came. They
pass every check again; the rejected ones stay rejected, with their reasons. A reason may name the known answer (as in
STaR, Zelikman et al. 2022): the new reasoning is then a rationalisation, and checks on reasoning have the last word.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import msgspec

from imbik.core.files import read_lines, write_lines
from imbik.core.questions import Question
from imbik.core.types import Completion, Message, Sample, Sensitivity, Verdict
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe
from imbik.refine.named import NamedCheck
from imbik.stage import Asker
from imbik.tasks.asking import read_completion, worded
from imbik.tasks.kinds import Kind
from imbik.tasks.questions import question_of

_NEVER_ASKED = ("recorded",)
_AGAIN = {
    "tr": (
        "Bu yanıtın kabul edilmedi. Neden: {reason}\n\nSoruyu baştan düşün, hatayı düzelt ve ilk istenen biçimde "
        "yeniden yanıtla. Bu uyarıdan ya da önceki yanıttan söz etme."
    ),
    "en": (
        "This answer was not accepted. Why: {reason}\n\nThink about the question from the beginning, mend the mistake "
        "and answer again in the form that was asked for first. Do not mention this note or the earlier answer."
    ),
}


class InOrder:
    """Samples of a stream in task order, given out task by task."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._samples = iter(samples)
        self._next = next(self._samples, None)

    def of(self, task: str) -> list[Sample]:
        """The samples of this task, when they come next."""
        found = []
        while self._next is not None and self._next.task.id == task:
            found.append(self._next)
            self._next = next(self._samples, None)
        return found


def by_task(samples: Iterable[Sample], files: Sequence[Path]) -> Iterator[tuple[list[Sample], list[list[Sample]]]]:
    """The samples of each task, and those of the same task in each of the files, which are in the same order."""
    streams = [InOrder(read_lines(path, Sample)) for path in files]
    for name, group in groupby(samples, key=lambda sample: sample.task.id):
        yield list(group), [stream.of(name) for stream in streams]


@dataclass(frozen=True)
class Repair:
    """One round. `samples()` gives all answers so far in task order; `rejected` are the files of what was just turned
    away; `span` is more than any first sample's number: new ones are numbered `round x span` and on."""

    recipe: Recipe
    kind: Kind
    asker: Asker
    checks: Mapping[str, NamedCheck]
    samples: Callable[[], Iterator[Sample]]
    rejected: Sequence[Path]
    span: int
    round: int

    def write(self, folder: Path) -> list[Path]:
        """Ask, teacher by teacher; the files written, one for each teacher that had something to mend."""
        written = []
        for number, teacher in enumerate(self._teachers()):
            path = folder / f"repairs-{self.round:02d}-{number:02d}.jsonl"
            if write_lines(path, self._asked(teacher)):
                written.append(path)
            else:
                path.unlink()
        return written

    def _teachers(self) -> list[str]:
        """Teachers that answered and can be asked again."""
        names = self.recipe.answering_teachers()
        return [name for name in names if self.recipe.teachers[name].use not in _NEVER_ASKED]

    def _wanted(self, teacher: str) -> Iterator[tuple[Sample, Sensitivity]]:
        """Rejected samples of a teacher that it may mend, with the level of all that their reason may tell."""
        for group, found in by_task(self.samples(), self.rejected):
            for sample in (item for items in found for item in items):
                verdict = sample.verdicts[-1]
                named = self.checks.get(verdict.by)
                if sample.teacher == teacher and named is not None and named.can_be_mended(verdict):
                    told = [item.sensitivity for item in group] if named.scope == "group" else []
                    yield sample, inherited(sample.task.sensitivity, sample.sensitivity, *told)

    def _asked(self, teacher: str) -> Iterator[Sample]:
        waiting: deque[tuple[Sample, Sensitivity]] = deque()

        def questions() -> Iterator[Question]:
            for sample, level in self._wanted(teacher):
                waiting.append((sample, level))
                yield self._question(sample, level)

        own = self.asker.sensitivity(teacher)
        for completion in self.asker.ask(teacher, questions(), purpose="generation", leave_pending=True):
            sample, level = waiting.popleft()
            yield self._made(sample, completion, inherited(level, own))

    def _question(self, sample: Sample, level: Sensitivity) -> Question:
        """The first question, the answer to it, and why that was not good enough; drawn as the first was."""
        asked = question_of(self.recipe, self.kind, sample.teacher, sample.task, sample.number % self.span)
        again = worded(_AGAIN, sample.task.language).format(reason=told(sample.verdicts[-1]))
        turns = (
            Message(role="assistant", content=sample.completion.answer.strip() or sample.answer or "-"),
            Message(role="user", content=again),
        )
        return msgspec.structs.replace(asked, messages=(*asked.messages, *turns), sensitivity=level, task=sample.task)

    def _made(self, sample: Sample, completion: Completion, level: Sensitivity) -> Sample:
        read, reasoning, answer = read_completion(self.kind, completion, sample.task)
        return Sample(
            task=sample.task, teacher=sample.teacher, number=self.round * self.span + sample.number % self.span,
            completion=read, reasoning=reasoning, answer=answer, sensitivity=level, repairs=sample.id,
        )  # fmt: skip


def told(verdict: Verdict) -> str:
    """A verdict's reason, as it is put to the teacher."""
    return verdict.reason or f"it did not pass the check {verdict.by}"
