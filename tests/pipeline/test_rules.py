"""Every warning on a planted case, each with its key; and silence where nothing is unusual."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imbik.pipeline.rules import learning_rates, parameters, warnings
from imbik.pipeline.sizes import Size
from imbik.recipe import Recipe, build
from imbik.testing.tiny_models import make_model

BASE: dict[str, Any] = {
    "name": "a",
    "tasks": {"source": "rows.csv", "kind": "qa", "sensitivity": "public"},
    "teachers": {"big": {"use": "openai", "model": "llama-3-70b"}},
    "student": {"model": "org/Llama-3.2-1B-Instruct"},
    "train": {"learning_rate": 2e-5, "epochs": 3},
}


def recipe(*overrides: str, base: Path = Path("."), **sections: Any) -> Recipe:
    """The plain recipe with changes."""
    return build({**BASE, **sections}, overrides=overrides, base=base)


def test_a_usual_recipe_gets_no_warning() -> None:
    assert warnings(recipe()) == []
    assert warnings(recipe("train.method=lora", "train.learning_rate=2e-4")) == []


@pytest.mark.parametrize(
    ("overrides", "key", "words"),
    [
        (["train.learning_rate=1e-3"], "train.learning_rate", "1e-05 to 5e-05"),
        (["train.learning_rate=1e-6"], "train.learning_rate", "low for full fine-tuning"),
        (["train.method=lora", "train.learning_rate=1e-3"], "train.learning_rate", "1e-05 to 0.0005"),
        (["train.epochs=1"], "train.epochs", "2 to 5"),
        (["train.epochs=12"], "train.epochs", "2 to 5"),
        (["train.batch_size=512", "train.learning_rate=1e-5"], "train.batch_size", "root of the batch"),
        (["train.batch_size=1", "train.learning_rate=5e-5"], "train.batch_size", "noisy"),
        (["tasks.split.validation=0.05"], "tasks.split.validation", "10 to 20%"),
        (["tasks.split.validation=0.4"], "tasks.split.validation", "10 to 20%"),
        (["tasks.split.validation=0"], "tasks.split.validation", "nothing tells when to stop"),
        (["teachers.big.model=tiny-0.5b"], "teachers.big", "should be larger"),
        (["generate.samples=4"], "generate.temperature", "will be the same"),
        (["generate.samples.until=agreement"], "generate.samples.until", "does nothing"),
        (["train.precision=fp16"], "train.precision", "overflows"),
    ],
)
def test_the_unusual_is_said_with_its_key(overrides: list[str], key: str, words: str) -> None:
    found = warnings(recipe(*overrides))
    assert len(found) == 1, found
    assert found[0].startswith(key)
    assert words in found[0]


def test_steps_are_held_against_the_rows() -> None:
    found = warnings(recipe("train.steps=1000", "train.batch_size=16"), training_rows=500)
    assert [text.split()[0] for text in found] == ["train.steps"]
    assert warnings(recipe("train.steps=100", "train.batch_size=16"), training_rows=500) == []
    assert warnings(recipe("train.steps=1000")) == []


@pytest.mark.parametrize(
    ("size", "low", "high"),
    [
        (Size(500_000, False), 1e-3, 2e-2),
        (Size(5_000_000, False), 5e-4, 1e-2),
        (Size(50_000_000, False), 3e-4, 3e-3),
        (Size(500_000_000, False), 1e-4, 1e-3),
        (Size(5_000_000_000, False), 5e-5, 5e-4),
        (Size(200_000, True), 1e-4, 2e-2),
        (Size(1_000_000_000, True), 1e-5, 5e-5),
        (None, 1e-5, 5e-5),
    ],
)
def test_models_of_each_size_have_their_range(size: Size | None, low: float, high: float) -> None:
    found = learning_rates("full", size)
    assert (found.low, found.high) == (low, high)


def test_lora_rates_are_those_published() -> None:
    found = learning_rates("lora", Size(1_000_000_000, True))
    assert (found.low, found.high) == (1e-5, 5e-4)


def test_a_small_pretrained_model_may_take_many_epochs() -> None:
    """What docs/recipe.md says of `embedded:base`."""
    small = recipe("train.epochs=30", "train.learning_rate=5e-3", student={"model": "embedded:base"})
    assert not [text for text in warnings(small) if text.startswith("train.epochs")]


def test_a_model_made_from_a_config_may_take_many_epochs() -> None:
    made = {"architecture": "llama", "hidden_size": 64, "layers": 2}
    assert warnings(recipe("train.epochs=30", "train.learning_rate=3e-3", student=made)) == []


def test_a_real_teacher_folder_no_larger_than_the_student_is_said(tmp_path: Path) -> None:
    make_model(tmp_path / "teacher")
    small = {"big": {"use": "in_process", "model": "teacher"}}
    made = {"architecture": "llama", "hidden_size": 64, "layers": 4}
    found = warnings(recipe("train.learning_rate=3e-3", base=tmp_path, teachers=small, student=made))
    assert [text.split()[0] for text in found] == ["teachers.big"]


@pytest.mark.parametrize(
    ("count", "text"), [(133_000, "133 k"), (900_000, "0.9 M"), (7_000_000_000, "7 G"), (12, "12"), (999, "0.999 k")]
)
def test_counts_are_written_short(count: int, text: str) -> None:
    assert parameters(count) == text
