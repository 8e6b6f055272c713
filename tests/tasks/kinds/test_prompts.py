"""Whatever a kind says to a teacher, it says in Turkish, English, Slovenian and Hungarian, each in its own words."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

from imbik.core.plugins import PluginBlock, available, make
from imbik.core.types import Message, Task

LANGUAGES = ("tr", "en", "sl", "hu")
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "classification": [{"labels": ["X1", "X2"]}],
    "summarization": [{}, {"rounds": 3}],
    "extraction": [{}, {"types": ["X1"]}, {"fields": ["X1"]}],
    "translation": [{}, {"target": "de"}, {"target": "xx"}],
}
WORDLESS = {("conversation", True), ("conversation", False), ("generation", True), ("generation", False), ("qa", False)}
LETTERS = {"tr": "ığşçöü", "sl": "čšž", "hu": "áéíóöőúüű"}
TEXT = "X"


def said(use: str, settings: dict[str, Any], language: str, reasoning: bool) -> str:
    """What stands below the task."""
    task = Task(id="1", kind=use, messages=(Message(role="user", content=TEXT),), language=language)
    kind = make("tasks/kinds", PluginBlock(use=use, raw=settings))
    return str(kind.question(task, reasoning=reasoning, instruction=None)[-1].content).removeprefix(TEXT).strip()


@pytest.mark.parametrize("reasoning", [True, False])
@pytest.mark.parametrize("use", available("tasks/kinds"))
def test_every_prompt_is_in_the_tasks_language(use: str, reasoning: bool) -> None:
    for settings in SETTINGS.get(use, [{}]):
        words = {language: said(use, settings, language, reasoning) for language in LANGUAGES}
        if (use, reasoning) in WORDLESS:
            assert set(words.values()) == {""}
            continue
        assert len(set(words.values())) == len(LANGUAGES), "a language is missing, or is that of another"
        assert all(set(LETTERS[language]) & set(words[language].lower()) for language in LETTERS), words
        assert words["en"].isascii() or use in {"extraction", "summarization"}  # which show a form with …
        assert said(use, settings, "sl-SI", reasoning) == words["sl"]
        assert said(use, settings, "de", reasoning) == words["en"]


@pytest.mark.parametrize("use", available("tasks/kinds"))
def test_every_wording_that_is_written_is_written_in_all_four(use: str) -> None:
    """Also the ones that the prompts above do not come by."""
    module = importlib.import_module(f"imbik.tasks.kinds.{use}")
    tables = {name: value for name, value in vars(module).items() if isinstance(value, dict) and "en" in value}
    assert {name for name, value in tables.items() if set(LANGUAGES) - set(value)} == set()
    assert tables or use in {"conversation", "generation"}
