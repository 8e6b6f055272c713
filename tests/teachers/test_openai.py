"""The chat-completions wire format: what goes out, and how everything that comes back is read."""

from __future__ import annotations

from collections.abc import Mapping
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
from imbik.core.types import Completion, Message, Outcome, Sensitivity
from imbik.teachers import ServedTeacher, TeacherContext, WireResponse
from imbik.teachers.openai import OpenAITeacher

QUESTION = Question(
    messages=(Message(role="system", content="Kısa yaz."), Message(role="user", content="İki artı iki?")),
    row="r",
    sensitivity=Sensitivity.PUBLIC,
)


def made(**settings: Any) -> OpenAITeacher:
    """The teacher with a local endpoint."""
    block = PluginBlock(use="openai", raw={"model": "sahte", "base_url": "http://127.0.0.1:8000/v1", **settings})
    plugin = load_plugin("teachers", "openai")
    assert plugin is OpenAITeacher
    return OpenAITeacher(typed_settings("teachers", block), TeacherContext("buyuk", Path(), Path()))  # type: ignore[arg-type]


def body(question: Question = QUESTION, **settings: Any) -> dict[str, Any]:
    """What would be sent."""
    return msgspec.json.decode(made(**settings).request(question).body, type=dict[str, Any])


def reply(message: Mapping[str, Any], finish: str = "stop", **more: Any) -> WireResponse:
    """A reply with one choice."""
    whole = {"choices": [{"message": message, "finish_reason": finish, **more.pop("choice", {})}], **more}
    return WireResponse(200, {}, msgspec.json.encode(whole))


def read(message: Mapping[str, Any], finish: str = "stop", **more: Any) -> Completion:
    """A reply, read."""
    return made().read(reply(message, finish, **more))


def test_it_fulfils_the_contract_of_a_served_teacher() -> None:
    assert isinstance(made(), ServedTeacher)


def test_the_request() -> None:
    assert body() == {
        "model": "sahte",
        "messages": [
            {"role": "system", "content": "Kısa yaz."},
            {"role": "user", "content": "İki artı iki?"},
        ],
        "max_tokens": 1024,
        "temperature": 0.0,
    }
    sampled = msgspec.structs.replace(QUESTION, sampling=Sampling(temperature=0.7, top_p=0.9, seed=5, max_tokens=7))
    found = body(sampled, extra={"chat_template_kwargs": {"enable_thinking": True}}, top_logprobs=3)
    assert (found["temperature"], found["top_p"], found["seed"], found["max_tokens"]) == (0.7, 0.9, 5, 7)
    assert found["chat_template_kwargs"] == {"enable_thinking": True}
    assert (found["logprobs"], found["top_logprobs"]) == (True, 3)
    bare = body(sampled, sampling=False, limit="max_completion_tokens")
    assert set(bare) == {"model", "messages", "max_completion_tokens"}


def test_the_key_is_named_and_only_at_home_by_default() -> None:
    request = made().request(QUESTION)
    assert request.url == "http://127.0.0.1:8000/v1/chat/completions"
    assert request.key_name == ""
    home = made(base_url="https://api.openai.com/v1/")
    assert home.request(QUESTION).key_name == "OPENAI_API_KEY"
    assert home.url == "https://api.openai.com/v1/chat/completions"
    assert b"max_completion_tokens" in home.request(QUESTION).body
    assert made(key="VLLM_API_KEY").request(QUESTION).key_name == "VLLM_API_KEY"
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("key", ["gsk_9a8b7c6d5e4f3a2b1c0d", "9a8b7c6d5e4f3a2b", 123456789, "openai_api_key"])
def test_a_key_in_the_place_of_its_name_is_refused_and_not_repeated(key: object) -> None:
    with pytest.raises(PluginError, match="'key': not the name of a key") as error:
        made(key=key)
    assert str(key) not in str(error.value)


