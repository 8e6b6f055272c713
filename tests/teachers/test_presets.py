"""Presets: every name that `use:` accepts asks the right address, with the right key, in fields that it takes."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, available, load_plugin, presets, typed_settings
from imbik.core.questions import Question, Sampling
from imbik.core.types import Message, Sensitivity
from imbik.privacy.addresses import endpoint
from imbik.privacy.keys import homes
from imbik.teachers import ServedTeacher, TeacherContext
from imbik.teachers.catalogue.prices import FREE

QUESTION = Question(
    messages=(Message(role="user", content="İki artı iki?"),),
    row="r",
    sensitivity=Sensitivity.PUBLIC,
    sampling=Sampling(max_tokens=9, temperature=0.5, seed=3),
)
SCHEMA = '{"type":"object","properties":{"n":{"type":"integer"}}}'
BEARER, API_KEY = ("Authorization", "Bearer "), ("api-key", "")
PLACES: dict[str, tuple[dict[str, Any], str, str, tuple[str, str], set[str]]] = {
    "deepseek": ({}, "https://api.deepseek.com/v1/chat/completions", "DEEPSEEK_API_KEY", BEARER, {"max_tokens"}),
    "gemini": (
        {},
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        "GEMINI_API_KEY",
        BEARER,
        {"max_tokens"},
    ),
    "mistral": (
        {},
        "https://api.mistral.ai/v1/chat/completions",
        "MISTRAL_API_KEY",
        BEARER,
        {"max_tokens", "random_seed"},
    ),
    "groq": (
        {},
        "https://api.groq.com/openai/v1/chat/completions",
        "GROQ_API_KEY",
        BEARER,
        {"max_completion_tokens", "seed"},
    ),
    "together": (
        {},
        "https://api.together.xyz/v1/chat/completions",
        "TOGETHER_API_KEY",
        BEARER,
        {"max_tokens", "seed"},
    ),
    "fireworks": (
        {},
        "https://api.fireworks.ai/inference/v1/chat/completions",
        "FIREWORKS_API_KEY",
        BEARER,
        {"max_tokens", "seed"},
    ),
    "openrouter": (
        {},
        "https://openrouter.ai/api/v1/chat/completions",
        "OPENROUTER_API_KEY",
        BEARER,
        {"max_tokens", "seed"},
    ),
    "xai": ({}, "https://api.x.ai/v1/chat/completions", "XAI_API_KEY", BEARER, {"max_completion_tokens", "seed"}),
    "azure_serverless": (
        {"resource": "Kurum"},
        "https://kurum.services.ai.azure.com/openai/v1/chat/completions",
        "AZURE_AI_API_KEY",
        API_KEY,
        {"max_tokens", "seed"},
    ),
    "vllm": ({}, "http://127.0.0.1:8000/v1/chat/completions", "", BEARER, {"max_tokens", "seed"}),
    "llamacpp": ({}, "http://127.0.0.1:8080/v1/chat/completions", "", BEARER, {"max_tokens", "seed"}),
    "ollama": ({}, "http://127.0.0.1:11434/v1/chat/completions", "", BEARER, {"max_tokens", "seed"}),
    "lmstudio": ({}, "http://127.0.0.1:1234/v1/chat/completions", "", BEARER, {"max_tokens", "seed"}),
    "transformers_serve": ({}, "http://127.0.0.1:8000/v1/chat/completions", "", BEARER, {"max_tokens", "seed"}),
}


def made(use: str, **settings: Any) -> Any:
    """A teacher by the name a recipe writes."""
    block = PluginBlock(use=use, raw={"model": "sahte", **settings})
    return load_plugin("teachers", use)(typed_settings("teachers", block), TeacherContext("b", Path(), Path()))


def body(teacher: ServedTeacher, question: Question = QUESTION) -> dict[str, Any]:
    """What would be sent."""
    return msgspec.json.decode(teacher.request(question).body, type=dict[str, Any])


def test_every_preset_is_tried_here() -> None:
    assert set(PLACES) == set(presets("teachers"))


@pytest.mark.parametrize("name", PLACES)
def test_a_preset_builds_a_right_request(name: str) -> None:
    settings, url, key, header, fields = PLACES[name]
    teacher = made(name, **settings)
    assert isinstance(teacher, ServedTeacher)
    request = teacher.request(QUESTION)
    assert (teacher.url, request.url) == (url, url)
    assert (request.key_name, (request.key_header, request.key_prefix)) == (key, header)
    assert set(body(teacher)) == {"model", "messages", "temperature", *fields}


@pytest.mark.parametrize("name", PLACES)
def test_a_preset_is_told_the_schema_one_way_or_another(name: str) -> None:
    teacher = made(name, **PLACES[name][0])
    sent = body(teacher, msgspec.structs.replace(QUESTION, schema=SCHEMA))
    field = sent.get("response_format", {}).get("json_schema", {}).get("schema") or sent.get("json_schema")
    told = sent["messages"][-1]["content"].endswith(SCHEMA)
    assert told != (field == msgspec.json.decode(SCHEMA))


@pytest.mark.parametrize("name", PLACES)
def test_a_presets_key_may_go_to_its_own_address(name: str) -> None:
    settings, url, key, _, _ = PLACES[name]
    host = endpoint(url).host
    known = homes().get(key, ()) if key else ()
    assert not key or any(host.endswith(home) if home.startswith(".") else host == home for home in known)
    assert bool(key) == url.startswith("https://"), "a server of one's own needs no key, a provider's does"
    assert (made(name, **settings).price == made("ollama").price) == (not key), "only one's own server is free"


@pytest.mark.parametrize("name", PLACES)
def test_a_preset_says_when_it_was_true_and_where_that_is_read(name: str) -> None:
    preset = presets("teachers")[name]
    assert date(2025, 1, 1) <= preset.date <= date.today()  # noqa: DTZ011
    assert preset.docs.startswith("https://")
    assert set(preset.unchecked) <= set(load_plugin("teachers", preset.use).Settings.model_fields)
    assert available("teachers")[name].summary == preset.summary


def test_a_preset_is_the_same_teacher_as_the_wire_format_written_out() -> None:
    """So that answers paid for under one name are found under the other."""
    whole = made("openai", base_url="https://api.deepseek.com/v1", key="DEEPSEEK_API_KEY", model="deepseek-chat")
    assert made("deepseek", model="deepseek-chat").identity == whole.identity
    assert whole.identity == "openai https://api.deepseek.com:443/v1 deepseek-chat"


def test_what_a_preset_sets_can_be_set_otherwise() -> None:
    there = made("vllm", base_url="http://10.0.0.5:9000/v1", key="IMBIK_VLLM", structured="guided_json")
    assert there.url == "http://10.0.0.5:9000/v1/chat/completions"
    assert there.request(QUESTION).key_name == "IMBIK_VLLM"
    sent = body(there, msgspec.structs.replace(QUESTION, schema=SCHEMA))
    assert sent["guided_json"] == msgspec.json.decode(SCHEMA)


def test_a_server_of_ones_own_costs_nothing_but_a_rented_one_is_unknown() -> None:
    assert made("vllm", base_url="http://10.0.0.5:8000/v1").price == FREE
    assert made("vllm", base_url="https://rented.example/v1").price is None
    assert made("vllm", base_url="https://llm.kurum.example/v1", own=True).price == FREE
    assert made("openai", base_url="http://127.0.0.1:8000/v1").price is None, "it may forward"


def test_log_probabilities_are_asked_only_where_there_are_any() -> None:
    with pytest.raises(PluginError, match="gives no log-probabilities"):
        made("groq", top_logprobs=3)
    with pytest.raises(PluginError, match="gives no log-probabilities"):
        made("together", top_logprobs=3)
    with pytest.raises(PluginError, match="at most 5 alternatives"):
        made("fireworks", top_logprobs=6)
    assert body(made("deepseek", top_logprobs=20))["top_logprobs"] == 20


def test_a_misspelt_preset_is_answered_with_the_one_meant() -> None:
    with pytest.raises(PluginError, match="did you mean 'deepseek'"):
        load_plugin("teachers", "depseek")
    with pytest.raises(PluginError, match="did you mean 'base_url'"):
        made("deepseek", base_ulr="x")


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"resource": "kurum"}, "https://kurum.openai.azure.com/openai/v1/chat/completions"),
        (
            {"resource": "kurum", "api_version": "2024-10-21"},
            "https://kurum.openai.azure.com/openai/deployments/sahte/chat/completions?api-version=2024-10-21",
        ),
        ({"base_url": "https://kurum.example/openai/v1/"}, "https://kurum.example/openai/v1/chat/completions"),
        ({"base_url": "https://kurum.example"}, "https://kurum.example/openai/v1/chat/completions"),
        (
            {"resource": "kurum", "api": "models", "api_version": "2024-05-01-x"},
            "https://kurum.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-x",
        ),
        (
            {"base_url": "https://m.swedencentral.models.ai.azure.com", "api": "models", "api_version": "2024-05-01-x"},
            "https://m.swedencentral.models.ai.azure.com/chat/completions?api-version=2024-05-01-x",
        ),
    ],
)
def test_azure_is_asked_at_one_of_its_addresses(settings: dict[str, Any], url: str) -> None:
    teacher = made("azure", **settings)
    request = teacher.request(QUESTION)
    assert request.url == url
    assert (request.key_name, request.key_header, request.key_prefix) == ("AZURE_OPENAI_API_KEY", "api-key", "")
    assert body(teacher)["max_completion_tokens"] == 9


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({}, "either `resource`"),
        ({"resource": "a-b", "base_url": "https://x.example"}, "either `resource`"),
        ({"resource": "evil.example/x"}, "resource"),
        ({"resource": "kurum", "api": "models"}, "needs an `api_version`"),
    ],
)
def test_azure_needs_to_know_where(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(PluginError, match=what):
        made("azure", **settings)


def test_azures_key_goes_to_azure_alone() -> None:
    assert homes()["AZURE_OPENAI_API_KEY"] == (".openai.azure.com",)
    assert homes()["AZURE_AI_API_KEY"] == (".services.ai.azure.com", ".models.ai.azure.com")


@pytest.mark.parametrize("model", ["o3", "o4-mini-2025-04-16", "gpt-5-mini", "GPT-5.1"])
def test_models_that_reason_by_themselves_are_sent_no_temperature(model: str) -> None:
    assert not {"temperature", "seed", "top_p"} & set(body(made("openai", model=model)))
    assert "temperature" in body(made("openai", model=model, base_url="http://127.0.0.1:8000/v1"))
    assert "temperature" in body(made("openai", model="gpt-4o"))
