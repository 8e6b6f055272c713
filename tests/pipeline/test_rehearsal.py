"""What a method could not do with this model is found on the model's shape, before any answer is bought."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import ImbikError
from imbik.core.plugins import available
from imbik.pipeline.rehearsal import refuse_misfit
from imbik.recipe import build
from imbik.testing.tiny_models import make_model
from imbik.train.methods import Method

METHODS = ["full", "frozen", "lora", "qlora", "ia3", "adapter", "prefix"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small Llama and a small GPT-2."""
    folder = tmp_path_factory.mktemp("models")
    make_model(folder / "llama", layers=4)
    make_model(folder / "gpt2", architecture="gpt2", layers=4)
    return folder


def check(base: Path, model: str = "llama", keep: Any = None, **train: Any) -> None:
    student = {"model": model} if keep is None else {"model": model, "keep": keep}
    data = {"name": "a", "tasks": {"source": "rows.csv", "kind": "math"}, "generate": {"from": "reference"}}
    refuse_misfit(build({**data, "student": student, "train": train}, base=base))


def test_every_method_is_tried() -> None:
    assert set(METHODS) == set(available("train/methods"))


@pytest.mark.parametrize("model", ["llama", "gpt2"])
@pytest.mark.parametrize("method", METHODS)
def test_what_fits_is_not_refused(models: Path, model: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the method was really tried on the shape, to its end (but for the full fine-tuning, which fits anything)."""
    done: list[str] = []

    class Watched:
        def __init__(self, inner: Method) -> None:
            self.inner = inner

        def prepare(self, shape: Any, *, seed: int) -> Any:
            assert all(one.is_meta for one in shape.network.parameters()), "nothing is loaded"
            made = self.inner.prepare(shape, seed=seed)
            done.append(method)
            return made

    from imbik.pipeline import rehearsal

    make = rehearsal.make
    monkeypatch.setattr(rehearsal, "make", lambda group, block: Watched(make(group, block)))
    check(models, model, method=method)
    unread = (model, method) == ("gpt2", "prefix")  # transformers looks at values there, and a shape has none
    assert done == ([] if method == "full" or unread else [method])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"method": {"use": "lora", "target_modules": ["nope"]}}, "no linear layer of this model is called 'nope'"),
        ({"method": {"use": "lora", "modules_to_save": ["nope"]}}, "no module of this model is called 'nope'"),
        ({"method": {"use": "prefix", "tokens": 5000}}, "leaves no room"),
        ({"method": {"use": "frozen", "layers": 9}}, "9 layers are to be frozen, and this model has 4"),
        ({"method": {"use": "frozen", "layers": 3}, "keep": {"layers": 2}}, "3 layers are to be frozen, and this"),
        ({"no_weight_decay": ["*nope*"]}, "'*nope*' fits no weight that learns"),
        ({"method": "lora", "learning_rates": {"*embed_tokens.weight": 0.1}}, "fits no weight that learns"),
        ({"keep": {"layers": 9}}, "9 layers are to be kept, and the model has 4"),
        ({"keep": {"layers": [0, 4]}}, "the model has no layer 4"),
    ],
)
def test_what_does_not_fit_is_refused(models: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ImbikError) as error:
        check(models, **settings)
    assert said in error.value.what
    assert error.value.where.startswith(("train.", "student.keep"))


def test_names_are_those_of_training(models: Path) -> None:
    check(models, learning_rates={"network.model.layers.0.*": 0.1}, no_weight_decay=["*embed*"])
    check(models, "gpt2", method={"use": "lora", "modules_to_save": ["wte"], "target_modules": ["c_attn"]})
    check(models, keep={"layers": 2, "mlp": 0.5}, method={"use": "frozen", "layers": 1})


def test_a_model_that_is_not_here_is_left_to_its_training(models: Path) -> None:
    check(models, "some-org/some-1b", method={"use": "lora", "target_modules": ["nope"]})
