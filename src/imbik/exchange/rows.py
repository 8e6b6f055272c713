"""Answered rows as they are handed over: the conversation, the answer with or without its reasoning, and whose it is.

Enters: a run, what is wanted of it. Leaves: rows in the order of the tasks, those of a held-out set with the answer
that was known for them; what is left out is counted by its reason, so that rows in = rows out + left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from imbik.core.errors import UsageError
from imbik.core.misspelt import closest
from imbik.core.runfolder import RunFolder
from imbik.core.types import Message, Record, Sample, Sensitivity, Task
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe
from imbik.tasks.kinds import Kind
from imbik.tasks.read import LEARNED, kind_of, read_samples, read_sets, read_tasks

Reasoning = Literal["inline", "think", "none"]
KNOWN = "reference"
"""Who answered a row of a held-out set: nobody, it is the answer that its source knew."""


class Example(Record, frozen=True, kw_only=True):
    """One answered row. `messages` end with the turn that `text` answers; `text` is what the assistant says,
    `reasoning` and `answer` are its parts. `learned` says whether earlier turns of the assistant are learned as well.
    """

    id: str
    task: str
    set: str
    kind: str
    messages: tuple[Message, ...]
    text: str
    reasoning: str = ""
    answer: str = ""
    teacher: str = ""
    language: str = ""
    category: str = ""
    learned: Literal["all", "last"] = "all"
    sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL

    @property
    def turns(self) -> tuple[Message, ...]:
        """The whole conversation."""
        return (*self.messages, Message(role="assistant", content=self.text))


@dataclass(frozen=True)
class Wanted:
    """What is asked for: how reasoning is written, a system turn for rows that have none, sets (none: all of them)."""

    reasoning: Reasoning = "inline"
    system: str = ""
    sets: tuple[str, ...] = ()


@dataclass
class LeftOut:
    """What is not handed over, counted by its reason."""

    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many."""
        return self.reasons.total()


class Writer:
    """Words of answers, as they are wanted."""

    def __init__(self, run: RunFolder, recipe: Recipe, wanted: Wanted) -> None:
        self.kind: Kind = kind_of(recipe, run)
        self.wanted = wanted
        self.learned: Literal["all", "last"] = "all" if recipe.tasks.turns == "all" else "last"

    def text(self, task: Task, reasoning: str, answer: str) -> str:
        """What the assistant says: reasoning as the student learns it here, in `<think>` tags, or left away."""
        if self.wanted.reasoning == "inline":
            return self.kind.render(reasoning, answer, task)
        bare = self.kind.render("", answer, task)
        if self.wanted.reasoning == "none" or not reasoning.strip():
            return bare
        return f"<think>\n{reasoning}\n</think>\n\n{bare}"

    def messages(self, task: Task) -> tuple[Message, ...]:
        """The turns before the answer."""
        if not self.wanted.system or any(message.role == "system" for message in task.messages):
            return task.messages
        return (Message(role="system", content=self.wanted.system), *task.messages)

    def of_sample(self, sample: Sample, name: str) -> Example:
        """A kept answer."""
        made = self._row(sample.task, sample.id, name, sample.reasoning, sample.answer, sample.teacher)
        return msgspec.structs.replace(made, sensitivity=inherited(sample.sensitivity, sample.task.sensitivity))

    def of_reference(self, task: Task, name: str) -> Example | None:
        """A held-out task with its known answer, None where none is known."""
        known = task.reference
        if known is None or not known.text.strip():
            return None
        return self._row(task, f"{task.id}#{KNOWN}", name, known.reasoning, known.text, KNOWN)

    def _row(self, task: Task, row: str, name: str, reasoning: str, answer: str, teacher: str) -> Example:
        return Example(
            id=row, task=task.id, set=name, kind=task.kind, messages=self.messages(task),
            text=self.text(task, reasoning, answer), reasoning=reasoning if self.wanted.reasoning != "none" else "",
            answer=answer, teacher=teacher, language=task.language, category=task.category, learned=self.learned,
            sensitivity=task.sensitivity,
        )  # fmt: skip


def examples(run: RunFolder, recipe: Recipe, wanted: Wanted, left: LeftOut) -> Iterator[Example]:
    """All rows that a run kept, by task, then held-out ones.

    Raises: RunFolderError where the run is not that far, UsageError for a set that there is not.
    """
    refuse_sets(wanted, set(read_sets(run).values()))
    writer = Writer(run, recipe, wanted)
    for sample, name in read_samples(run, recipe):
        if wanted.sets and name not in wanted.sets:
            left.reasons["of a set that was not asked for"] += 1
        else:
            yield writer.of_sample(sample, name)
    for task, name in read_tasks(run):
        if name in LEARNED:
            continue
        if wanted.sets and name not in wanted.sets:
            left.reasons["of a set that was not asked for"] += 1
        elif (known := writer.of_reference(task, name)) is None:
            left.reasons["held out, and no answer is known"] += 1
        else:
            yield known


def refuse_sets(wanted: Wanted, there: set[str]) -> None:
    """Sets that are asked for must be there.

    Raises: UsageError naming those that are.
    """
    for name in wanted.sets:
        if name not in there:
            raise UsageError(f"this run has no set '{name}'; {closest(name, sorted(there))}", where="--sets")
