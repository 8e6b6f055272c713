"""OpenAI's chat completions, as a server writes them (OpenAI API reference, "The chat completion object").

Enters: a request's body and what is said. Leaves: the reply's body, errors, rate-limit headers
(`x-ratelimit-remaining-requests` …). Reasoning stands where the answer says: providers differ.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from imbik.testing.formats import Said, read_tokens, turns

_FINISH = {"stop": "stop", "length": "length", "refusal": "stop", "filtered": "content_filter", "tool": "tool_calls"}
_CALL = {"id": "call_1", "type": "function", "function": {"name": "hesapla", "arguments": "{}"}}


class Chat:
    """`/v1/chat/completions`."""

    name = "openai"

    def messages(self, body: Mapping[str, Any]) -> list[dict[str, str]]:
        """The turns, with the text of each."""
        return turns(body["messages"])

    def limit(self, body: Mapping[str, Any]) -> int:
        """The most tokens that the answer may have."""
        return int(body.get("max_tokens") or body.get("max_completion_tokens") or 1 << 30)

    def reply(self, body: Mapping[str, Any], said: Said, number: int) -> dict[str, Any]:
        """A chat completion."""
        read, written = read_tokens(self.messages(body)), said.tokens
        return {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model", ""),
            "choices": [{"index": 0, "message": _message(said), "finish_reason": _FINISH[said.finish]}],
            "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
        }

    def error(self, status: int, message: str, code: str) -> dict[str, Any]:  # noqa: ARG002 - the contract's
        """An error."""
        return {"error": {"message": message, "type": code, "code": code}}

    def limits(self, left: int, seconds: float) -> dict[str, str]:
        """Rate-limit headers."""
        most = {"x-ratelimit-limit-requests": "100", "x-ratelimit-limit-tokens": "100000"}
        return most | {
            "x-ratelimit-remaining-requests": str(left),
            "x-ratelimit-remaining-tokens": str(left * 1000),
            "x-ratelimit-reset-requests": f"{seconds:g}s",
            "x-ratelimit-reset-tokens": f"{seconds:g}s",
        }

    def key(self, headers: Mapping[str, str]) -> str:
        """A bearer token, or Azure's `api-key`."""
        return headers.get("authorization", "").removeprefix("Bearer ") or headers.get("api-key", "")


def _message(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text}
    if said.finish == "refusal":
        message |= {"content": None, "refusal": said.text}
    if said.finish == "tool":
        message |= {"content": None, "tool_calls": [_CALL]}
    if said.reasoning:
        message |= _thought(said)
    return {**message, **said.fields}


def _thought(said: Said) -> dict[str, Any]:
    """Reasoning, in one of the places where providers put it."""
    match said.place:
        case "tags":
            return {"content": f"<think>{said.reasoning}</think>\n{said.text}"}
        case "parts":
            thought = {"type": "thinking", "thinking": [{"type": "text", "text": said.reasoning}]}
            return {"content": [thought, {"type": "text", "text": said.text}]}
        case "reasoning_details":
            return {"reasoning_details": [{"type": "reasoning.text", "text": said.reasoning}]}
    return {said.place: said.reasoning}
