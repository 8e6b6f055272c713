"""`imbik chat RUN`: talk to the student, and beside it to the teacher.

Enters: what a person types. Leaves: replies of the student and, if asked for, of the teacher. What is typed for a
teacher goes through `ask`, so the privacy gate and the budget hold for it as for any row, and is confidential unless
the person says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from imbik.ask.engine import AskEngine
from imbik.core.errors import UsageError
from imbik.core.executor import LocalExecutor
from imbik.core.progress import Progress, SilentReporter
from imbik.core.runfolder import RunFolder
from imbik.core.types import Message, Outcome, Question, Sampling, Sensitivity, Task
from imbik.privacy.operator import load_operator
from imbik.serve.student import Student, read_with
from imbik.tasks.template import Template


@dataclass(frozen=True)
class Reply:
    """What one system says. `text` is all of it, `answer` what was read from it; `likely` the best classes."""

    system: str
    text: str
    answer: str
    reasoning: str
    outcome: Outcome
    reason: str
    seconds: float
    likely: Sequence[tuple[str, float]] = field(default=())


class ChatSession:
    """A conversation with the student of a run; `with` closes the teacher's connections.

    Only kinds that are conversations remember earlier turns: other students were taught single questions.
    """

    def __init__(
        self, run: RunFolder, *, teacher: bool = False, sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL
    ) -> None:
        self.student = Student(run)
        self.sensitivity = sensitivity
        self.remembers = self.student.recipe.tasks.kind.use == "conversation"
        self.teacher = self._teacher() if teacher else ""
        self._engine: AskEngine | None = None
        self._turns: list[Message] = []
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def say(self, text: str) -> list[Reply]:
        """The student's reply, then the teacher's where the session has one.

        Raises: UsageError for an empty line.
        """
        if not text.strip():
            raise UsageError("there is nothing to answer", where="chat", next="type a question")
        self._number += 1
        task = self._task(text)
        replies = [self._student_says(task)]
        if self.teacher:
            replies.append(self._teacher_says(task))
        if self.remembers:
            self._turns += [Message(role="user", content=text), Message(role="assistant", content=replies[0].text)]
        return replies

    def forget(self) -> None:
        """Begin a new conversation."""
        self._turns = []

    def close(self) -> None:
        """Let go of the teacher."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _task(self, text: str) -> Task:
        """What was typed, as the student met its tasks."""
        recipe = self.student.recipe
        shape = recipe.tasks
        messages = (*self._turns, Message(role="user", content=text))
        template = Template(shape.text_template, shape.learn) if shape.text_template else None
        given = [name for name in template.names if name != template.learn] if template else []
        if len(given) > 1:
            raise UsageError(
                f"this student reads {len(given)} columns ({', '.join(given)}), not one text",
                where=str(self.student.run.path),
                next="put them in a file: imbik predict RUN rows.csv -o out.csv",
            )
        return Task(
            id=f"chat-{self._number}",
            kind=shape.kind.use,
            messages=messages,
            language=shape.language if len(shape.language) <= 3 else "tr",
            sensitivity=self.sensitivity,
            template=template.text if template else "",
            fields={given[0]: text} if given else {},
            learn=template.learn if template else "",
        )

    def _student_says(self, task: Task) -> Reply:
        said = self.student.answer([task])[0]
        return Reply(
            "student", said.text, said.answer, said.reasoning, said.outcome, said.reason, said.seconds, said.likely
        )

    def _teacher_says(self, task: Task) -> Reply:
        recipe, kind = self.student.recipe, self.student.kind
        generate = recipe.generate
        question = Question(
            messages=kind.question(task, reasoning=generate.reasoning == "steps", instruction=generate.instruction),
            row=task.id,
            sensitivity=task.sensitivity,
            sampling=Sampling(temperature=0.0, top_p=generate.top_p, max_tokens=generate.max_tokens),
            choices=kind.choices(task),
        )
        completion = next(iter(self._asker().ask(self.teacher, [question], purpose="chat")))
        reasoning, answer = read_with(kind, task, completion)
        return Reply(
            self.teacher,
            completion.answer,
            answer,
            reasoning or completion.reasoning,
            completion.outcome,
            completion.reason,
            completion.seconds,
        )

    def _teacher(self) -> str:
        """The teacher that rows of this sensitivity are asked of.

        Raises: UsageError when the recipe has none, or none that can be asked.
        """
        recipe = self.student.recipe
        name = recipe.teacher_for(self.sensitivity)
        if not name:
            raise UsageError(
                "this run has no teacher to talk to", where=recipe.name, next="chat without --with teacher"
            )
        if recipe.teachers[name].use == "recorded":
            raise UsageError(
                f"teacher '{name}' is a file of recorded answers and cannot answer anything new",
                where=recipe.name,
                next="chat without --with teacher",
            )
        return name

    def _asker(self) -> AskEngine:
        if self._engine is None:
            recipe = self.student.recipe
            self._engine = AskEngine(
                recipe=recipe,
                run=self.student.run,
                executor=LocalExecutor(),
                progress=Progress(SilentReporter()),
                operator=load_operator(recipe.base),
            )
        return self._engine
