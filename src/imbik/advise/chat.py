"""Talking to the student of a run, and where asked to its teacher beside it.

Enters: a run folder and what a person types. Leaves: answers. A typed prompt is confidential unless said otherwise, and
goes to a teacher through `ask` and the same gate as every row: the audit says what left.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from imbik.advise.answering import Answered, Student, read, typed_task
from imbik.core.errors import UsageError
from imbik.core.executor import LocalExecutor
from imbik.core.plugins import closest
from imbik.core.progress import Progress, SilentReporter
from imbik.core.runfolder import RunFolder
from imbik.core.types import Message, Question, Sampling, Sensitivity, Task

if TYPE_CHECKING:
    from imbik.ask.engine import AskEngine


@dataclass(frozen=True)
class Reply:
    """What one of them said, and how long it took."""

    by: str
    answered: Answered
    seconds: float


class Chat:
    """A conversation with the student, and with a teacher where `with_teacher` names one ('teacher': the recipe's own).

    Raises: UsageError when the recipe has no such teacher.
    """

    def __init__(
        self, run: RunFolder, with_teacher: str = "", sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL
    ) -> None:
        self.student = Student(run)
        self.recipe = self.student.recipe
        self.sensitivity = sensitivity
        self.teacher = self._named(with_teacher) if with_teacher else ""
        self._history: list[Message] = []
        self._closing = ExitStack()
        self._asker = self._closing.enter_context(self._engine(run)) if self.teacher else None

    def __enter__(self) -> Chat:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def say(self, text: str) -> Iterator[Reply]:
        """Replies to one typed line: the student's, then the teacher's."""
        turn = Message(role="user", content=text)
        history = [*self._history, turn] if self.recipe.tasks.kind.use == "conversation" else [turn]
        task = typed_task(self.recipe, history, self.sensitivity)
        started = time.monotonic()
        reply = Reply("student", self.student.answer([task])[0], time.monotonic() - started)
        self._history = [*history, Message(role="assistant", content=reply.answered.text)]
        yield reply
        if self._asker is not None:
            yield self._ask(self._asker, task)

    def forget(self) -> None:
        """Begin a new conversation."""
        self._history = []

    def _ask(self, asker: AskEngine, task: Task) -> Reply:
        generate, kind = self.recipe.generate, self.student.kind
        question = Question(
            messages=kind.question(task, reasoning=generate.reasoning == "steps", instruction=generate.instruction),
            row="chat",
            sensitivity=self.sensitivity,
            sampling=Sampling(max_tokens=generate.max_tokens),
            choices=kind.choices(task),
        )
        started = time.monotonic()
        completion = next(iter(asker.ask(self.teacher, [question], purpose="chat")))
        return Reply(self.teacher, read(kind, task, completion), time.monotonic() - started)

    def _named(self, name: str) -> str:
        teachers = list(self.recipe.teachers)
        if name == "teacher" and "teacher" not in teachers:
            name = self.recipe.teacher_for(self.sensitivity)
        if name in teachers:
            return name
        have = closest(name, teachers) if teachers and name else "the recipe has no teacher to talk to"
        raise UsageError(f"there is no teacher '{name}'; {have}", where="--with")

    def _engine(self, run: RunFolder) -> AskEngine:
        from imbik.ask.engine import AskEngine
        from imbik.privacy.operator import load_operator

        return AskEngine(
            recipe=self.recipe,
            run=run,
            executor=LocalExecutor(),
            progress=Progress(SilentReporter()),
            operator=load_operator(self.recipe.base),
        )