def test_identity_is_what_shapes_answers_and_nothing_else() -> None:
    same = made().identity
    assert same == "openai http://127.0.0.1:8000/v1 sahte"
    assert made(concurrency=1, timeout=9, price={"input": 1, "output": 2}, key="A_API_KEY").identity == same
    for changed in ({"model": "b"}, {"base_url": "http://127.0.0.1:8001/v1"}, {"extra": {"a": 1}}, {"sampling": False}):
        assert made(**changed).identity != same
    here = made(served_as="llama-3-70b fp8")
    assert made(base_url="http://127.0.0.1:8001/v1", served_as="llama-3-70b fp8").identity == here.identity
    assert here.identity != same


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"base_url": "http://2130706433/v1"}, "base_url"),
        ({"base_url": "ftp://a.com"}, "http"),
        ({"extra": {"messages": []}}, "'messages' is set by imbik"),
        ({"modell": "a"}, "did you mean 'model'"),
        ({"concurrency": 0}, "concurrency"),
        ({"price": {"input": 1, "output": 2, "currency": "EUR"}}, "unknown key 'price.currency'"),
    ],
)
def test_wrong_settings_are_said(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(PluginError, match=what):
        made(**settings)


def test_a_good_answer() -> None:
    found = read({"content": "Dört."}, usage={"prompt_tokens": 12, "completion_tokens": 3})
    assert (found.answer, found.reasoning, found.outcome) == ("Dört.", "", Outcome.ANSWERED)
    assert (found.usage.input_tokens, found.usage.output_tokens) == (12, 3)
    assert found.cost == 0


@pytest.mark.parametrize(
    "message",
    [
        {"reasoning_content": "2+2 dört eder", "content": "Dört."},
        {"reasoning": "2+2 dört eder", "content": "Dört."},
        {"content": "<think>2+2 dört eder</think>\n\nDört."},
        {"content": "<thinking>\n2+2 dört eder\n</thinking>Dört."},
        {"content": "2+2 dört eder</think>Dört."},
        {"reasoning_content": "2+2 dört eder", "reasoning": "2+2 dört eder", "content": "Dört."},
        {"reasoning_details": [{"type": "reasoning.text", "text": "2+2 dört eder"}], "content": "Dört."},
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "2+2 dört eder"}], "content": "Dört."},
        {"content": "<thought>2+2 dört eder</thought>Dört.", "extra_content": {"google": {"thought": True}}},
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "2+2 dört eder"}]},
                {"type": "text", "text": "Dört."},
            ]
        },
        {"content": [{"type": "text", "text": "<think>2+2 dört eder</think>"}, {"type": "text", "text": "Dört."}]},
    ],
)
def test_reasoning_and_answer_are_apart(message: dict[str, Any]) -> None:
    found = read(message)
    assert (found.reasoning, found.answer, found.outcome) == ("2+2 dört eder", "Dört.", Outcome.ANSWERED)


@pytest.mark.parametrize(
    ("message", "finish", "outcome"),
    [
        ({"content": "Dö"}, "length", Outcome.TRUNCATED),
        ({"content": "<think>uzun uzun"}, "length", Outcome.TRUNCATED),
        ({"content": ""}, "length", Outcome.TRUNCATED),
        ({"content": ""}, "content_filter", Outcome.FILTERED),
        ({"content": None, "refusal": "Bunu yapamam."}, "stop", Outcome.REFUSED),
        ({"content": ""}, "stop", Outcome.MALFORMED),
        ({"content": None}, "stop", Outcome.MALFORMED),
        ({"content": "<think>bitmedi"}, "stop", Outcome.MALFORMED),
        ({"content": "<think>bitti</think>  "}, "stop", Outcome.MALFORMED),
        ({"content": None, "tool_calls": [{"id": "1"}]}, "tool_calls", Outcome.MALFORMED),
        ({"content": "yarım"}, "error", Outcome.MALFORMED),
    ],
)
def test_every_way_an_answer_can_end(message: dict[str, Any], finish: str, outcome: Outcome) -> None:
    found = read(message, finish)
    assert found.outcome is outcome
    assert found.reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":[null]}',
        b'{"choices":[{}]}',
        b'{"choices":"x"}',
        b"data: {}\n\n",
        b"<html>502</html>",
        b"\xff\xfe",
        b'{"error":{"message":"overloaded"}}',
    ],
)
def test_what_is_no_completion_is_malformed(data: bytes) -> None:
    found = made().read(WireResponse(200, {}, data))
    assert found.outcome is Outcome.MALFORMED
    assert found.reason


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "choices",
                        "message",
                        "content",
                        "usage",
                        "logprobs",
                        "error",
                        "prompt_tokens",
                        "top_logprobs",
                        "tokens",
                        "token_logprobs",
                    ]
                ),
                x,
            )
        ),
        max_leaves=12,
    )
)
def test_no_body_makes_reading_raise(value: object) -> None:
    teacher = made()
    for status in (200, 400):
        for whole in (
            value,
            {"choices": [value]},
            {"choices": [{"message": value, "logprobs": value}], "usage": value},
        ):
            teacher.read(WireResponse(status, {}, msgspec.json.encode(whole)))


