"""Requests to a chat API with their responses, one pair a line (.jsonl): each becomes a task with a recorded answer.

Enters: lines of `{"request": {"messages": …}, "response": {"choices": …}}`, or the two merged into one object; bodies
may stand under `body`, as in batch files. Leaves: rows whose conversation is what was asked, and what was answered as
a recorded answer named after the model (or `name:`). Failed, refused and cut-off responses go to quarantine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from imbik.core.types import Recorded, Sensitivity
from imbik.tasks.conversation import content_text
from imbik.tasks.rows import BadRowError, Quarantined, Row, as_text
from imbik.tasks.sources import TextSettings, located, refuse_split
from imbik.tasks.sources.jsonl import parse_lines
from imbik.tasks.text import existing_file, recognise


class ChatLog:
    """Rows of a request/response log."""

    class Settings(TextSettings):
        """How the recorded answers are called."""

        name: str = Field("", description="name of the recorded answers; empty: the model's, or 'log'")

    version = 1
    sensitivity: Sensitivity | None = None

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notes: list[str] = []

    def files(self, base: Path) -> Sequence[Path]:
        """The one file."""
        return [existing_file(located(self.settings.path, base), self.settings.path)]

    def rows(self, base: Path, split: str) -> Iterator[Row | Quarantined]:
        """A row a pair."""
        refuse_split(split, self.settings.path)
        file = recognise(self.files(base)[0], self.settings.encoding)
        self.notes += [file.note] if file.note else []
        for row in parse_lines(file, self.settings.path):
            if isinstance(row, Quarantined):
                yield row
                continue
            try:
                yield self._pair(row)
            except BadRowError as bad:
                yield bad.at(row)

    def _pair(self, row: Row) -> Row:
        request = _body(row.values.get("request", row.values))
        response = row.values.get("response", row.values)
        name = self.settings.name or str(request.get("model") or "log")
        answers = read_response(response)
        recorded = [
            Recorded(name=name if number == 1 else f"{name}-{number}", text=text)
            for number, text in enumerate(answers, start=1)
        ]
        values: dict[str, object] = {"messages": _asked(request)}
        identifier = row.values.get("custom_id") or row.values.get("id") or row.values.get("request_id")
        if identifier:
            values["id"] = identifier
        kept = {key: value for key, value in row.values.items() if key not in _CONSUMED}
        return row._replace(values={**kept, **values}, recorded=tuple(recorded))


_CONSUMED = {
    "request",
    "response",
    "choices",
    "messages",
    "completion",
    "custom_id",
    "id",
    "request_id",
    "system",
    "prompt",
}


def is_log(value: Mapping[str, object]) -> bool:
    """Whether an object is a request with its response."""
    request = value.get("request", value)
    asked = isinstance(request, Mapping) and bool({"messages", "prompt", "body"} & set(request))
    answered = isinstance(value.get("response"), Mapping) or isinstance(value.get("choices"), list)
    return asked and answered and ("request" in value or "messages" in value or "choices" in value)


def read_response(response: object) -> list[str]:
    """Texts of a response, one a choice; reasoning stands before the answer in `<think>`.

    Raises: BadRowError for errors, refusals, tool calls, cut-off and empty answers.
    """
    if isinstance(response, str) and response.strip():
        return [as_text(response, "the response")]
    body = _body(response)
    status = response.get("status_code", 200) if isinstance(response, Mapping) else 200
    if body.get("error") or (isinstance(status, int) and status >= 400):
        raise BadRowError("the request failed", str(body.get("error") or f"status {status}")[:200])
    choices = body.get("choices")
    if isinstance(choices, list) and choices:
        return [_choice(choice) for choice in choices]
    if "content" in body:
        if body.get("stop_reason") == "max_tokens":
            raise BadRowError("the answer was cut off", "stop_reason: max_tokens")
        return [_filled(content_text(body["content"], "the response"))]
    raise BadRowError("no answer in the response", f"keys: {', '.join(map(str, body))[:100]}")


def _choice(choice: object) -> str:
    if not isinstance(choice, Mapping):
        raise BadRowError("no answer in the response", "a choice is not an object")
    if choice.get("finish_reason") == "length":
        raise BadRowError("the answer was cut off", "finish_reason: length")
    message = choice.get("message")
    if not isinstance(message, Mapping):
        return _filled(content_text(choice.get("text"), "the response"))
    if message.get("refusal") or choice.get("finish_reason") == "content_filter":
        raise BadRowError("the request was refused", str(message.get("refusal") or "content_filter")[:200])
    if message.get("tool_calls"):
        raise BadRowError("not text", "the response calls tools")
    text = _filled(content_text(message.get("content"), "the response"))
    thought = message.get("reasoning_content") or message.get("reasoning")
    return (
        f"<think>\n{thought}\n</think>\n\n{text}"
        if isinstance(thought, str) and as_text(thought, "the reasoning")
        else text
    )


def _filled(text: str) -> str:
    if not text.strip():
        raise BadRowError("the answer is empty")
    return text


def _asked(request: Mapping[str, Any]) -> object:
    """The request's turns, with a system text that stands beside them put first."""
    messages = request.get("messages")
    if messages is None and isinstance(request.get("prompt"), str):
        messages = [{"role": "user", "content": request["prompt"]}]
    if isinstance(messages, list) and request.get("system"):
        return [{"role": "system", "content": request["system"]}, *messages]
    return messages


def _body(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadRowError("no request with a response", f"found a {type(value).__name__}")
    inner = value.get("body")
    return inner if isinstance(inner, Mapping) else value
