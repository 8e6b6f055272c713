"""Conversations: the assistant's next turn is the answer.

Enters: turns up to a user's, and an assistant's text. Leaves: that text as the answer, with what a model thought
before it apart. A row's last assistant turn is its reference; the turns before it are history (`turns: all` learns
those as well).
"""

from __future__ import annotations

from collections.abc import Mapping

from imbik.core.plugins import PluginSettings
from imbik.core.types import Completion, Message, Task, TurnsReference
from imbik.tasks.columns import CONVERSATION_SHAPES, QUESTION_SHAPES
from imbik.tasks.kinds import Reading
from imbik.tasks.markers import split_thought
from imbik.tasks.normal import words


class Conversation:
    """The next turn of a conversation."""

    class Settings(PluginSettings):
        """conversation has no settings."""

    version = 1
    fields = (*CONVERSATION_SHAPES, *QUESTION_SHAPES)
    checks = ("shape", "duplicates", "leakage")
    metrics = ("token_f1",)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def reference(self, fields: Mapping[str, str]) -> TurnsReference | None:
        """The last assistant turn; earlier ones are added from the history."""
        thought, shown = split_thought(fields.get("answer", ""))
        if not shown:
            return None
        return TurnsReference(turns=(shown,), reasoning=fields.get("reasoning", "").strip() or thought)

    def question(self, task: Task, *, reasoning: bool, instruction: str | None) -> tuple[Message, ...]:  # noqa: ARG002
        """The conversation as it stands; a recipe's instruction joins the system turn, where personas live."""
        if not instruction:
            return task.messages
        first, rest = task.messages[0], task.messages[1:]
        if first.role == "system":
            return (Message(role="system", content=f"{first.content}\n\n{instruction}"), *rest)
        return (Message(role="system", content=instruction), *task.messages)

    def choices(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002
        """Any turn is allowed."""
        return ()

    def read(self, completion: Completion, task: Task) -> Reading:  # noqa: ARG002
        """What is shown is the turn; what was thought before is apart."""
        thought, shown = split_thought(completion.answer)
        return Reading(thought or completion.reasoning.strip(), shown)

    def render(self, reasoning: str, answer: str, task: Task) -> str:  # noqa: ARG002
        """The turn; a thought stands before it in `<think>`."""
        return f"<think>\n{reasoning}\n</think>\n\n{answer}" if reasoning else answer

    def canonical(self, answer: str, task: Task) -> str:  # noqa: ARG002
        """Words without case and punctuation."""
        return words(answer) or answer.strip()
