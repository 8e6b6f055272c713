"""Batches as data: what both forms send, and that nothing a provider says becomes an address or another's row."""

from __future__ import annotations

import msgspec
import pytest

from batchwires import BASE, STATES, TOKEN, made, told, wire
from imbik.core.questions import Question
from imbik.core.types import Message, Sensitivity
from imbik.teachers._batch import custom_id, number_in, state_in, states_in

QUESTION = Question(messages=(Message(role="user", content="İki artı iki?"),), row="r", sensitivity=Sensitivity.PUBLIC)
UNSAFE = ["../files", "a/b", "a?b", "a b", "", "x" * 129, None, 7]


@pytest.fixture(params=["openai", "anthropic"])
def form(request: pytest.FixtureRequest) -> str:
    """Both forms."""
    return request.param


def test_a_row_is_one_line_with_the_request_as_it_would_be_asked_live(form: str) -> None:
    request = made(form).request(QUESTION)
    line = wire(form).row(custom_id(TOKEN, 7), request)
    assert b"\n" not in line
    row = msgspec.json.decode(line)
    assert row["custom_id"] == f"{TOKEN}-7"
    assert (row.get("body") or row["params"]) == msgspec.json.decode(request.body)


def test_a_number_too_long_to_be_one_is_no_row_of_ours() -> None:
    assert number_in(f"{TOKEN}-{'9' * 5000}", TOKEN) is None
    assert number_in(f"{TOKEN}-41", TOKEN) == 41


def test_every_request_shows_the_key_and_stays_at_the_endpoint(form: str) -> None:
    batches = wire(form)
    asked = [batches.parcel(TOKEN).request, batches.look("b_1"), batches.listing(""), batches.listing("b_1")]
    if (begin := batches.begin(TOKEN, told(id="file-1"))) is not None:
        asked.append(begin)
    asked += batches.results(batches.state(STATES[form]))
    assert len(asked) >= 5
    assert {request.key_name for request in asked} == {"IMBIK_ANAHTAR"}
    assert all(request.url.startswith(f"{BASE}/v1/") for request in asked)


def test_how_a_batch_stands(form: str) -> None:
    state = state_in(msgspec.json.encode(STATES[form]), wire(form))
    assert (state.ended, state.done, state.rows, state.begun) == (True, 5, 5, 1_700_000_000.0)
    assert state.token == (TOKEN if form == "openai" else "")
    listed, more = states_in(told(data=[STATES[form]] * 2, has_more=True), wire(form))
    assert (listed, more) == ([state, state], True)


def test_results_are_fetched_from_the_endpoint_whatever_address_the_provider_names(form: str) -> None:
    batches = wire(form)
    urls = [request.url for request in batches.results(batches.state(STATES[form]))]
    expected = {
        "openai": [f"{BASE}/v1/files/file-2/content", f"{BASE}/v1/files/file-3/content"],
        "anthropic": [f"{BASE}/v1/messages/batches/msgbatch_1/results"],
    }
    assert urls == expected[form]


@pytest.mark.parametrize("name", UNSAFE)
def test_what_is_no_id_becomes_no_part_of_an_address(form: str, name: object) -> None:
    batches = wire(form)
    with pytest.raises(ValueError, match="no id"):
        batches.state({**STATES[form], "id": name})
    if name:
        with pytest.raises(ValueError, match="no id"):
            batches.look(name)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="no id"):
            batches.listing(name)  # type: ignore[arg-type]
    if form == "openai":
        with pytest.raises(ValueError, match="no id"):
            batches.begin(TOKEN, told(id=name))


@pytest.mark.parametrize("body", [b"", b"[", b"null", b"[1]", b'"x"', b"[" * 100_000])
def test_what_describes_no_batch_is_an_error_and_no_crash(form: str, body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever
        state_in(body, wire(form))
    with pytest.raises(ValueError):  # noqa: PT011
        states_in(body, wire(form))


def test_the_settings_make_batches_smaller_and_never_larger(form: str) -> None:
    small, large = wire(form, batch_requests=10, batch_bytes=9000), wire(form, batch_requests=100_000)
    assert (small.most_rows, small.most_bytes) == (10, 9000)
    assert large.most_rows == {"openai": 50_000, "anthropic": 100_000}[form]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (f"{TOKEN}-0", 0),
        (f"{TOKEN}-12", 12),
        ("qqqqqqqqqqqqqqqq-12", None),
        (f"{TOKEN}-", None),
        (f"{TOKEN}--1", None),
        (f"{TOKEN}-١٢", None),
        (f"x-{TOKEN}-1", None),
        (TOKEN, None),
        ("", None),
    ],
)
def test_a_row_of_another_batch_is_nobody_here(name: str, number: int | None) -> None:
    assert number_in(name, TOKEN) == number
