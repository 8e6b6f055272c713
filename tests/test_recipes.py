"""Every shipped recipe loads, names plug-ins that exist with settings that fit, and survives being written out."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from imbik.pipeline.preflight import check_plugins, refuse_contradictions
from imbik.pipeline.terms import refuse_terms, unknown_terms
from imbik.recipe import json_schema, load_recipe, to_yaml

ROOT = Path(__file__).resolve().parent.parent
RECIPES = sorted(
    [*ROOT.glob("recipes/**/*.yaml"), *ROOT.glob("src/imbik/embedded/*.yaml"), *ROOT.glob("examples/**/*.yaml")]
)


@pytest.fixture(autouse=True)
def data_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes on real data name its folder in the environment."""
    for name in ("IMBIK_BANKING77", "IMBIK_GSM8K"):
        monkeypatch.setenv(name, "/data")


def test_there_are_recipes() -> None:
    assert {"demo", "banking77", "banking77-teacher"} <= {path.stem for path in RECIPES}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_is_whole(path: Path, tmp_path: Path) -> None:
    recipe = load_recipe(path)
    check_plugins(recipe)
    refuse_contradictions(recipe)
    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), json_schema())
    again = tmp_path / "recipe.yaml"
    again.write_text(to_yaml(recipe), encoding="utf-8")
    check_plugins(load_recipe(again))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_says_what_it_is(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("#"), "begin with a comment: what is it, what does it need"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_states_the_terms_of_its_teachers(path: Path) -> None:
    recipe = load_recipe(path)
    refuse_terms(recipe)
    assert list(unknown_terms(recipe)) == []


def test_no_two_recipes_write_into_one_run() -> None:
    names = [load_recipe(path).name for path in RECIPES]
    assert len(names) == len(set(names))
