"""Asking in rounds: `min` samples of every task, then one more at a time where the answers do not agree.

Enters: a source of tasks that can be read again, and the asker. Leaves: samples in task order. Memory holds what is in
flight and the answers of undecided tasks, never all rows: rounds lie in hidden files of the stage's folder until they
are merged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from imbik.core.files import digest, read_lines, write_lines
from imbik.core.money import ANSWERS
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Sample, Sensitivity, Task
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe
from imbik.stage import Asker, Paying
from imbik.tasks.asking import read_completion
from imbik.tasks.kinds import Kind
from imbik.tasks.majority import settled
from imbik.tasks.meaning import normal_forms
from imbik.tasks.questions import question_of, voices_of

NOBODY = "none"
_REMEMBERED = 2000  # characters


class Pair(NamedTuple):
    """One question to come: a task and the number of its sample."""

    task: Task
    number: int


def needed_share(recipe: Recipe) -> float:
    """The share a majority needs before asking stops: what the recipe's agreement check will want, else one half."""
    for block in recipe.refine:
        if block.use == "agreement":
            return float(block.raw.get("at_least", 0.5))
    return 0.5


class Rounds:
    """All asking of one stage. `tasks()` gives the tasks anew each time, in the same order."""

    def __init__(
        self, recipe: Recipe, kind: Kind, asker: Asker, folder: Path, tasks: Callable[[], Iterator[Task]]
    ) -> None:
        self.recipe, self.kind, self.asker, self.folder, self.tasks = recipe, kind, asker, folder, tasks
        self.teachers = [*recipe.answering_teachers(), ""]
        self.voices = {name: voices_of(recipe, name) for name in self.teachers}
        self._levels: dict[str, Sensitivity] = {}
        self._files: list[Path] = []
        self._pending = set[str]()  # tasks with an answer still to come: what it will say decides nothing now
        self.routed: list[str] = []

    def samples(self) -> Iterator[Sample]:
        """Every sample, in task order and by number within a task."""
        wanted = self.recipe.generate.samples
        teachers = self.routed = self._routed()
        several = wanted.max > wanted.min and any(self.voices[name] is None for name in teachers)
        if len(teachers) == 1 and not several:
            yield from self._ask(teachers[0], self._pairs(teachers[0]))
            return
        undecided: dict[str, list[str]] = {}
        for name in teachers:
            self._write(self._watched(self._ask(name, self._pairs(name)), undecided, name))
        for number in range(wanted.min, wanted.max if several else 0):
            for name in teachers:
                self._write(self._watched(self._ask(name, self._more(name, number, undecided)), undecided, name))
        yield from self._merged()

    def _routed(self) -> list[str]:
        """The teachers that any task goes to, in the recipe's order; "" where a task has none."""
        if not isinstance(self.recipe.generate.teacher, dict):
            return self.recipe.answering_teachers()
        levels = {task.sensitivity for task in self.tasks()}
        routed = {name for level in levels for name in self.recipe.teachers_for(level)}
        return [name for name in self.teachers if name in routed]

    def _pairs(self, teacher: str) -> Iterator[Pair]:
        """The first round: `min` samples of each of this teacher's tasks, or every recorded answer."""
        voices = self.voices[teacher]
        for task in self.tasks():
            if teacher in self.recipe.teachers_for(task.sensitivity):
                count = self.recipe.generate.samples.min if teacher else 1
                for number in voices.numbers(task) if voices else range(count):
                    yield Pair(task, number)

    def _more(self, teacher: str, number: int, undecided: dict[str, list[str]]) -> Iterator[Pair]:
        """One more sample of the tasks that are still undecided when their turn comes."""
        if self.voices[teacher] is not None:
            return
        for task in self.tasks():
            if task.id in undecided and teacher in self.recipe.teachers_for(task.sensitivity):
                yield Pair(task, number)

    def _watched(self, samples: Iterable[Sample], undecided: dict[str, list[str]], teacher: str) -> Iterator[Sample]:
        """Pass samples on and keep note of the tasks that need more of them."""
        if not teacher or self.voices[teacher] is not None:
            yield from samples
            return
        wanted, share = self.recipe.generate.samples, needed_share(self.recipe)
        for name, group in groupby(samples, key=lambda sample: sample.task.id):
            answers, pending = undecided.pop(name, []), name in self._pending
            for sample in group:
                pending |= sample.completion.outcome is Outcome.PENDING
                if sample.completion.outcome is not Outcome.BLOCKED:  # who may not see a row disagrees with nobody
                    answered = sample.completion.outcome is Outcome.ANSWERED
                    answers.append(_remembered(sample.answer) if answered else "")
                task = sample.task
                yield sample
            if pending:
                self._pending.add(name)
                continue
            waits = teacher != self._asked(task)[-1]  # the others are asked in this round too, then all are compared
            if waits or not (wanted.until and self._settled(answers, task, share)):
                undecided[name] = answers

    def _settled(self, answers: Sequence[str], task: Task, share: float) -> bool:
        """Whether more answers to a task would change nothing; where they cannot be compared, they are asked for."""
        wanted = self.recipe.generate.samples
        try:
            forms = normal_forms(answers, self.kind, task)
        except Exception:  # as in `_sample`: a reader that fails loses nothing that was paid for
            return False
        most = wanted.max * len(self._asked(task))
        return settled(forms, share=share, lead=wanted.lead, most=most)

    def _asked(self, task: Task) -> list[str]:
        """The teachers of a task that can be asked again: all but the recorded."""
        return [name for name in self.recipe.teachers_for(task.sensitivity) if name and self.voices[name] is None]

    def _ask(self, teacher: str, pairs: Iterator[Pair]) -> Iterator[Sample]:
        """Samples for pairs, in order; pairs are drawn as fast as the asker wants them."""
        if not teacher:
            yield from (self._sample(NOBODY, pair, _nobody(pair.task)) for pair in pairs)
            return
        waiting: deque[Pair] = deque()
        began = False

        def questions() -> Iterator[Question]:
            for pair in pairs:
                question = question_of(self.recipe, self.kind, teacher, pair.task, pair.number)
                waiting.append(pair)
                yield question

        for completion in self.asker.ask(teacher, questions(), purpose="generation", leave_pending=True):
            stopped = self.asker.stopped() if completion.outcome is Outcome.PENDING and not began else None
            if stopped is not None and len(self.routed) == 1 and not self._any_bought():
                raise stopped  # nothing was answered, and there is nobody else to ask
            began = True
            yield self._sample(teacher, waiting.popleft(), completion)

    def _any_bought(self) -> bool:
        """Whether this run has answers of later rows, now or from before: then they are told apart from the pending."""
        lines = self.asker.spending() if isinstance(self.asker, Paying) else ()
        return any(line.answers for line in lines if line.purpose in ANSWERS)

    def _sample(self, teacher: str, pair: Pair, completion: Completion) -> Sample:
        completion, reasoning, answer = read_completion(self.kind, completion, pair.task)
        return Sample(
            task=pair.task, teacher=teacher, number=pair.number, completion=completion, reasoning=reasoning,
            answer=answer, sensitivity=inherited(pair.task.sensitivity, self._level(teacher)),
        )  # fmt: skip

    def _level(self, teacher: str) -> Sensitivity:
        if teacher not in self._levels:
            self._levels[teacher] = Sensitivity.PUBLIC if teacher == NOBODY else self.asker.sensitivity(teacher)
        return self._levels[teacher]

    def _write(self, samples: Iterator[Sample]) -> None:
        path = self.folder / f".round-{len(self._files):03d}.jsonl"
        write_lines(path, samples)
        self._files.append(path)

    def _merged(self) -> Iterator[Sample]:
        """All rounds together: each file is in task order already, so one task at a time is enough."""
        streams = [_Stream(read_lines(path, Sample)) for path in self._files]
        for task in self.tasks():
            found = [sample for stream in streams for sample in stream.of(task.id)]
            order = {name: at for at, name in enumerate(self.teachers)}
            yield from sorted(found, key=lambda sample: (sample.number, order.get(sample.teacher, 0)))
        for path in self._files:
            path.unlink()


