"""Batches: many questions in one file at a lower price, as OpenAI and Anthropic take them; parts that do no I/O.

Enters: rows as the bytes of their requests, replies as data. Leaves: what to send, and from the replies how a batch
stands and how each of its rows ended. A row's reply has the form of a live one, so that the same reader reads both.
Formats: OpenAI API reference, "Batch" and "Files" (50,000 requests and 200 MB a file); Anthropic API reference,
"Message Batches" (100,000 requests and 256 MB). OpenAI's batches carry our token as metadata, Anthropic's carry
nothing: there the token at the front of every `custom_id` tells whose they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from imbik.core.errors import PluginError
from imbik.core.plugins import presets
from imbik.privacy.addresses import Endpoint, endpoint
from imbik.teachers import WireRequest
from imbik.teachers._wire import JSON_HEADERS, WireSettings, error_text

Method = Literal["GET", "POST"]
_ID = re.compile(r"[\w-]{1,128}")  # of a file or batch; it becomes a part of addresses
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
_ENDED = {"completed", "failed", "expired", "cancelled"}


@dataclass(frozen=True)
class Parcel:
    """What carries the rows of a batch: their bytes stand between `head` and `tail`, parted by `between`."""

    request: WireRequest
    head: bytes
    between: bytes
    tail: bytes


@dataclass(frozen=True)
class BatchState:
    """How a batch stands. `token` is ours, where the provider keeps it; `results` are ids of what holds the results;
    `done` of `rows` have ended, and `begun` is when it was made (seconds since 1970; 0: not told)."""

    id: str
    ended: bool
    results: tuple[str, ...] = ()
    token: str = ""
    done: int = 0
    rows: int = 0
    begun: float = 0.0
    problem: str = ""


@dataclass(frozen=True)
class BatchRow:
    """How one row ended: the reply as a live request would have brought it, or `problem` where there is none."""

    custom_id: str
    status: int = 0
    body: bytes = b""
    problem: str = ""


class BatchWire(Protocol):
    """A provider's batches as data. One holds `most_rows` in `most_bytes` at most; it is looked at every `poll` seconds
    at last, and `carries_token` where the provider keeps our token with it."""

    carries_token: bool
    most_rows: int
    most_bytes: int
    poll: float

    def row(self, custom_id: str, request: WireRequest) -> bytes:
        """One question as it stands in a batch: JSON on one line."""
        ...

    def parcel(self, token: str) -> Parcel:
        """What the rows are sent in."""
        ...

    def begin(self, token: str, sent: bytes) -> WireRequest | None:
        """What makes a batch of what was sent, by the reply to it; None where sending it was enough.

        Raises: ValueError for a reply that names nothing.
        """
        ...

    def look(self, batch: str) -> WireRequest:
        """What asks how a batch stands."""
        ...

    def listing(self, after: str) -> WireRequest:
        """What asks for the account's batches, newest first, after one of them."""
        ...

    def results(self, state: BatchState) -> list[WireRequest]:
        """What asks for the results, a JSON line a row."""
        ...

    def state(self, told: Mapping[str, Any]) -> BatchState:
        """How a batch stands, as the provider says.

        Raises: ValueError for what is no batch.
        """
        ...

    def ended(self, line: bytes) -> BatchRow:
        """How a row ended.

        Raises: ValueError for what is no result.
        """
        ...


class OpenAIBatch:
    """A file of lines is uploaded, then a batch is made of it; answers and errors come in two files."""

    carries_token = True
    most_rows, most_bytes = 50_000, 200 << 20

    def __init__(self, base_url: str, key: WireRequest, settings: WireSettings) -> None:
        """`key` is any request to the endpoint: its key and headers are shown here too."""
        self._base, self._like = base_url, key
        self.poll = settings.batch_poll
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
        request = _request(self._like, f"{self._base}/files", headers=headers)
        return Parcel(request, head.encode(), b"\n", f"\r\n--{edge}--\r\n".encode())

    def begin(self, token: str, sent: bytes) -> WireRequest | None:
        """See BatchWire."""
        told = {
            "input_file_id": _id(_object(sent).get("id")),
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"imbik": token},
        }
        return _request(self._like, f"{self._base}/batches", msgspec.json.encode(told))

    def look(self, batch: str) -> WireRequest:
        """See BatchWire."""
        return _request(self._like, f"{self._base}/batches/{_id(batch)}")

    def listing(self, after: str) -> WireRequest:
        """See BatchWire."""
        return _request(self._like, f"{self._base}/batches?limit=100" + (f"&after={_id(after)}" if after else ""))

    def results(self, state: BatchState) -> list[WireRequest]:
        """See BatchWire."""
        return [_request(self._like, f"{self._base}/files/{name}/content") for name in state.results]

    def state(self, told: Mapping[str, Any]) -> BatchState:
        """See BatchWire."""
        counts, metadata = _mapping(told.get("request_counts")), _mapping(told.get("metadata"))
        files = (told.get("output_file_id"), told.get("error_file_id"))
        status = told.get("status")
        return BatchState(
            _id(told.get("id")),
            status in _ENDED,
            tuple(_id(name) for name in files if name),
            str(metadata.get("imbik", "")),
            _count(counts.get("completed")) + _count(counts.get("failed")),
            _count(counts.get("total")),
            float(_count(told.get("created_at"))),
            _first_error(told) if status == "failed" else "",
        )

    def ended(self, line: bytes) -> BatchRow:
        """See BatchWire."""
        told = _chat_row.decode(line)
        if told.response is not None and told.response.status_code:
            return BatchRow(told.custom_id, told.response.status_code, bytes(told.response.body))
        return BatchRow(told.custom_id, problem=_said(error_text({"error": told.error})))


