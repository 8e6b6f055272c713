"""Anthropic's results: a reply as a live request would have brought it, or why there is none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from batchwires import STATES, TOKEN, made, told, wire
from imbik.core.types import Outcome
from imbik.teachers import WireResponse

_MESSAGE = {
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Dört"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 1},
}


def ended(**result: Any) -> Any:
    """How a row ended."""
    return wire("anthropic").ended(told(custom_id=f"{TOKEN}-1", result=result))


def test_an_answer_is_read_as_a_live_one() -> None:
    row = ended(type="succeeded", message=_MESSAGE)
    assert (row.custom_id, row.status, row.problem) == (f"{TOKEN}-1", 200, "")
    completion = made("anthropic").read(WireResponse(row.status, {}, row.body))
    assert (completion.outcome, completion.answer, completion.usage.input_tokens) == (Outcome.ANSWERED, "Dört", 3)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("invalid_request_error", 400),
        ("authentication_error", 401),
        ("rate_limit_error", 429),
        ("overloaded_error", 529),
        ("yeni_bir_hata", 500),
    ],
)
def test_an_error_has_the_status_that_a_live_one_would_have(kind: str, status: int) -> None:
    inner = {"type": kind, "message": "olmadı"}
    for error in ({"type": "error", "error": inner}, inner):  # both stand in the reference
        row = ended(type="errored", error=error)
        assert (row.status, msgspec.json.decode(row.body)) == (status, error)


@pytest.mark.parametrize(("kind", "words"), [("expired", "not done in time"), ("canceled", "canceled")])
def test_a_row_without_a_result_says_why(kind: str, words: str) -> None:
    row = ended(type=kind)
    assert (row.status, row.body) == (0, b"")
    assert words in row.problem


@pytest.mark.parametrize("line", [b"", b"{", b"{}", b'{"custom_id": "x-1"}', b'{"custom_id": "x-1", "result": {}}'])
def test_a_line_that_is_no_result_is_an_error(line: bytes) -> None:
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        wire("anthropic").ended(line)


def test_results_are_there_only_when_a_batch_has_ended() -> None:
    state = wire("anthropic").state({**STATES["anthropic"], "processing_status": "canceling"})
    assert (state.ended, state.results) == (False, ())


def test_the_rows_are_one_document() -> None:
    parcel = wire("anthropic").parcel(TOKEN)
    whole = parcel.head + parcel.between.join([b'{"a": 1}', b'{"a": 2}']) + parcel.tail
    assert msgspec.json.decode(whole) == {"requests": [{"a": 1}, {"a": 2}]}
    assert wire("anthropic").begin(TOKEN, b"") is None
