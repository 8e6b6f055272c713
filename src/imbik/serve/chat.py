"""`imbik chat RUN`: talk to the student, and beside it to the teacher.

Enters: what a person types. Leaves: replies of the student and, if asked for, of a teacher. What is typed for a teacher
goes through `ask`, so the privacy gate holds for it as for any row and the audit says what left; it is confidential
unless the person says otherwise, and with the student's earlier replies in it no less so than the student.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING

from imbik.core import students
from imbik.core.errors import ImbikError, UsageError
from imbik.core.executor import LocalExecutor
from imbik.core.files import digest_value
from imbik.core.misspelt import closest
from imbik.core.progress import Progress, SilentReporter
from imbik.core.runfolder import RunFolder
from imbik.core.types import Message, Sensitivity, Task
from imbik.privacy.sensitivity import inherited
from imbik.serve.student import Answered, Student, read
from imbik.tasks.questions import question_of
from imbik.tasks.read import read_tasks
from imbik.tasks.template import Template

if TYPE_CHECKING:
    from imbik.ask.engine import AskEngine

_CODE = 3
_LINE = 200


@dataclass(frozen=True)
class Reply:
    """What one of them said, and how long it took."""

    by: str
    answered: Answered
    seconds: float


class Chat:
    """A conversation with the student, and with a teacher where `with_teacher` names one ('teacher': the recipe's own).

    Only kinds that are conversations remember earlier turns: other students were taught single questions.
    Raises: UsageError when the recipe has no such teacher, or one that can say nothing new.
    """

    def __init__(
        self,
        run: RunFolder,
        with_teacher: str = "",
        sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL,
        adapter: str = "",
    ) -> None:
        self.run = run
        self.student = Student(run, adapter)
        self.recipe = self.student.recipe
        self.sensitivity = sensitivity
        self.remembers = self.recipe.tasks.kind.use == "conversation"
        self.teacher = self._named(with_teacher) if with_teacher else ""
        self._history: list[Message] = []
        self._closing = ExitStack()
        self._asker: AskEngine | None = None

    def __enter__(self) -> Chat:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def say(self, text: str) -> Iterator[Reply]:
        """Replies to what was typed: the student's, then the teacher's where the session has one.

        Raises: UsageError for an empty line, and where the student reads several columns; what keeps the teacher from
        answering, after the student's reply. The conversation can go on after each of them.
        """
        if not text.strip():
            raise UsageError("there is nothing to answer", where="chat", next="type a question")
        task = self._task(text)
        started = time.monotonic()
        by = f"adapter:{self.student.adapter}" if self.student.adapter else "student"
        reply = Reply(by, self.student.answer([task])[0], time.monotonic() - started)
        if self.remembers:
            self._history = [*task.messages, Message(role="assistant", content=reply.answered.text)]
        yield reply
        if self.teacher:
            yield self._ask(task)

    def examples(self, count: int = 2) -> list[str]:
        """Held-out rows of the run that fit on a line: what the student was taught to answer, and new to it."""
        rows = (task for task, name in read_tasks(self.run) if name == "test") if not self.remembers else iter(())
        fitting = (task.text for task in rows if "\n" not in task.text and len(task.text) <= _LINE)
        return list(islice(fitting, count))

    @property
    def adapters(self) -> list[str]:
        """Adapters that there are beside the student."""
        return students.adapters(self.run)

    def switch(self, adapter: str) -> None:
        """Talk to another adapter from here on ('': the student itself); the conversation stays.

        Raises: RunFolderError where there is no such adapter.
        """
        if adapter != self.student.adapter:
            self.student = Student(self.run, adapter)

    def forget(self) -> None:
        """Begin a new conversation."""
        self._history = []

    def _task(self, text: str) -> Task:
        """What was typed, as the student met its tasks."""
        shape = self.recipe.tasks
        template = Template(shape.text_template, shape.learn) if shape.text_template else None
        given = [name for name in template.names if name != template.learn] if template else []
        if len(given) > 1:
            raise UsageError(
                f"this student reads {len(given)} columns ({', '.join(given)}), not one text",
                where=self.recipe.name,
                next=f"put them in a file: imbik predict {self.run.typed} rows.csv -o out.csv",
            )
        messages = (*self._history, Message(role="user", content=text))
        return Task(
            id=f"chat-{digest_value(messages)[:16]}",  # the audit counts rows by id: other words are another row
            kind=shape.kind.use,
            messages=messages,
            language=shape.language if len(shape.language) <= _CODE else "tr",
            sensitivity=self._level(),
            template=template.text if template else "",
            fields={given[0]: text} if given else {},
            learn=template.learn if template else "",
        )

    def _level(self) -> Sensitivity:
        """What is typed is as secret as the person says; with the student's earlier words, at least as the student."""
        return inherited(self.sensitivity, self.student.sensitivity) if self._history else self.sensitivity

    def _ask(self, task: Task) -> Reply:
        kind = self.student.kind
        asker = self._asker = self._asker or self._closing.enter_context(self._engine(self.run))
        question = question_of(self.recipe, kind, self.teacher, task, 0)
        started = time.monotonic()
        try:
            completion = next(iter(asker.ask(self.teacher, [question], purpose="chat")))
        except ImbikError:
            self._asker = None  # what ends a teacher ends it for its asker; it may be mended by the next question
            self._closing.close()
            raise
        return Reply(self.teacher, read(kind, task, completion), time.monotonic() - started)

    def _named(self, name: str) -> str:
        teachers = list(self.recipe.teachers)
        if name == "teacher" and "teacher" not in teachers:
            name = self.recipe.teacher_for(self.sensitivity)
        if name not in teachers:
            if not name:
                lacks = "has no teacher" if not teachers else f"names no teacher for {self.sensitivity.value} text"
                raise UsageError(
                    f"run '{self.recipe.name}' {lacks}", where="--with", next=f"imbik chat {self.run.typed}"
                )
            have = closest(name, teachers) if teachers else "this run has no teacher"
            raise UsageError(
                f"there is no teacher '{name}'; {have}", where="--with", next=f"imbik chat {self.run.typed}"
            )
        if self.recipe.teachers[name].use == "recorded":
            raise UsageError(
                f"teacher '{name}' is a file of recorded answers and can say nothing new", where="--with",
                next=f"imbik chat {self.run.typed}",
            )  # fmt: skip
        return name

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
