"""What of growing is part of the tasks stage's hash, and recipes that cannot grow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import RecipeError
from imbik.core.types import Sensitivity
from imbik.recipe import Recipe, build
from imbik.tasks.augment import augment_settings, augmentations_of
from imbik.tasks.growth.named import growth_settings, strategies_of
from stagekit import FakeAsker
from tasks.growth.conftest import TAXONOMY, TEMPLATES

ASKER: Any = FakeAsker(None)  # type: ignore[arg-type]  # nobody is asked


def recipe(base: Path, grow: dict[str, object] | None = None, **more: object) -> Recipe:
    tasks = {"source": "s.csv", "kind": "qa", **({"grow": {"to": 100, **grow}} if grow is not None else {}), **more}
    teachers = {"a": {"use": "openai", "model": "m"}, "b": {"use": "openai", "model": "n"}}
    data = {"name": "x", "tasks": tasks, "teachers": teachers, "student": {"architecture": "llama"}}
    return build(data, base=base)


def grid(base: Path, **settings: object) -> Recipe:
    return recipe(base, {"strategies": [{"use": "grid", "taxonomy": "k.yaml", **settings}]})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "k.yaml").write_text(TAXONOMY, encoding="utf-8")
    (tmp_path / "t.yaml").write_text(TEMPLATES, encoding="utf-8")
    return tmp_path


def told(made: Recipe) -> object:
    return growth_settings(made, ASKER)


@pytest.mark.parametrize(
    "changed",
    [
        lambda base: grid(base, personas=["bir muhtar"]),
        lambda base: grid(base, examples=1),
        lambda base: grid(base, teacher="b"),
        lambda base: recipe(base, {"strategies": [{"use": "grid", "taxonomy": "k.yaml"}], "seed": 1}),
        lambda base: recipe(base, {"strategies": [{"use": "grid", "taxonomy": "k.yaml"}], "to": 101}),
        lambda base: recipe(base, {"strategies": [{"use": "evolve"}]}),
    ],
)
def test_what_shapes_the_pool_is_in_the_hash(files: Path, changed: Callable[[Path], Recipe]) -> None:
    assert told(changed(files)) != told(grid(files))


def test_content_of_files_counts_and_their_place_does_not(
    files: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = told(grid(files))
    other = tmp_path_factory.mktemp("other")
    (other / "k.yaml").write_text(TAXONOMY, encoding="utf-8")
    assert told(grid(other)) == first
    assert told(grid(other, taxonomy=str(files / "k.yaml"))) == first
    (files / "k.yaml").write_text(TAXONOMY.replace("Hesap", "Faiz"), encoding="utf-8")
    assert told(grid(files)) != first


def test_names_of_documents_count(tmp_path: Path) -> None:
    made = recipe(tmp_path, {"strategies": [{"use": "documents", "folder": "b"}]})
    (tmp_path / "b" / "kargo").mkdir(parents=True)
    (tmp_path / "b" / "kargo" / "a.txt").write_text("Kargo üç günde gelir. " * 20, encoding="utf-8")
    first = told(made)
    (tmp_path / "b" / "kargo").rename(tmp_path / "b" / "iade")
    assert told(made) != first


def test_a_strategy_has_its_own_teacher_or_that_of_grow_or_the_first(files: Path) -> None:
    strategies = [{"use": "evolve"}, {"use": "evolve", "teacher": "a"}, {"use": "templates", "file": "t.yaml"}]
    found = strategies_of(recipe(files, {"teacher": "b", "strategies": strategies}))
    assert [(item.name, item.teacher) for item in found] == [("evolve", "b"), ("evolve-2", "a"), ("templates", "")]
    assert [item.teacher for item in strategies_of(recipe(files, {}))] == ["a", "a"]
    assert recipe(files, {"teacher": "b"}, augment=[{"use": "paraphrase", "teacher": "a"}]).growing_teachers() == [
        "b",
        "a",
    ]


@pytest.mark.parametrize(
    ("teachers", "said"),
    [
        ({}, "the recipe has no teacher to ask"),
        ({"r": {"use": "recorded", "answers": {"x": "y"}}}, "'r' has recorded answers only"),
        (
            {"e": {"use": "ensemble", "teachers": ["p", "q"]}, "p": {"use": "openai", "model": "m"}, "q": {
                "use": "openai", "model": "n"}},
            "'e' is made of several teachers",
        ),
    ],
)  # fmt: skip
def test_a_teacher_that_cannot_be_asked_is_refused(tmp_path: Path, teachers: dict[str, object], said: str) -> None:
    data = {
        "name": "x",
        "tasks": {"source": "s.csv", "kind": "qa", "grow": {"to": 9}, "augment": ["paraphrase"]},
        "teachers": teachers,
        "generate": {"from": "reference"},
        "student": {"architecture": "llama"},
    }
    made = build(data, base=tmp_path)
    for find in (strategies_of, augmentations_of):
        with pytest.raises(RecipeError, match=said):
            find(made)


def test_a_teacher_that_is_not_there_and_a_text_template_are_refused_when_the_recipe_is_read(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="teacher 'yok' is not under `teachers:`"):
        recipe(tmp_path, {"strategies": [{"use": "evolve", "teacher": "yok"}]})
    with pytest.raises(RecipeError, match="rows of a text_template cannot be grown"):
        recipe(tmp_path, {}, text_template="{a} {b}")


def test_augmentations_are_in_the_hash_with_their_versions(tmp_path: Path) -> None:
    first = augment_settings(recipe(tmp_path, augment=[{"use": "noise", "share": 0.5}]), ASKER)
    assert first == augment_settings(recipe(tmp_path, augment=[{"use": "noise", "share": 0.5, "seed": 0}]), ASKER)
    assert first != augment_settings(recipe(tmp_path, augment=[{"use": "noise", "share": 0.6}]), ASKER)
    asking = augment_settings(recipe(tmp_path, augment=["paraphrase"]), ASKER)
    assert asking[0]["teacher"] == ["identity of a", Sensitivity.PUBLIC.value]  # type: ignore[index]