class _Stream:
    """Samples of one file, given out task by task."""

    def __init__(self, samples: Iterator[Sample]) -> None:
        self._samples = samples
        self._next = next(samples, None)

    def of(self, task: str) -> Iterator[Sample]:
        """The samples of this task, when they come next."""
        while self._next is not None and self._next.task.id == task:
            yield self._next
            self._next = next(self._samples, None)


def _remembered(answer: str) -> str:
    """What is kept of an answer while its task is undecided: all of a short one, of a long one what tells it apart."""
    return answer if len(answer) <= _REMEMBERED else f"{_REMEMBERED}+ {digest(' '.join(answer.split()))}"


def _nobody(task: Task) -> Completion:
    reason = f"no teacher is named for {task.sensitivity.value} rows (generate.teacher has no 'otherwise')"
    return Completion(outcome=Outcome.BLOCKED, reason=reason)


def reference_samples(tasks: Iterable[Task]) -> Iterator[Sample]:
    """The rows' own answers as samples of a teacher called `reference` (plain fine-tuning)."""
    for task in tasks:
        known = task.reference
        if known is None or not known.text.strip():
            reason = "the row has no answer of its own"
            completion, reasoning, answer = Completion(outcome=Outcome.FAILED, reason=reason), "", ""
        else:
            completion, reasoning, answer = Completion(answer=known.text), known.reasoning, known.text
        yield Sample(
            task=task, teacher="reference", number=0, completion=completion, reasoning=reasoning, answer=answer,
            sensitivity=task.sensitivity,
        )  # fmt: skip


def known_answers(recipe: Recipe) -> Sequence[str]:
    """Names of teachers that are recorded."""
    return [name for name in recipe.answering_teachers() if voices_of(recipe, name) is not None]
