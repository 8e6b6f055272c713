"""Asking several teachers as one: each member through the engine's own `ask`, so nothing goes around gate or budget.

Enters: a composite teacher, questions. Leaves: completions in the order of the questions. Rows are taken in blocks: for
each, every member's share is asked as one stream, and the streams are read side by side: always the one that is the
least far, so that all members work for the whole of a block, however the rows of each lie in it. A member that may not
see a row answers it with `blocked`, which is counted as its vote and leaves the others their own; one that has yet to
answer leaves the row `pending`, so no vote is counted without it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, cast

from imbik.core.executor import blocks_of
from imbik.core.plugins import PluginBlock, make
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Task
from imbik.teachers import CompositeTeacher

_BLOCK = 2048  # rows whose members are asked side by side


@dataclass
class _Member:
    """One member's answers to its share of a block: those to come, and those that came before their row."""

    stream: Generator[Completion]
    share: int
    taken: int = 0
    read: deque[Completion] = field(default_factory=deque)

    def progress(self) -> float:
        """The part of the share that has come."""
        return self.taken / self.share if self.share else 1.0

    def take(self) -> None:
        """One answer more; asking goes on meanwhile."""
        self.read.append(next(self.stream))
        self.taken += 1


class _Kind(Protocol):
    """What is needed here of a kind of task: to read an answer, and its normal form."""

    def read(self, completion: Completion, task: Task) -> tuple[str, str]: ...

    def canonical(self, answer: str, task: Task) -> str: ...


def ask_members(
    teacher: CompositeTeacher,
    kind: PluginBlock,
    questions: Iterable[Question],
    ask: Callable[[str, Iterable[Question]], Generator[Completion]],
) -> Iterator[Completion]:
    """One completion a question; `ask` is the engine's, for a member's name and questions."""
    reader = cast(_Kind, make("tasks/kinds", kind))
    for block in blocks_of(questions, _BLOCK):
        whom = [teacher.whom(question) for question in block]
        with ExitStack() as stack:
            members: dict[str, _Member] = {}
            for name in teacher.members:
                share = [question for question, names in zip(block, whom, strict=True) if name in names]
                members[name] = _Member(stack.enter_context(closing(ask(name, share))), len(share))
            for question, names in zip(block, whom, strict=True):
                while not all(members[name].read for name in names):
                    min(members.values(), key=_Member.progress).take()
                found = {name: members[name].read.popleft() for name in names}
                pending = next((item for item in found.values() if item.outcome is Outcome.PENDING), None)
                yield pending or teacher.settle(found, partial(_meaning, reader, question))


def _meaning(kind: _Kind, question: Question, completion: Completion) -> str:
    """The normal form of an answer; of a question that belongs to no task, the answer's own words."""
    if question.task is None:
        return " ".join(completion.answer.split())
    try:
        _, answer = kind.read(completion, question.task)
        return kind.canonical(answer, question.task)
    except Exception:  # what cannot be read has no meaning, and no vote
        return ""
