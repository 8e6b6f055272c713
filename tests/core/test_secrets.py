"""What is a secret and what is not, and that no error repeats one."""

from __future__ import annotations

import pytest

from imbik.core.errors import ImbikError
from imbik.core.secrets import holds_secret, is_key_name, is_secret_name, masked


@pytest.mark.parametrize(
    "name",
    "api_key api-key X-API-Key apiKey APIKEY Authorization Proxy-Authorization token HF_TOKEN access-token bearer "
    "password db_passwd client_secret aws_secret_access_key credentials".split(),
)
def test_names_that_hold_a_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["max_tokens", "eos_token", "prompt_cache_key", "key", "monkey", "author", "tokenizer", "by", "compass"]
)
def test_names_that_hold_none(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "text", ["", "gpt-4o", "http://127.0.0.1:8000/v1", "https://h/v1?page=2", "risk-assessment-2024-final"]
)
def test_values_that_are_none(text: str) -> None:
    assert not holds_secret(text)
    assert masked(text) == text


def test_what_can_be_the_name_of_a_key() -> None:
    assert is_key_name("OPENAI_API_KEY")
    assert is_key_name("IMBIK_A1")
    for text in (
        "",
        "openai_api_key",
        "HF_TOKEN",
        "IMBIK_TEXT_KEY",
        "IMBIK_TEXT_API_KEY",
        "AKIAIOSFODNN7EXAMPLE",
        "IMBIK_A\n",
        7,
        None,
    ):
        assert not is_key_name(text)


def test_no_error_repeats_a_key() -> None:
    key = "gsk_9a8b7c6d5e4f3a2b1c0d"
    error = ImbikError(f"it said {key}", where=f"http://u:{key}@h/v1", next=f"curl -H 'Authorization: Bearer {key}'")
    assert str(error) == "http://…@h/v1: it said gsk…\n  -> curl -H 'Authorization: Bearer …'"
