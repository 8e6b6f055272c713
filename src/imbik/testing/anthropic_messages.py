"""Anthropic's messages, as a server writes them (Anthropic API reference, "Messages", version 2023-06-01).

Enters: a request's body and what is said. Leaves: the reply's body, errors, rate-limit headers
(`anthropic-ratelimit-requests-remaining` …). Reasoning is a thinking block.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from imbik.testing.formats import Said, read_tokens, text_of, turns

_STOP = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal", "filtered": "refusal", "tool": "tool_use"}
_ERRORS = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 529: "overloaded_error",
}  # fmt: skip
_CALL = {"type": "tool_use", "id": "toolu_1", "name": "hesapla", "input": {}}


class AnthropicMessages:
    """`/v1/messages`."""

    name = "anthropic"

    def messages(self, body: Mapping[str, Any]) -> list[dict[str, str]]:
        """The turns, the system's first, with the text of each."""
        told = [{"role": "system", "content": text_of(body["system"])}] if body.get("system") else []
        return told + turns(body["messages"])

    def limit(self, body: Mapping[str, Any]) -> int:
        """The most tokens that the answer may have."""
        return int(body.get("max_tokens") or 1 << 30)

    def reply(self, body: Mapping[str, Any], said: Said, number: int) -> dict[str, Any]:
        """A message."""
        read, written = read_tokens(self.messages(body)), said.tokens
        return {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model", ""),
            "content": _blocks(said),
            "stop_reason": _STOP[said.finish],
            "stop_sequence": None,
            "usage": {"input_tokens": read, "output_tokens": written},
        }

    def error(self, status: int, message: str, code: str) -> dict[str, Any]:  # noqa: ARG002 - the contract's
        """An error."""
        return {"type": "error", "error": {"type": _ERRORS.get(status, "api_error"), "message": message}}

    def limits(self, left: int, seconds: float) -> dict[str, str]:
        """Rate-limit headers."""
        until = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "anthropic-ratelimit-requests-limit": "100",
            "anthropic-ratelimit-requests-remaining": str(left),
            "anthropic-ratelimit-requests-reset": until,
            "anthropic-ratelimit-tokens-limit": "100000",
            "anthropic-ratelimit-tokens-remaining": str(left * 1000),
            "anthropic-ratelimit-tokens-reset": until,
        }

    def key(self, headers: Mapping[str, str]) -> str:
        """The header `x-api-key`."""
        return headers.get("x-api-key", "")


def _blocks(said: Said) -> list[dict[str, Any]]:
    thought = said.reasoning or str(said.fields.get("reasoning_content") or "")
    blocks: list[dict[str, Any]] = [{"type": "thinking", "thinking": thought, "signature": "x"}] if thought else []
    if said.finish == "tool":
        return [*blocks, _CALL]
    return [*blocks, {"type": "text", "text": said.text}] if said.text else blocks
