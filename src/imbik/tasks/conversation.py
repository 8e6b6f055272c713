"""Conversations as data sets and logs write them, as messages.

Enters: a list of turns: `role`/`content` (OpenAI and most), `from`/`value` (ShareGPT), contents as text or as text
parts; a CSV cell may hold it as JSON. Leaves: messages, the last assistant turn apart, and a key that all cuts of one
conversation share, so that they can be kept in one set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from imbik.core.files import digest
from imbik.core.types import Message
from imbik.tasks.normal import same_text_key
from imbik.tasks.rows import BadRowError, as_text

Role = Literal["system", "user", "assistant"]
_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "customer": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "agent": "assistant",
    "chatgpt": "assistant",
}


def parse_messages(value: object) -> tuple[Message, ...]:
    """Turns as messages.

    Raises: BadRowError for anything that is not text turns of system, user and assistant.
    """
    if isinstance(value, str):
        value = _decoded(value)
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        raise BadRowError("no conversation", "a conversation is a list of turns such as {role: user, content: …}")
    messages = tuple(_message(turn, number) for number, turn in enumerate(value, start=1))
    if all(message.role == "system" for message in messages):
        raise BadRowError("no conversation", "it has no turn of a user")
    return messages


def cut_last(messages: Sequence[Message]) -> tuple[tuple[Message, ...], str]:
    """The history before the last assistant turn, and that turn; the turn is "" where a user spoke last."""
    if messages[-1].role != "assistant":
        return tuple(messages), ""
    if all(message.role != "user" for message in messages[:-1]):
        raise BadRowError("no conversation", "no user's turn stands before the assistant's")
    return tuple(messages[:-1]), messages[-1].content


def earlier_turns(value: object) -> tuple[Message, ...]:
    """A column `history`: pairs of question and answer (Alpaca as LLaMA-Factory writes it), or turns. Plain text in a
    column of that name is something else, and no turn.

    Raises: BadRowError for a list of anything else.
    """
    if isinstance(value, str) and value.lstrip().startswith("[["):
        value = _decoded(value)
    if not isinstance(value, list | tuple) or not value:
        return ()
    if all(isinstance(turn, Mapping) for turn in value):
        return parse_messages(value)
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in value):
        raise BadRowError("no history", "earlier turns are pairs such as [[question, answer]]")
    sides: tuple[Role, Role] = ("user", "assistant")
    return tuple(
        Message(role=role, content=as_text(text, "history"))
        for pair in value
        for role, text in zip(sides, pair, strict=True)
    )


def conversation_key(history: Sequence[Message], answer: str) -> str:
    """What cuts of one conversation share: its first user turn and the first reply; "" while there is none."""
    first = next((message.content for message in history if message.role == "user"), "")
    reply = next((message.content for message in history if message.role == "assistant"), answer)
    return "conversation:" + digest(same_text_key(first), same_text_key(reply))[:16] if reply else ""


def content_text(value: object, what: str) -> str:
    """A turn's content: text, or parts of which all are text.

    Raises: BadRowError for images, sounds and anything else.
    """
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return as_text(value, what)
    texts = []
    for part in value:
        text = part if isinstance(part, str) else part.get("text") if isinstance(part, Mapping) else None
        if not isinstance(text, str):
            kind = part.get("type", "?") if isinstance(part, Mapping) else type(part).__name__
            raise BadRowError("not text", f"{what} holds a part of type '{kind}'")
        texts.append(as_text(text, what))
    return "".join(texts)


def _message(turn: object, number: int) -> Message:
    if not isinstance(turn, Mapping):
        raise BadRowError("no conversation", f"turn {number} is not an object with role and content")
    said = str(turn.get("role") or turn.get("from") or "")
    role = _ROLES.get(said.lower())
    if role is None:
        raise BadRowError(
            "unknown role", f"turn {number} is spoken by '{said[:40]}'; system, user and assistant are known"
        )
    if turn.get("tool_calls"):
        raise BadRowError("not text", f"turn {number} calls tools")
    content = content_text(turn.get("content", turn.get("value")), f"turn {number}")
    if not content.strip():
        raise BadRowError("empty turn", f"turn {number}, spoken by '{said}'")
    return Message(role=role, content=content)


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
