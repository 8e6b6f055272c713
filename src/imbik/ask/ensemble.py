"""Asking several teachers as one: each member through the engine's own `ask`, so nothing goes around gate or budget.

Enters: a composite teacher, questions. Leaves: completions in the order of the questions. Rows are taken in blocks: for
each, every member's share is asked as one stream, and the streams are read side by side. A member that may not see a
row answers it with `blocked`, which is counted as its vote and leaves the others their own; one that has yet to
answer leaves the row `pending`, so no vote is counted without it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import Protocol, cast

from imbik.core.executor import blocks_of
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Outcome, Question, Task
from imbik.teachers import CompositeTeacher

_BLOCK = 2048  # rows whose members are asked side by side


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
            streams: dict[str, Generator[Completion]] = {}
            for name in teacher.members:
                share = [question for question, names in zip(block, whom, strict=True) if name in names]
                streams[name] = stack.enter_context(closing(ask(name, share)))
            for question, names in zip(block, whom, strict=True):
                found = {name: next(streams[name]) for name in names}
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
