"""How kinds put an instruction to a teacher, and how they read what came back.

Enters: a task's messages, and wordings by language. Leaves: messages whose last user turn ends with the instruction:
every chat template accepts that, where many refuse a system turn. And a completion with what the kind reads from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from imbik.core.errors import raised_at
from imbik.core.types import Completion, Message, Outcome, Task

if TYPE_CHECKING:
    from imbik.tasks.kinds import Kind


def worded(wordings: Mapping[str, str], language: str) -> str:
    """The wording in a language; English where there is none."""
    return wordings.get(language.split("-")[0], wordings["en"])


def with_instruction(messages: tuple[Message, ...], instruction: str) -> tuple[Message, ...]:
    """The messages with the instruction below the last turn; unchanged for ''."""
    if not instruction:
        return messages
    last = messages[-1]
    return (*messages[:-1], Message(role=last.role, content=f"{last.content}\n\n{instruction}"))


def read_completion(kind: Kind, completion: Completion, task: Task) -> tuple[Completion, str, str]:
    """The completion with its reasoning and answer; one that the kind cannot read is malformed, and kept."""
    if completion.outcome is not Outcome.ANSWERED:
        return completion, "", ""
    try:
        reasoning, answer = kind.read(completion, task)
    except Exception as error:  # a paid answer is kept whatever the reader makes of it
        reason = f"the answer could not be read ({raised_at(error)})"
        return msgspec.structs.replace(completion, outcome=Outcome.MALFORMED, reason=reason), "", ""
    return completion, reasoning, answer
