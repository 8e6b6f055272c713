"""`--set` reaches whatever a recipe may hold, starts from its defaults, and its mistakes are its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import RecipeError
from imbik.recipe import load_recipe
from recipe.conftest import write


def test_set_reaches_lists_names_and_new_keys(good: Path) -> None:
    recipe = load_recipe(
        good,
        [
            "train.losses.0.weight=0.25",
            "train.losses.1.weight=0.75",
            "train.method.r=8",
            "train.method.use=lora",
            "tasks.split.validation=0.2",
            "train.seeds=[1, 2]",
            "train.early_stopping.patience=5",
        ],
    )
    assert [loss.raw["weight"] for loss in recipe.train.losses] == [0.25, 0.75]
    assert recipe.train.losses[1].use == "cross_entropy"
    assert (recipe.train.method.use, recipe.train.method.raw) == ("lora", {"r": 8})
    assert recipe.tasks.split.validation == 0.2
    assert recipe.train.seeds == [1, 2]
    assert recipe.train.early_stopping is not None
    assert recipe.train.early_stopping.patience == 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("train.epochs", "not KEY=VALUE"),
        ("=3", "not KEY=VALUE"),
        ("train..epochs=3", "not KEY=VALUE"),
        ("train.losses.7.weight=1", "no item of a list of 2"),
        ("train.losses.first=1", "no item"),
        ("train.epoch=3", "did you mean 'epochs'"),
        ("name.first=3", "name"),
        ("name=2026-13-45", "--set name: '2026-13-45' is written as a timestamp"),
        ("refine=&a [*a]", "--set refine: .*would hold itself"),
        ('tasks.source="a\\0b"', "--set tasks.source: .*NUL"),
    ],
)
def test_a_wrong_set_is_explained(good: Path, text: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        load_recipe(good, [text])


BARE = "name: a\ntasks: {source: x.csv, kind: math}\ngenerate: {from: reference}\nstudent: {architecture: llama}\n"


def test_set_starts_from_what_is_the_default_where_nothing_is_written(tmp_path: Path) -> None:
    recipe = load_recipe(
        write(tmp_path, BARE),
        [
            "train.losses.0.weight=2",
            "train.method.use=lora",
            "train.method.r=4",
            "refine.3.at_least=0.75",
            "evaluate.metrics.0.x=1",
            "export.0.x=1",
            "generate.samples.max=3",
            "tasks.split.test=0.3",
        ],
    )
    assert [(loss.use, loss.raw) for loss in recipe.train.losses] == [("cross_entropy", {"weight": 2})]
    assert (recipe.train.method.use, recipe.train.method.raw) == ("lora", {"r": 4})
    checks = ["shape", "answer", "arithmetic", "agreement", "duplicates", "leakage"]
    assert [check.use for check in recipe.refine] == checks
    assert recipe.refine[3].raw == {"at_least": 0.75}
    assert (recipe.evaluate.metrics[0].use, recipe.export[0].use) == ("accuracy", "safetensors")
    assert (recipe.generate.samples.min, recipe.generate.samples.max) == (1, 3)
    assert recipe.tasks.split.validation == 0.1
    only = load_recipe(write(tmp_path, BARE), ["train.method.r=4"])
    assert (only.train.method.use, only.train.method.raw) == ("full", {"r": 4}), "preflight says what full knows"
    with pytest.raises(RecipeError, match=r"'9' is no item of a list of 6 \(shape, answer, ") as raised:
        load_recipe(write(tmp_path, BARE), ["refine.9.at_least=1"])
    assert "counted from 0" in raised.value.next


def test_a_mistake_of_set_is_not_blamed_on_the_file(good: Path) -> None:
    with pytest.raises(RecipeError) as raised:
        load_recipe(good, ["train.lerning_rate=1"])
    assert str(raised.value).startswith("--set train.lerning_rate: unknown key")
    for text, where in (
        ("train.epochs=-1", "--set train.epochs"),
        ("train.seeds=[a]", "--set train.seeds"),
        ("student.model=x", f"{good}:6 with --set student.model"),
    ):
        with pytest.raises(RecipeError) as raised:
            load_recipe(good, [text])
        assert raised.value.where == where
