"""Batches as Anthropic takes them: the rows are sent as one document; parts that do no I/O.

Enters and leaves: as `BatchWire` says. Format: Anthropic API reference, "Message Batches" (100,000 requests and 256
MB). A batch carries nothing of ours: the token at the front of every `custom_id` tells whose it is. All results come in
one file.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from imbik.teachers import WireRequest
from imbik.teachers._batch import (
    BatchRow,
    BatchState,
    Parcel,
    checked_id,
    count,
    json_object,
    mapping,
    no_answer,
    page_of,
    request_like,
)
from imbik.teachers._wire import WireSettings

_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}


class AnthropicBatch:
    """The rows are sent as one document; all results come in one file."""

    carries_token = False
    most_rows, most_bytes = 100_000, 256 << 20

    def __init__(self, base_url: str, key: WireRequest, settings: WireSettings) -> None:
        """`key` is any request to the endpoint: its key and headers are shown here too."""
        self._base, self._like = f"{base_url}/v1/messages/batches", key
        self.poll, self._keep = settings.batch_poll, settings.batch_keep
        self.most_rows = min(self.most_rows, settings.batch_requests)
        self.most_bytes = min(self.most_bytes, settings.batch_bytes)

    def row(self, custom_id: str, request: WireRequest) -> bytes:
        """See BatchWire."""
        return msgspec.json.encode({"custom_id": custom_id, "params": msgspec.Raw(request.body)})

    def parcel(self, token: str) -> Parcel:  # noqa: ARG002 - the rows carry it
        """See BatchWire."""
        return Parcel(request_like(self._like, self._base), b'{"requests":[', b",", b"]}")

    def begin(self, token: str, sent: bytes) -> WireRequest | None:  # noqa: ARG002
        """See BatchWire."""
        return None

    def look(self, batch: str) -> WireRequest:
        """See BatchWire."""
        return request_like(self._like, f"{self._base}/{checked_id(batch)}")

    def listing(self, after: str) -> WireRequest:
        """See BatchWire."""
        return request_like(self._like, f"{self._base}?limit=100" + (f"&after_id={checked_id(after)}" if after else ""))

    def results(self, state: BatchState) -> list[WireRequest]:
        """See BatchWire. Its own address is used, not the one that the provider names."""
        return [request_like(self._like, f"{self._base}/{name}/results") for name in state.results]

    def discards(self, state: BatchState) -> list[WireRequest]:
        """See BatchWire."""
        return [] if self._keep else [request_like(self._like, f"{self._base}/{checked_id(state.id)}")]

    def state(self, told: Mapping[str, Any]) -> BatchState:
        """See BatchWire."""
        counts, name = mapping(told.get("request_counts")), checked_id(told.get("id"))
        done = sum(count(counts.get(kind)) for kind in ("succeeded", "errored", "canceled", "expired"))
        rows = done + count(counts.get("processing"))
        ended = told.get("processing_status") == "ended"
        begun = datetime.fromisoformat(str(told.get("created_at"))).timestamp()
        return BatchState(name, ended, (name,) if ended else (), "", done, rows, begun)

    def page(self, told: Mapping[str, Any]) -> tuple[list[BatchState], bool]:
        """See BatchWire."""
        return page_of(told, self.state)

    def ended(self, line: bytes) -> BatchRow:
        """See BatchWire."""
        told = _message_row.decode(line)
        result = told.result
        if result.type == "succeeded":
            return BatchRow(told.custom_id, 200, bytes(result.message))
        if result.type == "errored":
            error = json_object(bytes(result.error))
            inner = mapping(error.get("error", error))
            return BatchRow(told.custom_id, _STATUS.get(str(inner.get("type")), 500), bytes(result.error))
        return BatchRow(
            told.custom_id, problem=no_answer({"expired": "not done in time"}.get(result.type, result.type))
        )


class _Result(msgspec.Struct):
    type: str
    message: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")


class _MessageRow(msgspec.Struct):
    custom_id: str
    result: _Result


_message_row = msgspec.json.Decoder(_MessageRow)
