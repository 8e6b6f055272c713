"""What is written loads again to an equal recipe; every key is explained."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from imbik.core.errors import UsageError
from imbik.core.plugins import GROUPS as PLUGIN_GROUPS
from imbik.core.plugins import PluginBlock, available, load_plugin, path_keys
from imbik.pipeline.preflight import blocks
from imbik.recipe import Recipe, build, explain, load_recipe, to_yaml
from imbik.recipe.tasks import Tasks
from imbik.recipe.training import Student, Train
from imbik.recipe.write import GROUPS

NO_PATHS = {"answers", "key"}  # columns: of a row, and in a file
TEXT = st.text("abcçğıİöşü 1:#'\"{}-", max_size=12)
RAW = st.dictionaries(
    st.sampled_from(["at_least", "weight", "threshold", "language"]),
    st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | TEXT | st.booleans(),
    max_size=3,
)
BLOCKS = st.builds(PluginBlock, use=st.sampled_from(["answer", "shape"]), raw=RAW)
RECIPES = st.builds(
    Recipe,
    name=st.text("abcçğıİ0_-.", min_size=1, max_size=9).filter(lambda text: text[0].isalnum()),
    tasks=st.builds(
        Tasks,
        source=st.builds(
            lambda path: PluginBlock(use="auto", raw={"path": path}), st.text("abcş_", min_size=4, max_size=9)
        ),
        kind=BLOCKS,
        columns=st.dictionaries(TEXT.filter(bool), TEXT, max_size=2),
        text_template=TEXT,
    ),
    teachers=st.dictionaries(st.sampled_from(["büyük", "küçük"]), BLOCKS, min_size=1),
    refine=st.lists(BLOCKS, max_size=3),
    student=st.builds(Student, architecture=st.just("llama"), layers=st.integers(1, 9)),
    train=st.builds(
        Train,
        method=BLOCKS,
        losses=st.lists(BLOCKS, min_size=1, max_size=2),
        learning_rate=st.floats(1e-9, 1.0, exclude_min=True),
        epochs=st.floats(0.1, 100),
        seeds=st.lists(st.integers(0, 9), min_size=1, max_size=3),
    ),
)


def without_places(recipe: Recipe) -> object:
    """A recipe's data without the lines its blocks stand on."""

    def strip(value: object) -> object:
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if key != "where"}
        return [strip(item) for item in value] if isinstance(value, list) else value

    return strip(recipe.model_dump())


@given(RECIPES)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_what_is_written_loads_to_an_equal_recipe(recipe: Recipe) -> None:
    again = build(yaml.safe_load(to_yaml(recipe)))
    assert without_places(again) == without_places(recipe)


def plugins() -> list[tuple[str, str]]:
    """Every plug-in that a recipe can name by `use:`."""
    return [(group, name) for group in sorted(set(GROUPS.values())) for name in available(group) if name != "auto"]


