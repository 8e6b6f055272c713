"""Terms: whose they are, wherever the model runs, and what is not known is said to be unknown."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from imbik.core.plugins import PluginBlock, load_plugin, typed_settings
from imbik.teachers import TeacherContext
from imbik.teachers.catalogue.terms import Found, all_terms, terms_of, terms_of_teacher


def of(use: str, **raw: Any) -> Found:
    """Terms of a teacher as a recipe writes it."""
    block = PluginBlock(use=use, raw=raw)
    return terms_of_teacher(
        load_plugin("teachers", use)(typed_settings("teachers", block), TeacherContext("b", Path(), Path()))
    )


def names(found: Found) -> set[str]:
    """Their names."""
    return {item.name for item in found.terms}


@pytest.mark.parametrize(
    ("host", "model", "expected"),
    [
        ("api.openai.com", "gpt-4o", {"openai"}),
        ("api.openai.com", "ft:whatever", {"openai"}),
        ("api.anthropic.com", "claude-3-5-sonnet-20241022", {"anthropic"}),
        ("api.deepseek.com", "deepseek-chat", {"deepseek"}),
        ("generativelanguage.googleapis.com", "gemini-2.5-flash", {"gemini"}),
        ("kurum.openai.azure.com", "gpt-4o", {"azure"}),
        ("openrouter.ai", "anthropic/claude-3.5-sonnet", {"openrouter", "anthropic"}),
        ("api.groq.com", "llama-3.3-70b-versatile", {"groq", "llama-3.1"}),
        ("api.groq.com", "llama3-70b-8192", {"groq", "llama-3"}),
        ("api.together.xyz", "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo", {"together", "llama-3.1"}),
        ("api.fireworks.ai", "accounts/fireworks/models/llama-v3p1-405b-instruct", {"fireworks", "llama-3.1"}),
        ("", "meta-llama/Meta-Llama-3-70B-Instruct", {"llama-3"}),
        ("", "deepseek-ai/DeepSeek-R1-Distill-Llama-70B", {"llama-3.1", "deepseek-mit"}),
        ("", "deepseek-ai/DeepSeek-V3", {"deepseek-v3"}),
        ("", "deepseek-ai/DeepSeek-V3-0324", {"deepseek-mit"}),
        ("", "Qwen/Qwen2.5-7B-Instruct", {"apache-2.0"}),
        ("", "Qwen/Qwen2.5-3B-Instruct", {"qwen-research"}),
        ("", "llama3.1:70b", {"llama-3.1"}),
        ("", "gpt-oss:20b", {"apache-2.0"}),
        ("", "google/gemma-3-4b-it", {"gemma"}),
        ("", "google/gemma-4-31B-it", {"apache-2.0"}),
        ("api.openai.com", "gpt-6.1-sol", {"openai"}),
        ("openrouter.ai", "openai/gpt-6.1-sol", {"openrouter", "openai"}),
        ("", "embedded:teacher", {"imbik"}),
    ],
)
def test_whose_terms_hold(host: str, model: str, expected: set[str]) -> None:
    assert names(terms_of(host, model)) == expected


def test_what_nothing_is_known_of_is_said() -> None:
    assert terms_of("llm.example", "sahte").unknown == ("the provider at llm.example", "the model 'sahte'")
    assert terms_of("llm.example", "qwen3-8b").unknown == ("the provider at llm.example",)
    assert terms_of("llm.example", "sahte", own=True).unknown == ("the model 'sahte'",)
    assert terms_of("api.groq.com", "sahte").unknown == ("the model 'sahte'",)
    assert terms_of("api.openai.com", "gpt-4o").unknown == ()
    assert terms_of("api.openai.com.evil.example", "x").terms == ()


def test_a_teacher_is_known_by_its_address_and_by_the_models_it_names() -> None:
    assert names(of("deepseek", model="deepseek-chat")) == {"deepseek"}
    assert names(of("vllm", model="meta-llama/Llama-3.1-405B-Instruct")) == {"llama-3.1"}
    assert names(of("vllm", model="x", served_as="Qwen3-32B")) == {"apache-2.0"}
    assert of("vllm", model="x").unknown == ("the model 'x'",)
    assert names(of("in_process", model="embedded:teacher")) == {"imbik"}
    assert of("in_process", model="/kendi/modelim").unknown == ()
    assert names(of("recorded", answers={"a": "b"}, written_by=["gpt-4o", "gsm8k-solutions"])) == {"openai", "gsm8k"}
    assert of("recorded", answers={"a": "b"}) == Found()
    assert of("recorded", answers={"a": "b"}, written_by=["kim"]).unknown == ("the model 'kim'",)
    assert of("run", run="baska") == Found()


@pytest.mark.parametrize("name", all_terms())
def test_every_table_is_dated_and_says_where_it_is_read(name: str) -> None:
    terms = all_terms()[name]
    assert terms.use in {"allowed", "restricted", "unclear"}
    assert terms.date <= date.today()  # noqa: DTZ011
    assert terms.source.startswith("https://")
    assert terms.hosts or terms.models
    assert 10 < len(terms.says) < 200
    assert str(terms.date) in str(terms)
