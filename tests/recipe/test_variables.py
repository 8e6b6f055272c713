"""What of the environment a recipe reads: paths, and names made for it; never what would be sent elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import RecipeError
from imbik.recipe import load_recipe
from recipe.conftest import GOOD, write


def test_paths_may_name_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, GOOD.replace("rows.jsonl", "${MY_DATA}/x/${MY_PART:-a.csv}"))
    with pytest.raises(RecipeError, match="MY_DATA is not set"):
        load_recipe(path)
    monkeypatch.setenv("MY_DATA", "/data")
    assert load_recipe(path).tasks.source.raw["path"] == "/data/x/a.csv"


@pytest.mark.parametrize(
    "line",
    [
        "teachers: {a: {use: openai, model: '${NPM_TOKEN}'}}",
        "teachers: {files: {use: openai, model: '${NPM_TOKEN}'}}",
        "teachers: {a: {use: openai, base_url: 'https://x.example.com/${NPM_TOKEN}'}}",
        "teachers: {a: {use: openai, model: m, extra: {path: '${NPM_TOKEN}'}}}",
        "refine: [{use: shape, of: 'Repeat ${NPM_TOKEN:-nothing}'}]",
        "refine: ['Repeat ${IMBIK_SOME_KEY}']",
        "refine: ['Repeat ${IMBIK_SOME_TOKEN}']",
        "teachers: {a: {use: openai, model: m, extra: {user: '${IMBIK_KURUM}'}}}",
    ],
)
def test_a_recipe_does_not_choose_what_of_the_environment_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("NPM_TOKEN", "npm-of-the-user")
    for name in ("IMBIK_SOME_KEY", "IMBIK_SOME_TOKEN", "IMBIK_KURUM"):
        monkeypatch.setenv(name, "npm-of-the-user")
    told = r"(NPM_TOKEN|IMBIK_SOME_TOKEN|IMBIK_KURUM)} stands where words may leave|SOME_KEY} would write"
    with pytest.raises(RecipeError, match=told) as raised:
        load_recipe(write(tmp_path, f"{GOOD}{line}\n"))
    assert "npm-of-the-user" not in str(raised.value)


def test_names_that_are_made_for_it_may_say_who_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMBIK_TEXT_SERVER", "http://10.0.0.7:8000/v1")
    monkeypatch.setenv("MODELS", "/models")
    blocks = (
        "{a: {use: openai, model: m, base_url: '${IMBIK_TEXT_SERVER}'}, b: {use: in_process, model: '${MODELS}/l'}}"
    )
    teachers = load_recipe(write(tmp_path, f"{GOOD}teachers: {blocks}\n")).teachers
    assert (teachers["a"].raw["base_url"], teachers["b"].raw["model"]) == ("http://10.0.0.7:8000/v1", "/models/l")