def section_keys(group: str, block: object) -> dict[str, object]:
    """A recipe's data with this block where such plug-ins stand."""
    places: dict[str, dict[str, object]] = {
        "tasks/sources": {"tasks": {"source": block, "kind": "qa"}},
        "tasks/kinds": {"tasks": {"source": "a.csv", "kind": block}},
        "tasks/strategies": {"tasks": {"source": "a.csv", "kind": "qa", "grow": {"to": 9, "strategies": [block]}}},
        "tasks/augmentations": {"tasks": {"source": "a.csv", "kind": "qa", "augment": [block]}},
        "teachers": {"teachers": {"a": block}},
        "refine/checks": {"refine": [block]},
        "train/methods": {"train": {"method": block}},
        "train/losses": {"train": {"losses": [block]}},
        "train/accelerators": {"train": {"accelerators": [block]}},
        "export/formats": {"export": [block]},
        "evaluate/metrics": {"evaluate": {"metrics": [block]}},
    }
    return {**MINIMAL, **places[group]}


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """All models within a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from sections(inner)


def test_every_key_that_names_plugins_has_its_group() -> None:
    def named(section: type[BaseModel]) -> Iterator[str]:
        for name, field in section.model_fields.items():
            if "PluginBlock" in str(field.annotation):
                yield name
            yield from (key for inner in sections(field.annotation) for key in named(inner))

    assert set(named(Recipe)) == set(GROUPS)
    assert set(GROUPS.values()) <= set(PLUGIN_GROUPS)


@pytest.mark.parametrize(("group", "name"), plugins())
def test_a_setting_that_speaks_of_files_is_typed_as_a_path(group: str, name: str) -> None:
    """So that a new one cannot be forgotten: its type tells what to make absolute when a recipe is copied."""
    settings = load_plugin(group, name).Settings
    words = re.compile(r"\b(files?|folders?|recipe that|path)\b(?!'s)")
    spoken = {
        key
        for key, field in settings.model_fields.items()
        if "str" in str(field.annotation) and words.search((field.description or "").split(";")[0])
    }
    assert spoken - NO_PATHS <= path_keys(settings)


@pytest.mark.parametrize(("group", "name"), plugins())
@pytest.mark.parametrize("wrap", [lambda text: text, lambda text: [text], lambda text: {"x": text}])
def test_every_path_of_every_plugin_is_written_for_any_folder(
    group: str, name: str, wrap: Callable[[str], object], tmp_path: Path
) -> None:
    """From the recipe's own folder and from the run's, a written recipe names the same files."""
    (tmp_path / "veri.dat").write_text("x")
    keys = path_keys(load_plugin(group, name).Settings)
    block = {"use": name, **{key: wrap("veri.dat") for key in keys}, "hub": "org/veri.dat", "other": "veri.dat"}
    first = build(section_keys(group, block), base=tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "recipe.yaml").write_text(to_yaml(first))
    again = load_recipe(tmp_path / "runs")
    assert to_yaml(again) == to_yaml(first)
    raw = next(block.raw for found, block in blocks(again) if found == group and block.use == name)
    assert raw == {
        **{key: wrap(str(tmp_path / "veri.dat")) for key in keys},
        "hub": "org/veri.dat",
        "other": "veri.dat",
    }


def test_the_known_paths_are_typed_as_such() -> None:
    """The test above would hold for no key at all."""
    found = {(name, key) for group, name in plugins() for key in path_keys(load_plugin(group, name).Settings)}
    assert {("recorded", "files"), ("in_process", "model"), ("run", "recipe"), ("run", "run"), ("csv", "path")} <= found
    assert ("openai", "model") not in found
    assert path_keys(Student) == {"model"}


@given(rate=st.floats(1e-12, 1e6, exclude_min=True, allow_nan=False))
def test_every_number_survives_the_file(rate: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    base = build(MINIMAL)
    path = tmp_path_factory.mktemp("r") / "recipe.yaml"
    path.write_text(to_yaml(base.model_copy(update={"train": Train(learning_rate=rate)})))
    assert load_recipe(path).train.learning_rate == rate


MINIMAL = {
    "name": "a",
    "tasks": {"source": "rows.csv", "kind": "qa"},
    "generate": {"from": "reference"},
    "student": {"architecture": "llama"},
}


def test_relative_paths_become_absolute_when_they_exist(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a\n1\n")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(MINIMAL))
    written = yaml.safe_load(to_yaml(load_recipe(tmp_path / "recipe.yaml")))
    assert written["tasks"]["source"] == str(tmp_path / "rows.csv")
    absent = yaml.safe_load(to_yaml(build(MINIMAL, base=tmp_path / "elsewhere")))
    assert absent["tasks"]["source"] == "rows.csv"


def test_every_default_is_written_out() -> None:
    written = yaml.safe_load(to_yaml(build(MINIMAL)))
    assert written["train"]["learning_rate"] == 1e-4
    assert written["tasks"]["split"] == {"validation": 0.1, "test": 0.1, "stratify": True, "by": "", "seed": 0}
    assert "base" not in written


def keys(model: type[BaseModel] = Recipe, prefix: str = "") -> list[str]:
    """All dotted keys of a recipe."""
    from imbik.recipe.meaning import _section_of

    found = []
    for name, field in model.model_fields.items():
        if field.exclude:
            continue
        key = prefix + (field.alias or name)
        found.append(key)
        inner = _section_of(field.annotation)
        found += keys(inner, key + ".") if inner else []
    return found


@pytest.mark.parametrize("key", keys())
def test_every_key_is_explained(key: str) -> None:
    first = explain(key).splitlines()[0]
    assert first.startswith(f"{key}: ")
    assert len(first) > len(key) + 8


def test_settings_of_plugins_are_explained() -> None:
    weight = explain("train.losses.0.weight")
    assert "of cross_entropy: factor of this loss in the weighted sum (default: 1.0)" in weight.splitlines()[1]
    assert "of forward_kl:" in weight
    rank = explain("train.method.r")
    assert "not of full, the default" in rank
    assert "of lora: rank of the adapters (default: 16)" in rank
    checks = explain("refine.0")
    assert all(f"  {name}: " in checks for name in available("refine/checks"))
    assert "of duplicates:" in explain("refine.0.threshold")
    assert "of openai:" in explain("teachers.buyuk.base_url")
    with pytest.raises(UsageError, match=r"known settings are .*full: nothing to set; .*lora: r, alpha"):
        explain("train.method.rnk")
    with pytest.raises(UsageError, match=r"train\.epochs is one value"):
        explain("train.epochs.x")


def test_a_section_is_explained_with_the_defaults_of_its_keys() -> None:
    assert "validation: share of rows for validation (10-20% is usual) (default: 0.1)" in explain("tasks.split")
    assert "answers at most (default: 1)" in explain("generate.samples")
    told = explain("train")
    assert "(default: 0.0001)" in told
    assert "(default: {'use': 'full'})" in told
    assert "(default: [{'use': 'cross_entropy'}])" in told
    assert "source: file, folder, hub id, or {use: SOURCE, …} (required)" in explain("tasks")


def test_explain_names_default_and_the_key_that_was_meant() -> None:
    assert "default: 0.1" in explain("tasks.split.validation")
    assert "learning_rate" in explain("train")
    with pytest.raises(UsageError, match="did you mean 'learning_rate'"):
        explain("train.learningrate")


def test_a_level_inside_a_section_is_written_as_its_word(tmp_path: Path) -> None:
    student = {"model": "m", "keep": {"vocabulary": {"size": 900, "texts": ["a.txt"], "sensitivity": "internal"}}}
    pairs = {"from": "pairs.jsonl", "sensitivity": "special"}
    made = build(
        {
            "name": "a",
            "tasks": {"source": "x.csv", "kind": "qa"},
            "generate": {"from": "reference"},
            "student": student,
            "train": {"pairs": pairs},
        },
        base=tmp_path,
    )
    (tmp_path / "again.yaml").write_text(to_yaml(made), encoding="utf-8")
    again = load_recipe(tmp_path / "again.yaml")
    assert again.student == made.student
    assert again.train.pairs == made.train.pairs
