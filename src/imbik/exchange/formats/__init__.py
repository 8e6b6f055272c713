"""Formats of data for other tools. A file here is a format: its name is what `imbik data export --format` takes.

Enters: answered rows (`takes = "answers"`: `Example`), or kept against rejected answers (`takes = "pairs"`: `Pair`).
Leaves: records for the sink that the format names. A row that the format has no form for raises `UnfitError` with a
reason that others share: it is left out and counted, never bent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol

from imbik.core.types import Message
from imbik.exchange.sinks import Sink


class UnfitError(Exception):
    """A row that this format cannot hold; its text is the reason, the same words for all rows of one reason."""


class DataFormat(Protocol):
    """The contract of a format; built as `Format(settings)`.

    `usage` is Markdown that says how other tools load the folder; `version` rises when the same row would be written
    otherwise. A format of pairs says in its setting `pairs` how many of one task it takes. It may have `notes(counts)`:
    what a person should know, from the rows written of each set.
    """

    version: int
    settings: Any
    takes: Literal["answers", "pairs"]
    sink: type[Sink]
    usage: str

    def record(self, row: Any) -> Mapping[str, object]:
        """One row as it is written. Raises: UnfitError."""
        ...


def told(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Turns as `role` and `content`, which most tools read."""
    return [{"role": message.role, "content": message.content} for message in messages]


def system_of(messages: Sequence[Message]) -> tuple[str, Sequence[Message]]:
    """The system turn that a conversation begins with ('' for none), and the turns after it."""
    if messages and messages[0].role == "system":
        return messages[0].content, messages[1:]
    return "", messages


def refuse_uneven(messages: Sequence[Message]) -> None:
    """Tools that read turns in pairs skip, or misread, a conversation in which one side speaks twice in a row.

    Raises: UnfitError.
    """
    _, turns = system_of(messages)
    if any(turn.role != wanted for turn, wanted in zip(turns, _sides(), strict=False)):
        raise UnfitError("user and assistant do not take turns")


def _sides() -> Iterator[str]:
    while True:
        yield from ("user", "assistant")
