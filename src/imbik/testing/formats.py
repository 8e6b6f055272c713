"""What the fake teacher says, before a wire format puts it into its own words.

Enters: an answer as an answering function gave it, a request's body. Leaves: `Said`, cut off where the request's limit
ends it. A word counts as a token. `chat` and `anthropic_messages` are the two formats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

Finish = Literal["stop", "length", "refusal", "filtered", "tool"]
REASONING_PLACES = ("reasoning_content", "reasoning", "reasoning_details", "parts", "tags")


@dataclass(frozen=True)
class Said:
    """An answer: its text, the reasoning before it and where a chat reply holds that, how it ended.

    `fields` are merged into a chat reply's message as they are.
    """

    text: str = ""
    reasoning: str = ""
    place: str = "reasoning_content"
    finish: Finish = "stop"
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Words of answer and reasoning; an empty answer is one."""
        return max(1, len(self.text.split(" "))) + len(self.reasoning.split())

    def within(self, limit: int) -> Said:
        """The answer as a limit in tokens leaves it: reasoning comes first, and is all there is where it fills it."""
        if self.tokens <= limit or self.finish != "stop":
            return self
        thought = self.reasoning.split()
        if len(thought) >= limit:
            return replace(self, text="", reasoning=" ".join(thought[:limit]), finish="length")
        return replace(self, text=" ".join(self.text.split(" ")[: limit - len(thought)]), finish="length")


def said(answer: str | Mapping[str, Any]) -> Said:
    """What an answering function gave: a text, or fields of a chat reply's message (a `finish_reason` among them)."""
    if isinstance(answer, str):
        return Said(answer)
    fields = dict(answer)
    finish = {"length": "length", "content_filter": "filtered", "tool_calls": "tool"}.get(
        str(fields.pop("finish_reason", "stop")), "stop"
    )
    content = fields.pop("content", "")
    if not isinstance(content, str):
        fields["content"] = content
    return Said(content if isinstance(content, str) else "", finish=finish, fields=fields)  # type: ignore[arg-type]


class Format(Protocol):
    """A wire format as a server sees it. Bodies are decoded JSON objects."""

    name: str

    def messages(self, body: Mapping[str, Any]) -> list[dict[str, str]]:
        """The turns, with the text of each."""
        ...

    def limit(self, body: Mapping[str, Any]) -> int:
        """The most tokens that the answer may have."""
        ...

    def reply(self, body: Mapping[str, Any], said: Said, number: int) -> dict[str, Any]:
        """A reply that says so."""
        ...

    def error(self, status: int, message: str, code: str) -> dict[str, Any]:
        """The body of an error."""
        ...

    def limits(self, left: int, seconds: float) -> dict[str, str]:
        """Rate-limit headers: requests left, and when there are all again."""
        ...

    def key(self, headers: Mapping[str, str]) -> str:
        """The key that a request shows."""
        ...


def text_of(content: object) -> str:
    """A turn's text: as it is, or the texts of its parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)


def turns(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The turns of a request, each with its text; one without a role is the user's."""
    return [{"role": str(item.get("role", "user")), "content": text_of(item["content"])} for item in messages]


def read_tokens(messages: list[dict[str, str]]) -> int:
    """Words of a prompt."""
    return sum(len(item["content"].split()) for item in messages)
