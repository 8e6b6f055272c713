"""Conversations: the assistant's next turn is the answer.

Enters: turns up to a user's, and an assistant's text. Leaves: that text as the answer, with what a model thought
before it apart. A teacher answers the last assistant turn of a row, or every one (`answers`); what the row itself says
there is the reference, and the turns before it are history (`tasks.turns: all` learns those as well), cut by whole
turns where it is longer than `history` or `history_characters` allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Completion, Message, Task, TurnsReference
from imbik.tasks.columns import CONVERSATION_SHAPES, QUESTION_SHAPES
from imbik.tasks.kinds import Reading
from imbik.tasks.markers import split_thought
from imbik.tasks.normal import words
from imbik.tasks.turns import every_turn, shortened


class Conversation:
    """The next turn of a conversation."""

    class Settings(PluginSettings):
        """Which turns are answered, and how much of the talk before them is kept."""

        answers: Literal["last", "every"] = Field(
            "last",
            description="assistant turns that a teacher answers: a row's last, or every one as a task of its own",
        )
        history: int = Field(
            0, ge=0, description="most turns before the answer, the user's last among them; the oldest go (0: all stay)"
        )
        history_characters: int = Field(
            0, ge=0, description="most characters of those turns; whole turns go, never a part of one (0: no limit)"
        )

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

    def parts(self, task: Task) -> Sequence[Task]:
        """The tasks of a row, each with as much history as is kept; the last turn's stands at the end."""
        found = every_turn(task) if self.settings.answers == "every" else [task]
        most, characters = self.settings.history, self.settings.history_characters
        if not most and not characters:
            return found
        return [msgspec.structs.replace(part, messages=shortened(part.messages, most, characters)) for part in found]

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
