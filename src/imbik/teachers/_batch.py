"""Batches: many questions in one file at a lower price, whoever takes them; parts that do no I/O.

Enters: rows as the bytes of their requests, replies as data. Leaves: what to send, and from the replies how a batch
stands and how each of its rows ended. A row's reply has the form of a live one, so that the same reader reads both.
What a provider's batches look like is one file (`_batch_openai`, `_batch_anthropic`) that fulfils `BatchWire`; its
teacher hands that out as `batch`, and nothing else need know the provider.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from imbik.core.errors import PluginError
from imbik.core.plugins import presets
from imbik.privacy.addresses import Endpoint, endpoint
from imbik.teachers import WireRequest
from imbik.teachers._wire import JSON_HEADERS, WireSettings

_DIGITS = 9  # of a row's number: a longer one is none of ours
_ID = re.compile(r"[\w-]{1,128}")  # of a file or batch; it becomes a part of addresses


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
    `done` of `rows` have ended, and `begun` is when it was made (seconds since 1970; 0: not told). `problem` is why
    there is no batch at all; `full`: for now only, since too much is under way. `sent`: ids of what holds its rows."""

    id: str
    ended: bool
    results: tuple[str, ...] = ()
    token: str = ""
    done: int = 0
    rows: int = 0
    begun: float = 0.0
    problem: str = ""
    full: bool = False
    sent: tuple[str, ...] = ()


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

    def discards(self, state: BatchState) -> list[WireRequest]:
        """What deletes a batch's rows and results at the provider, with the method DELETE."""
        ...

    def state(self, told: Mapping[str, Any]) -> BatchState:
        """How a batch stands, as the provider says.

        Raises: ValueError for what is no batch.
        """
        ...

    def page(self, told: Mapping[str, Any]) -> tuple[list[BatchState], bool]:
        """The batches on one page of a listing, and whether there are more.

        Raises: ValueError for what is no listing.
        """
        ...

    def ended(self, line: bytes) -> BatchRow:
        """How a row ended.

        Raises: ValueError for what is no result.
        """
        ...


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
    """The batches on the page of a listing that a reply holds, and whether there are more. Raises: ValueError."""
    return wire.page(json_object(body))


def state_in(body: bytes, wire: BatchWire) -> BatchState:
    """The batch that a reply describes. Raises: ValueError."""
    return wire.state(json_object(body))


def custom_id(token: str, number: int) -> str:
    """The name of a row: `TOKEN-NUMBER`, which says nothing of what is in it."""
    return f"{token}-{number}"


def number_in(name: str, token: str) -> int | None:
    """The number of a row of this batch; None for a row of another."""
    front, _, number = name.rpartition("-")
    plain = len(number) <= _DIGITS and number.isdecimal() and number.isascii()
    return int(number) if front == token and plain else None


def request_like(
    like: WireRequest, url: str, body: bytes = b"", *, headers: Mapping[str, str] = JSON_HEADERS
) -> WireRequest:
    """A request with the key and the other headers of a question."""
    return WireRequest(url, body, {**like.headers, **headers}, like.key_name, like.key_header, like.key_prefix)


def page_of(told: Mapping[str, Any], state: Callable[[Mapping[str, Any]], BatchState]) -> tuple[list[BatchState], bool]:
    """A page as both OpenAI and Anthropic write it: `data` and `has_more`. Raises: ValueError."""
    data = told.get("data")
    if not isinstance(data, list):
        raise ValueError("no list of batches")
    return [state(mapping(item)) for item in data], bool(told.get("has_more"))


def checked_id(value: object) -> str:
    """An id as a provider names it, safe as a part of an address. Raises: ValueError for anything else."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError("no id of a batch or file")
    return value


def json_object(body: bytes) -> Mapping[str, Any]:
    """What a JSON reply holds; nothing where it is no object. Raises: ValueError for what is no JSON."""
    try:
        return mapping(msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("no JSON") from None


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object; nothing for anything else."""
    return value if isinstance(value, dict) else {}


def count(value: object) -> int:
    """A number of rows or seconds; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def no_answer(reason: str) -> str:
    """Why a row has no answer, in words."""
    return f"its batch ended without an answer to it ({reason or 'no reason was given'})"
