"""Batches as OpenAI takes them: a file of lines is uploaded, then a batch is made of it; parts that do no I/O.

Enters and leaves: as `BatchWire` says. Format: OpenAI API reference, "Batch" and "Files" (50,000 requests and 200 MB a
file). A batch carries our token as metadata; answers and errors come in two files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from imbik.teachers._wire import WireSettings, error_text

_ENDED = {"completed", "failed", "expired", "cancelled"}
_FULL = "token_limit_exceeded"  # too many tokens wait in the account's batches of this model


class OpenAIBatch:
    """A file of lines is uploaded, then a batch is made of it; answers and errors come in two files."""

    carries_token = True
    most_rows, most_bytes = 50_000, 200 << 20

    def __init__(self, base_url: str, key: WireRequest, settings: WireSettings) -> None:
        """`key` is any request to the endpoint: its key and headers are shown here too."""
        self._base, self._like = base_url, key
        self.poll, self._keep = settings.batch_poll, settings.batch_keep
        self.most_rows = min(self.most_rows, settings.batch_requests)
        self.most_bytes = min(self.most_bytes, settings.batch_bytes)

    def row(self, custom_id: str, request: WireRequest) -> bytes:
        """See BatchWire."""
        line = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions"}
        return msgspec.json.encode({**line, "body": msgspec.Raw(request.body)})

    def parcel(self, token: str) -> Parcel:
        """See BatchWire."""
        edge = f"imbik-{token}"
        head = (
            f'--{edge}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--{edge}\r\n'
            f'Content-Disposition: form-data; name="file"; filename="{token}.jsonl"\r\n'
            "Content-Type: application/jsonl\r\n\r\n"
        )
        headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        request = request_like(self._like, f"{self._base}/files", headers=headers)
        return Parcel(request, head.encode(), b"\n", f"\r\n--{edge}--\r\n".encode())

    def begin(self, token: str, sent: bytes) -> WireRequest | None:
        """See BatchWire."""
        told = {
            "input_file_id": checked_id(json_object(sent).get("id")),
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"imbik": token},
        }
        return request_like(self._like, f"{self._base}/batches", msgspec.json.encode(told))

    def look(self, batch: str) -> WireRequest:
        """See BatchWire."""
        return request_like(self._like, f"{self._base}/batches/{checked_id(batch)}")

    def listing(self, after: str) -> WireRequest:
        """See BatchWire."""
        return request_like(
            self._like, f"{self._base}/batches?limit=100" + (f"&after={checked_id(after)}" if after else "")
        )

    def results(self, state: BatchState) -> list[WireRequest]:
        """See BatchWire."""
        return [request_like(self._like, f"{self._base}/files/{name}/content") for name in state.results]

    def discards(self, state: BatchState) -> list[WireRequest]:
        """See BatchWire. The batch itself stays listed, without a word of its rows."""
        names = () if self._keep else (*state.sent, *state.results)
        return [request_like(self._like, f"{self._base}/files/{name}") for name in names]

    def state(self, told: Mapping[str, Any]) -> BatchState:
        """See BatchWire."""
        counts, metadata = mapping(told.get("request_counts")), mapping(told.get("metadata"))
        files = (told.get("output_file_id"), told.get("error_file_id"))
        status = told.get("status")
        return BatchState(
            checked_id(told.get("id")),
            status in _ENDED,
            tuple(checked_id(name) for name in files if name),
            str(metadata.get("imbik", "")),
            count(counts.get("completed")) + count(counts.get("failed")),
            count(counts.get("total")),
            float(count(told.get("created_at"))),
            _first_error(told) if status == "failed" else "",
            status == "failed" and mapping(_errors(told)[0] if _errors(told) else None).get("code") == _FULL,
            (checked_id(sent),) if (sent := told.get("input_file_id")) else (),
        )

    def page(self, told: Mapping[str, Any]) -> tuple[list[BatchState], bool]:
        """See BatchWire."""
        return page_of(told, self.state)

    def ended(self, line: bytes) -> BatchRow:
        """See BatchWire."""
        told = _chat_row.decode(line)
        if told.response is not None and told.response.status_code:
            return BatchRow(told.custom_id, told.response.status_code, bytes(told.response.body))
        return BatchRow(told.custom_id, problem=no_answer(error_text({"error": told.error})))


class _ChatReply(msgspec.Struct):
    status_code: int = 0
    body: msgspec.Raw = msgspec.Raw(b"")


class _ChatRow(msgspec.Struct):
    custom_id: str
    response: _ChatReply | None = None
    error: Any = None


_chat_row = msgspec.json.Decoder(_ChatRow)


def _first_error(told: Mapping[str, Any]) -> str:
    """Why the provider refused a whole batch."""
    errors = _errors(told)
    return error_text({"error": errors[0]}) if errors else "the provider refused it"


def _errors(told: Mapping[str, Any]) -> Sequence[Any]:
    found = mapping(told.get("errors")).get("data")
    return found if isinstance(found, list) else ()