@pytest.mark.parametrize(
    ("status", "error", "outcome", "reason"),
    [
        (500, {"error": {"message": "boom"}}, Outcome.FAILED, "HTTP 500: boom"),
        (404, {"error": "model not found"}, Outcome.FAILED, "HTTP 404: model not found"),
        (422, {"detail": "wrong field"}, Outcome.FAILED, "HTTP 422: wrong field"),
        (502, "html", Outcome.FAILED, "HTTP 502"),
        (400, {"error": {"code": "content_filter", "message": "held"}}, Outcome.FILTERED, "HTTP 400: held"),
        (
            400,
            {"error": {"message": "m", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            Outcome.FILTERED,
            "HTTP 400: m",
        ),
        (
            401,
            {"error": {"message": "Incorrect key sk-abc123 given"}},
            Outcome.FAILED,
            "HTTP 401: Incorrect key sk-… given",
        ),
        (401, {"error": "Invalid key gsk_9a8b7c6d5e4f3a2b1c0d"}, Outcome.FAILED, "HTTP 401: Invalid key gsk…"),
    ],
)
def test_error_statuses(status: int, error: object, outcome: Outcome, reason: str) -> None:
    found = made().read(WireResponse(status, {}, msgspec.json.encode(error)))
    assert (found.outcome, found.reason) == (outcome, reason)


def test_cost_is_exact() -> None:
    teacher = made(price={"input": "2.5", "output": "10"})
    message = reply({"content": "a"}, usage={"prompt_tokens": 3, "completion_tokens": 7})
    assert teacher.read(message).cost == Decimal("0.0000775")
    cached = {"prompt_tokens": 3, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2}}
    found = teacher.read(reply({"content": "a"}, usage=cached))
    assert (found.usage.cached_tokens, found.cost) == (2, Decimal("0.0000775"))
    hit = {"prompt_tokens": 3, "completion_tokens": 7, "prompt_cache_hit_tokens": 99}
    assert teacher.read(reply({"content": "a"}, usage=hit)).usage.cached_tokens == 3
    put = {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 99}}
    usage = teacher.read(reply({"content": "a"}, usage=put)).usage
    assert (usage.cached_tokens, usage.written_tokens) == (2, 7), "what was put into the cache was read too"
    odd = reply({"content": "a"}, usage={"prompt_tokens": None, "completion_tokens": "7"})
    assert teacher.read(odd).cost == 0


def test_a_price_is_the_recipes_else_the_list_price_else_unknown() -> None:
    assert made().price is None
    assert made().cost_at_most(QUESTION) is None
    home = {"base_url": "https://api.openai.com/v1", "model": "gpt-4o"}
    listed, own = made(**home), made(**home, price={"input": 1, "output": 2})
    assert listed.price is not None
    assert own.price is not None
    assert (listed.price.output, own.price.output) == (10, 2)
    tools = made(**home, price={"input": 1, "output": 2}, extra={"tools": ["x" * 1000]}).cost_at_most(QUESTION)
    most = own.cost_at_most(QUESTION)
    assert most is not None
    assert most > 2 * Decimal(1024) / 1_000_000
    assert tools is not None
    assert tools - most > Decimal(1000) / 1_000_000, "what `extra` adds is read and paid for too"


def test_reasoning_that_only_the_total_counts_is_paid_too() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 7, "total_tokens": 110}
    assert read({"content": "a"}, usage=usage).usage.output_tokens == 107


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ('{"type":"object","properties":{"n":{}},"required":["n"],"additionalProperties":false}', True),
        ('{"type":"object","properties":{"n":{}},"required":["n"]}', False),
        ('{"type":"object","properties":{"n":{}},"additionalProperties":false}', False),
        ('{"type":"array","items":{"type":"object","properties":{}}}', False),
        ("no schema at all", True),
    ],
)
def test_a_schema_is_sent_as_the_response_format(schema: str, strict: bool) -> None:
    sent = body(msgspec.structs.replace(QUESTION, schema=schema), structured="response_format")
    form = sent["response_format"]["json_schema"]
    assert (form["name"], form["strict"]) == ("answer", strict)
    assert sent["messages"][-1]["content"] == "İki artı iki?"


def test_log_probabilities_are_kept() -> None:
    content = [
        {
            "token": "D",
            "logprob": -0.1,
            "top_logprobs": [{"token": "D", "logprob": -0.1}, {"token": "X", "logprob": -2}],
        },
        {"token": "?", "logprob": None},
    ]
    (token,) = read({"content": "D"}, choice={"logprobs": {"content": content}}).logprobs
    assert (token.token, token.logprob, token.top) == ("D", -0.1, (("D", -0.1), ("X", -2.0)))


def test_log_probabilities_in_the_older_form_are_kept_too() -> None:
    older = {"tokens": ["D", "ö"], "token_logprobs": [-0.1, None], "top_logprobs": [{"D": -0.1, "X": -2}, {}]}
    (token,) = read({"content": "Dö"}, choice={"logprobs": older}).logprobs
    assert (token.token, token.logprob, token.top) == ("D", -0.1, (("D", -0.1), ("X", -2.0)))
    assert read({"content": "D"}, choice={"logprobs": {"tokens": "D", "token_logprobs": [1]}}).logprobs == ()