class AnthropicBatch:
    """The rows are sent as one document; all results come in one file."""

    carries_token = False
    most_rows, most_bytes = 100_000, 256 << 20

    def __init__(self, base_url: str, key: WireRequest, settings: WireSettings) -> None:
        """`key` is any request to the endpoint: its key and headers are shown here too."""
        self._base, self._like = f"{base_url}/v1/messages/batches", key
        self.poll = settings.batch_poll
        self.most_rows = min(self.most_rows, settings.batch_requests)
        self.most_bytes = min(self.most_bytes, settings.batch_bytes)

    def row(self, custom_id: str, request: WireRequest) -> bytes:
        """See BatchWire."""
        return msgspec.json.encode({"custom_id": custom_id, "params": msgspec.Raw(request.body)})

    def parcel(self, token: str) -> Parcel:  # noqa: ARG002 - the rows carry it
        """See BatchWire."""
        return Parcel(_request(self._like, self._base), b'{"requests":[', b",", b"]}")

    def begin(self, token: str, sent: bytes) -> WireRequest | None:  # noqa: ARG002
        """See BatchWire."""
        return None

    def look(self, batch: str) -> WireRequest:
        """See BatchWire."""
        return _request(self._like, f"{self._base}/{_id(batch)}")

    def listing(self, after: str) -> WireRequest:
        """See BatchWire."""
        return _request(self._like, f"{self._base}?limit=100" + (f"&after_id={_id(after)}" if after else ""))

    def results(self, state: BatchState) -> list[WireRequest]:
        """See BatchWire. Its own address is used, not the one that the provider names."""
        return [_request(self._like, f"{self._base}/{name}/results") for name in state.results]

    def state(self, told: Mapping[str, Any]) -> BatchState:
        """See BatchWire."""
        counts, name = _mapping(told.get("request_counts")), _id(told.get("id"))
        done = sum(_count(counts.get(kind)) for kind in ("succeeded", "errored", "canceled", "expired"))
        rows = done + _count(counts.get("processing"))
        ended = told.get("processing_status") == "ended"
        begun = datetime.fromisoformat(str(told.get("created_at"))).timestamp()
        return BatchState(name, ended, (name,) if ended else (), "", done, rows, begun)

    def ended(self, line: bytes) -> BatchRow:
        """See BatchWire."""
        told = _message_row.decode(line)
        result = told.result
        if result.type == "succeeded":
            return BatchRow(told.custom_id, 200, bytes(result.message))
        if result.type == "errored":
            error = _object(bytes(result.error))
            inner = _mapping(error.get("error", error))
            return BatchRow(told.custom_id, _STATUS.get(str(inner.get("type")), 500), bytes(result.error))
        return BatchRow(told.custom_id, problem=_said({"expired": "not done in time"}.get(result.type, result.type)))


class _ChatReply(msgspec.Struct):
    status_code: int = 0
    body: msgspec.Raw = msgspec.Raw(b"")


class _ChatRow(msgspec.Struct):
    custom_id: str
    response: _ChatReply | None = None
    error: Any = None


class _Result(msgspec.Struct):
    type: str
    message: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")


class _MessageRow(msgspec.Struct):
    custom_id: str
    result: _Result


_chat_row, _message_row = msgspec.json.Decoder(_ChatRow), msgspec.json.Decoder(_MessageRow)


def refuse_batches(settings: WireSettings, here: Endpoint, known: bool, name: str) -> None:
    """A provider that takes no batches in this form, as far as is known, is not asked for any.

    `known` is whether it is the provider whose form it is. Raises: PluginError.
    """
    others = {address for preset in presets("teachers").values() if (address := preset.settings.get("base_url"))}
    taken = settings.own or here in {endpoint(address) for address in others} or here.host.endswith(".azure.com")
    if settings.batch and taken and not known:
        raise PluginError(
            f"batch: {here} is not known to take batches in the form of OpenAI or Anthropic",
            where=f"teachers.{name}",
            next="leave `batch` out: the questions are then asked one by one",
        )


def states_in(body: bytes, wire: BatchWire) -> tuple[list[BatchState], bool]:
    """The batches on one page of a listing, and whether there are more.

    Raises: ValueError.
    """
    told = _object(body)
    data = told.get("data")
    if not isinstance(data, list):
        raise ValueError("no list of batches")
    return [wire.state(_mapping(item)) for item in data], bool(told.get("has_more"))


def state_in(body: bytes, wire: BatchWire) -> BatchState:
    """The batch that a reply describes. Raises: ValueError."""
    return wire.state(_object(body))


def custom_id(token: str, number: int) -> str:
    """The name of a row: `TOKEN-NUMBER`, which says nothing of what is in it."""
    return f"{token}-{number}"


def number_in(name: str, token: str) -> int | None:
    """The number of a row of this batch; None for a row of another."""
    front, _, number = name.rpartition("-")
    return int(number) if front == token and number.isdecimal() and number.isascii() else None


def _request(
    like: WireRequest, url: str, body: bytes = b"", *, headers: Mapping[str, str] = JSON_HEADERS
) -> WireRequest:
    """A request with the key and the other headers of a question."""
    return WireRequest(url, body, {**like.headers, **headers}, like.key_name, like.key_header, like.key_prefix)


def _id(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError("no id of a batch or file")
    return value


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        return _mapping(msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("no JSON") from None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _first_error(told: Mapping[str, Any]) -> str:
    """Why the provider refused a whole batch."""
    errors: Sequence[Any] = _mapping(told.get("errors")).get("data") or ()
    return error_text({"error": errors[0]}) if errors else "the provider refused it"


def _said(reason: str) -> str:
    return f"its batch ended without an answer to it ({reason or 'no reason was given'})"
