"""Ranges of a recipe: three ways to write them, what stands there outside of a search, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imbik.core.errors import RecipeError
from imbik.recipe import load_recipe
from imbik.recipe.ranged import load_ranged, one_line
from imbik.recipe.searching import Domain

RECIPE = """
name: ara
tasks: {{source: a.csv, kind: math, sensitivity: public}}
generate: {{from: reference}}
student: {{architecture: llama}}
train:
  learning_rate: {rate}
  losses: [{{use: cross_entropy, weight: {weight}}}]
{search}
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a recipe; returns its path."""

    def make(rate: str = "1e-3", weight: str = "1.0", search: str = "") -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(RECIPE.format(rate=rate, weight=weight, search=search), encoding="utf-8")
        return path

    return make


def test_ranges_in_place_in_the_section_and_in_a_file_mean_the_same(write: Callable[..., Path], tmp_path: Path) -> None:
    space = tmp_path / "space.yaml"
    space.write_text(
        "train.learning_rate: {type: float, low: 1e-5, high: 1e-3, log: true}\nnum_trials: 7\n", encoding="utf-8"
    )
    nested = tmp_path / "nested.yaml"
    nested.write_text("train:\n  learning_rate: {low: 1e-5, high: 1e-3, log: true}\n", encoding="utf-8")
    listed = "search: {parameters: {train.learning_rate: {low: 1e-5, high: 1e-3, log: true}}}"
    found = [
        load_ranged(write(rate="{low: 1e-5, high: 1e-3, log: true}")),
        load_ranged(write(search=listed)),
        load_ranged(write(), space=space),
        load_ranged(write(), space=nested),
    ]
    assert [list(item.domains) for item in found] == [["train.learning_rate"]] * 4
    for item in found:
        domain = item.domains["train.learning_rate"]
        assert (domain.low, domain.high, domain.log, domain.kind) == (1e-5, 1e-3, True, "float")
        assert item.recipe.train.learning_rate == pytest.approx(1e-4)  # the middle, by its logarithm
        assert item.with_values({"train.learning_rate": 2e-4}).train.learning_rate == 2e-4
    assert found[2].search.num_trials == 7


def test_items_of_lists_and_whole_plugins_are_searched_too(write: Callable[..., Path]) -> None:
    path = write(weight="{low: 0.25, high: 1.0, step: 0.25}")
    found = load_ranged(path, ["train.method={choice: [full, {use: lora, r: 4}]}", "train.batch_size=8"])
    assert found.domains["train.losses.0.weight"].grid() == [0.25, 0.5, 0.75, 1.0]
    tried = found.with_values({"train.losses.0.weight": 0.5, "train.method": {"use": "lora", "r": 4}})
    assert tried.train.losses[0].raw == {"weight": 0.5}
    assert (tried.train.method.use, tried.train.method.raw) == ("lora", {"r": 4})
    assert tried.train.batch_size == 8
    assert tried.search is None


def test_a_value_set_on_the_command_line_is_no_range_any_more(write: Callable[..., Path]) -> None:
    path = write(rate="{low: 1e-5, high: 1e-3}", weight="{choice: [0.5, 1.0]}")
    assert list(load_ranged(path, ["train.learning_rate=1e-4"]).domains) == ["train.losses.0.weight"]


def test_one_run_has_one_value(write: Callable[..., Path]) -> None:
    with pytest.raises(
        RecipeError, match=r"recipe\.yaml:7.*train\.learning_rate is a range.*\n.*imbik search .*recipe"
    ):
        load_recipe(write(rate="{low: 1e-5, high: 1e-3}"))
    assert load_recipe(write(search="search: {num_trials: 3}")).search is not None


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        ("{low: 1e-3, high: 1e-5}", "the lower number first"),
        ("{low: 0, high: 1e-5, log: true}", "begins above 0"),
        ("{low: 1.5, high: 4, int: true}", "whole numbers"),
        ("{low: -1, high: 1}", "train.learning_rate"),  # the recipe itself has no rate of -1
        ("{choice: [1e-3, fast]}", "train.learning_rate"),
    ],
)
def test_a_range_that_is_none_is_refused_with_its_place(write: Callable[..., Path], rate: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        load_ranged(write(rate=rate))


def test_what_cannot_be_searched_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no key of the recipe is a range"):
        load_ranged(write())
    with pytest.raises(RecipeError, match=r"learning_rat.*learning_rate"):
        load_ranged(write(search="search: {parameters: {train.learning_rat: {low: 1, high: 2}}}"))
    with pytest.raises(RecipeError, match=r"num_trails.*num_trials"):
        load_ranged(write(search="search: {num_trails: 3}"))
    space = tmp_path / "space.yaml"
    space.write_text("train.learning_rate: 3\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="neither a range nor a key"):
        load_ranged(write(), space=space)
    space.write_text("train.lerning_rate: {low: 0.1, high: 1}\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"did you mean 'learning_rate'") as error:
        load_ranged(write(), space=space)
    assert error.value.where == str(space)
    with pytest.raises(RecipeError, match=r"nowhere\.yaml: cannot be read: No such file or directory"):
        load_ranged(write(), space=tmp_path / "nowhere.yaml")


def test_values_are_written_as_set_reads_them_back() -> None:
    import yaml

    for value in (1, 1e-6, 0.1 + 0.2, "İstanbul: ölçü", True, None, {"use": "lora", "r": 4}, ["a", 1]):
        assert "\n" not in one_line(value)
        assert yaml.safe_load(one_line(value)) in (value, str(value))


def test_grids_hold_their_bounds() -> None:
    log = Domain.model_validate({"low": 1e-4, "high": 1e-2, "log": True, "points": 3}).grid()
    assert log == pytest.approx([1e-4, 1e-3, 1e-2])
    assert Domain.model_validate({"low": 1, "high": 4, "int": True}).grid() == [1, 2, 3, 4]
    assert Domain.model_validate({"low": 0, "high": 1, "step": 0.5}).grid() == [0, 0.5, 1.0]
    assert Domain.model_validate({"low": 0, "high": 1, "step": 0.5}).middle == 0.5
    assert Domain.model_validate({"choice": ["b", "a"]}).middle == "b"
