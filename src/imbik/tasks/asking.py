"""How kinds put an instruction to a teacher.

Enters: a task's messages, and wordings by language. Leaves: messages whose last user turn ends with the instruction:
every chat template accepts that, where many refuse a system turn.
"""

from __future__ import annotations

from collections.abc import Mapping

from imbik.core.types import Message


def worded(wordings: Mapping[str, str], language: str) -> str:
    """The wording in a language; English where there is none."""
    return wordings.get(language.split("-")[0], wordings["en"])


def with_instruction(messages: tuple[Message, ...], instruction: str) -> tuple[Message, ...]:
    """The messages with the instruction below the last turn; unchanged for ''."""
    if not instruction:
        return messages
    last = messages[-1]
    return (*messages[:-1], Message(role=last.role, content=f"{last.content}\n\n{instruction}"))
