"""Answers somebody already has: columns of the task rows, or files whose rows share a key with them.

Enters: questions that carry their task's recorded answers (the tasks stage puts them there). Leaves: sample n is the
n-th named answer; one that is not there is a failed sample with its reason. Several files or several columns of one
are several answers a task:

    {use: recorded, answers: {gpt4: outputs.gpt4, llama: outputs.llama}}
    {use: recorded, files: {gpt4: gpt4.jsonl, llama: llama.jsonl}, answers: {gpt4: text}, key: id}
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from imbik.core.files import digest_value
from imbik.core.plugins import PluginSettings, RecipePath
from imbik.core.questions import Question
from imbik.core.types import Completion, Outcome, Sensitivity
from imbik.teachers import TeacherContext
from imbik.teachers._thinking import split_thinking


class RecordedTeacher:
    """A local teacher that answers with what is recorded; see the module's docstring."""

    class Settings(PluginSettings):
        """What the recipe may say."""

        answers: dict[str, str] = Field({}, description="name: column.path of each recorded answer, in order")
        written_by: list[str] = Field(
            [], description="models that wrote the answers, for their terms (gpt-4, claude-3-opus)"
        )
        files: list[RecipePath] | dict[str, RecipePath] = Field(
            [], description="files of answers, when the rows do not hold them"
        )
        key: str = Field("id", description="column that the rows and the files share")

    place = "recorded"
    block_size = 1024
    sensitivity = Sensitivity.PUBLIC  # an answer carries its own row's sensitivity, and nothing beyond it

    def __init__(self, settings: Settings, context: TeacherContext) -> None:
        self.settings = settings
        self.names = self._names(context.name)
        self.identity = f"recorded {digest_value([list(settings.answers.items()), self.names])[:16]}"

    def answer(self, questions: Sequence[Question]) -> list[Completion]:
        """One completion a question, in order."""
        return [self._one(question) for question in questions]

    def _names(self, teacher: str) -> tuple[str, ...]:
        """The answers' names in order; empty when rows bring their own (a log of requests)."""
        files = self.settings.files
        if isinstance(files, dict):
            return tuple(files)
        return tuple(self.settings.answers) or ((teacher,) if files else ())

    def _one(self, question: Question) -> Completion:
        number = question.sample
        names = self.names or tuple(item.name for item in question.recorded)
        if number >= len(names):
            return _missing(f"sample {number + 1} is asked for, and {len(names)} answers are recorded")
        text = next((item.text for item in question.recorded if item.name == names[number]), "")
        if not text.strip():
            return _missing(f"no answer is recorded under '{names[number]}'")
        thought = split_thinking(text)
        if not thought.closed:
            return Completion(
                outcome=Outcome.TRUNCATED, reasoning=thought.reasoning, reason="the reasoning never ended"
            )
        return Completion(answer=thought.answer, reasoning=thought.reasoning)


def _missing(reason: str) -> Completion:
    return Completion(outcome=Outcome.FAILED, reason=reason)
