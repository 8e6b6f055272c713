"""The Messages wire format: what goes out, and how everything that comes back is read."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, load_plugin, typed_settings
from imbik.core.questions import Question, Sampling
from imbik.core.types import Completion, Message, Outcome, Sensitivity, Task
from imbik.teachers import ServedTeacher, TeacherContext, WireResponse
from imbik.teachers.anthropic import AnthropicTeacher

QUESTION = Question(
    messages=(Message(role="system", content="Kısa yaz."), Message(role="user", content="İki artı iki?")),
    row="r",
    sensitivity=Sensitivity.PUBLIC,
    sampling=Sampling(max_tokens=500, temperature=0.5, top_p=0.9, seed=7),
)
SCHEMA = '{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false}'
MODEL = "claude-sonnet-4-5-20250929"


def made(**settings: Any) -> AnthropicTeacher:
    """The teacher at its home."""
    block = PluginBlock(use="anthropic", raw={"model": MODEL, **settings})
    plugin = load_plugin("teachers", "anthropic")
    assert plugin is AnthropicTeacher
    return AnthropicTeacher(typed_settings("teachers", block), TeacherContext("c", Path(), Path()))  # type: ignore[arg-type]


def body(question: Question = QUESTION, **settings: Any) -> dict[str, Any]:
    """What would be sent."""
    return msgspec.json.decode(made(**settings).request(question).body, type=dict[str, Any])


def read(*content: dict[str, Any], stop: str = "end_turn", **usage: int) -> Completion:
    """A reply, read."""
    whole = {"type": "message", "role": "assistant", "content": content, "stop_reason": stop, "usage": usage}
    return made().read(WireResponse(200, {}, msgspec.json.encode(whole)))


def text(said: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": said}


def test_the_request() -> None:
    teacher = made()
    assert isinstance(teacher, ServedTeacher)
    request = teacher.request(QUESTION)
    assert request.url == "https://api.anthropic.com/v1/messages"
    assert request.headers == {"Content-Type": "application/json", "anthropic-version": "2023-06-01"}
    assert (request.key_name, request.key_header, request.key_prefix) == ("ANTHROPIC_API_KEY", "x-api-key", "")
    assert msgspec.json.decode(request.body) == {
        "model": MODEL,
        "max_tokens": 500,
        "system": "Kısa yaz.",
        "messages": [{"role": "user", "content": "İki artı iki?"}],
        "temperature": 0.5,
        "top_p": 0.9,
    }
    assert made(betas=["a", "b"]).request(QUESTION).headers["anthropic-beta"] == "a,b"


def test_another_address_gets_no_key_unless_one_is_named() -> None:
    there = made(base_url="http://127.0.0.1:9000/v1")
    assert (there.url, there.request(QUESTION).key_name) == ("http://127.0.0.1:9000/v1/messages", "")
    assert made(base_url="http://127.0.0.1:9000", key="IMBIK_X").request(QUESTION).key_name == "IMBIK_X"


def test_thinking_has_room_beside_the_answer_and_takes_no_temperature() -> None:
    found = body(thinking=2048)
    assert found["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert found["max_tokens"] == 2548
    assert "temperature" not in found
    adaptive = body(thinking="adaptive", effort="high", thinking_shown="summarized")
    assert adaptive["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert adaptive["output_config"] == {"effort": "high"}
    assert adaptive["max_tokens"] == 500
    plain, deep = made().cost_at_most(QUESTION), made(thinking=2048).cost_at_most(QUESTION)
    assert plain is not None
    assert deep is not None
    assert deep - plain == Decimal(2048) * 15 / 1_000_000


def test_models_that_refuse_temperature_are_sent_none() -> None:
    assert "temperature" not in body(model="claude-opus-5")
    assert "temperature" in body(model="claude-opus-5", sampling=True)
    assert "temperature" not in body(sampling=False)


def test_a_schema_is_a_format_a_tool_or_words() -> None:
    asked = msgspec.structs.replace(QUESTION, schema=SCHEMA)
    wanted = msgspec.json.decode(SCHEMA)
    assert body(asked)["output_config"] == {"format": {"type": "json_schema", "schema": wanted}}
    old = body(asked, model="claude-3-5-sonnet-20241022")
    assert old["tools"][0]["input_schema"] == wanted
    assert old["tool_choice"] == {"type": "tool", "name": "answer"}
    told = body(asked, structured="none")
    assert told["messages"][-1]["content"].endswith(SCHEMA)
    assert not {"tools", "output_config"} & set(told)
    assert "Answer with JSON that fits" in told["messages"][-1]["content"]
    assert "tools" not in body(asked, model="claude-3-7-sonnet-20250219", thinking=1024)


@pytest.mark.parametrize(
    ("language", "words", "tool"),
    [
        ("tr", "Yalnızca şu JSON şemasına", "Yanıtı verir."),
        ("tr-TR", "Yalnızca şu JSON şemasına", "Yanıtı verir."),
        ("en", "Answer with JSON that fits", "Gives the answer."),
        ("sl", "Answer with JSON that fits", "Gives the answer."),
    ],
)
def test_a_schema_is_told_in_the_language_of_the_task(language: str, words: str, tool: str) -> None:
    task = Task(id="r", kind="qa", messages=QUESTION.messages, language=language)
    asked = msgspec.structs.replace(QUESTION, schema=SCHEMA, task=task)
    assert words in body(asked, structured="none")["messages"][-1]["content"]
    assert body(asked, model="claude-3-5-sonnet-20241022")["tools"][0]["description"] == tool


def test_a_tool_that_holds_the_answer_is_read_as_the_answer() -> None:
    found = read({"type": "tool_use", "id": "t", "name": "answer", "input": {"ad": "Işık"}}, stop="tool_use")
    assert (found.answer, found.outcome) == ('{"ad":"Işık"}', Outcome.ANSWERED)


def test_thinking_blocks_are_reasoning() -> None:
    found = read(
        {"type": "thinking", "thinking": "2+2 dört eder", "signature": "x"},
        {"type": "redacted_thinking", "data": "…"},
        {"type": "thinking", "thinking": "Eminim", "signature": "y"},
        text("Dö"),
        text("rt."),
        input_tokens=10,
        output_tokens=5,
        cache_read_input_tokens=4,
        cache_creation_input_tokens=2,
    )
    assert (found.reasoning, found.answer, found.outcome) == ("2+2 dört eder\nEminim", "Dört.", Outcome.ANSWERED)
    usage = found.usage
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.written_tokens) == (16, 5, 4, 2)
    assert found.cost == (10 * Decimal(3) + 4 * Decimal("0.3") + 2 * Decimal(6) + 5 * Decimal(15)) / 1_000_000


@pytest.mark.parametrize(
    ("content", "stop", "outcome"),
    [
        ([text("Dört.")], "end_turn", Outcome.ANSWERED),
        ([text("Dört.")], "stop_sequence", Outcome.ANSWERED),
        ([text("Dö")], "max_tokens", Outcome.TRUNCATED),
        ([], "max_tokens", Outcome.TRUNCATED),
        ([text("Dö")], "model_context_window_exceeded", Outcome.TRUNCATED),
        ([text("Bunu")], "refusal", Outcome.REFUSED),
        ([{"type": "tool_use", "name": "x", "input": {}}], "tool_use", Outcome.MALFORMED),
        ([text("…")], "pause_turn", Outcome.MALFORMED),
        ([], "end_turn", Outcome.MALFORMED),
        ([text(" ")], "end_turn", Outcome.MALFORMED),
        ([text("<think>bitmedi")], "end_turn", Outcome.MALFORMED),
    ],
)
def test_every_way_an_answer_can_end(content: list[dict[str, Any]], stop: str, outcome: Outcome) -> None:
    found = read(*content, stop=stop)
    assert found.outcome is outcome
    assert bool(found.reason) == (outcome is not Outcome.ANSWERED)


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (529, {"type": "overloaded_error", "message": "Overloaded"}, "HTTP 529: Overloaded"),
        (429, {"type": "rate_limit_error", "message": "slow down"}, "HTTP 429: slow down"),
        (401, {"type": "authentication_error", "message": "invalid x-api-key"}, "HTTP 401: invalid x-api-key"),
        (
            400,
            {"type": "invalid_request_error", "message": "max_tokens: field required"},
            "HTTP 400: max_tokens: field required",
        ),
        (500, {"type": "api_error"}, "HTTP 500: api_error"),
    ],
)
def test_error_statuses(status: int, error: dict[str, str], reason: str) -> None:
    whole = msgspec.json.encode({"type": "error", "error": error, "request_id": "req_1"})
    found = made().read(WireResponse(status, {}, whole))
    assert (found.outcome, found.reason) == (Outcome.FAILED, reason)


def test_the_providers_filter_is_an_outcome_of_its_own() -> None:
    error = {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"}
    found = made().read(WireResponse(400, {}, msgspec.json.encode({"type": "error", "error": error})))
    assert found.outcome is Outcome.FILTERED


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"{}", b'{"content":"x"}', b"event: ping\n", b'{"type":"error","error":{"type":"x"}}'],
)
def test_what_is_no_message_is_malformed(data: bytes) -> None:
    found = made().read(WireResponse(200, {}, data))
    assert found.outcome is Outcome.MALFORMED
    assert found.reason


_blocks = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["type", "text", "thinking", "input", "name", "error"]), x),
    max_leaves=10,
)


@given(value=_blocks, stop=st.sampled_from(["end_turn", "tool_use", None]))
def test_no_body_makes_reading_raise(value: object, stop: str | None) -> None:
    teacher = made()
    for status in (200, 400):
        for whole in (value, {"content": value, "usage": value}, {"content": [value], "stop_reason": stop}):
            teacher.read(WireResponse(status, {}, msgspec.json.encode(whole)))


def test_identity_is_what_shapes_answers_and_nothing_else() -> None:
    same = made().identity
    assert same == f"anthropic https://api.anthropic.com:443/ {MODEL}"
    assert made(concurrency=1, timeout=9, price={"input": 1, "output": 2}, key="A_API_KEY").identity == same
    for changed in ({"thinking": 2048}, {"effort": "low"}, {"betas": ["x"]}, {"extra": {"top_k": 5}}, {"model": "b"}):
        assert made(**changed).identity != same


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"thinking": 100}, "1024 tokens at least"),
        ({"thinking": True}, "1024 tokens at least"),
        ({"extra": {"system": "x"}}, "'system' is set by imbik"),
        ({"base_url": "http://2130706433"}, "base_url"),
        ({"efort": "low"}, "did you mean 'effort'"),
    ],
)
def test_wrong_settings_are_said(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(PluginError, match=what):
        made(**settings)
