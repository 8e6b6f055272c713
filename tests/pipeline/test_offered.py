"""A model that its maker no longer offers is said before anybody is asked, with what to type instead."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from imbik.pipeline.offered import ended_models
from imbik.recipe import build

TODAY = date(2026, 11, 25)


def told(teacher: dict[str, Any], today: date = TODAY) -> list[str]:
    data = {
        "name": "a",
        "tasks": {"source": "x.jsonl", "kind": "qa"},
        "teachers": {"big": teacher},
        "student": {"architecture": "llama"},
    }
    return list(ended_models(build(data, base=Path()), today))


@pytest.mark.parametrize(
    ("use", "model", "since", "instead"),
    [
        ("deepseek", "deepseek-chat", "2026-07-24", "--set teachers.big.model=deepseek-flash"),
        ("openai", "gpt-4", "2026-10-23", "--set teachers.big.model=gpt-4.1"),
        ("anthropic", "claude-3-5-sonnet-20241022", "2026-11-02", "--set teachers.big.model=claude-sonnet-4-5"),
        ("deepseek", "deepseek-reasoner", "2026-07-24", "imbik models teachers"),
    ],
)
def test_a_model_that_has_ended_is_named_with_its_day_and_successor(
    use: str, model: str, since: str, instead: str
) -> None:
    (line,) = told({"use": use, "model": model})
    assert f"teachers.big: '{model}' has not been offered since {since}" in line
    assert instead in line


def test_one_that_ends_within_a_month_is_said_and_a_later_one_not() -> None:
    teacher = {"use": "gemini", "model": "gemini-2.5-pro"}
    (line,) = told(teacher)
    assert "is offered until 2026-12-01 only" in line
    assert told(teacher, date(2026, 10, 1)) == []
    assert told({"use": "openai", "model": "gpt-5.1"}) == []


def test_a_server_of_ones_own_offers_what_it_likes() -> None:
    assert told({"use": "vllm", "model": "deepseek-ai/DeepSeek-V3.2"}) == []
