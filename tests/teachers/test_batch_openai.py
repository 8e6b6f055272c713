"""OpenAI's results: a reply as a live request would have brought it, or why there is none."""

from __future__ import annotations

import msgspec
import pytest

from batchwires import STATES, TOKEN, made, told, wire
from imbik.core.types import Outcome
from imbik.teachers import WireResponse

_BODY = {"choices": [{"message": {"content": "Dört"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}


def test_an_answer_is_read_as_a_live_one() -> None:
    row = wire("openai").ended(told(custom_id=f"{TOKEN}-1", response={"status_code": 200, "body": _BODY}, error=None))
    assert (row.custom_id, row.status, row.problem) == (f"{TOKEN}-1", 200, "")
    completion = made("openai").read(WireResponse(row.status, {}, row.body))
    assert (completion.outcome, completion.answer, completion.usage.input_tokens) == (Outcome.ANSWERED, "Dört", 3)


def test_an_error_of_a_row_keeps_its_status_and_words() -> None:
    body = {"error": {"message": "çok uzun", "type": "invalid_request_error"}}
    row = wire("openai").ended(told(custom_id="x-1", response={"status_code": 400, "body": body}))
    assert (row.status, msgspec.json.decode(row.body)) == (400, body)


def test_a_row_without_a_response_says_why() -> None:
    error = {"code": "batch_expired", "message": "This request could not be executed before the window"}
    row = wire("openai").ended(told(custom_id="x-1", response=None, error=error))
    assert row.status == 0
    assert "could not be executed" in row.problem


@pytest.mark.parametrize("line", [b"", b"{", b"{}", b"[]", b'{"custom_id": 7}'])
def test_a_line_that_is_no_result_is_an_error(line: bytes) -> None:
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        wire("openai").ended(line)


def test_a_batch_that_failed_as_a_whole_says_why_and_one_that_expired_has_results() -> None:
    errors = {"data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}]}
    failed = wire("openai").state({"id": "batch_1", "status": "failed", "errors": errors})
    assert (failed.ended, failed.results) == (True, ())
    assert "Enqueued token limit" in failed.problem
    expired = wire("openai").state({**STATES["openai"], "status": "expired"})
    assert (expired.ended, expired.problem, len(expired.results)) == (True, "", 2)
    for status in ("validating", "in_progress", "finalizing", "cancelling", None):
        assert not wire("openai").state({**STATES["openai"], "status": status}).ended


def test_a_file_is_a_form_with_our_token_and_no_more() -> None:
    parcel = wire("openai").parcel(TOKEN)
    whole = (parcel.head + b'{"a": 1}' + parcel.between + b'{"a": 2}' + parcel.tail).decode()
    edge = parcel.request.headers["Content-Type"].partition("boundary=")[2]
    _, purpose, file, end = whole.split(f"--{edge}")
    assert purpose.endswith("\r\n\r\nbatch\r\n")
    assert f'filename="{TOKEN}.jsonl"' in file
    assert file.endswith('\r\n\r\n{"a": 1}\n{"a": 2}\r\n')
    assert end == "--\r\n"
