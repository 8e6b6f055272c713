"""Adapters handed over apart from their base: PEFT and transformers give the student's logits from the folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imbik.core.errors import ModelError, RecipeError
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Sensitivity
from imbik.export.formats.peft import PeftFormat
from imbik.export.parity import prove, student_logits
from imbik.models.load import load, sensitivity_of
from imbik.models.model import LanguageModel, weights_in
from imbik.models.save import save
from imbik.pipeline.learning import refuse_learning
from imbik.recipe import build
from imbik.testing.tiny_models import make_model
from imbik.train.pupil import loader

PROMPTS = [[3, 60, 7, 9, 11, 40], [5, 12, 8]]
METHODS: dict[str, dict[str, Any]] = {
    "lora": {"r": 4},
    "qlora": {"r": 4},
    "ia3": {},
    "prefix": {"tokens": 3},
}


def form() -> PeftFormat:
    return PeftFormat(PeftFormat.Settings())


def student(folder: Path, use: str, architecture: str = "llama", **settings: Any) -> LanguageModel:
    """A student as its run keeps it: adapter with weights that change answers, base in a folder of its own."""
    make_model(folder / "base", architecture=architecture, hidden_size=64, heads=4)
    method = make("train/methods", PluginBlock(use=use, raw=settings))
    model = loader(method)(folder / "base")
    model.network = method.prepare(model, seed=1).network
    with torch.no_grad():
        for parameter in model.network.parameters():
            if parameter.requires_grad:
                parameter += 0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2))
    model.sensitivity = Sensitivity.INTERNAL
    save(model, folder / "student", base=str(folder / "base"))
    return load(folder / "student")


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
@pytest.mark.parametrize("use", METHODS)
def test_the_folder_alone_gives_the_students_logits(tmp_path: Path, use: str, architecture: str) -> None:
    made, own = student(tmp_path, use, architecture, **METHODS[use]), form()
    expected = student_logits(made, PROMPTS)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(expected, base_logits(tmp_path / "base"), strict=True))
    target = tmp_path / "7_export" / "peft"
    target.parent.mkdir()
    own.write(made, target, {"run": "a"})
    (tmp_path / "base").rename(tmp_path / "gone")
    assert prove(own, target, PROMPTS, expected).deviation <= own.tolerance
    again = load(target)
    for found, wanted in zip(student_logits(again, PROMPTS), expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert again.sensitivity is Sensitivity.INTERNAL
    assert sensitivity_of(target / "base")[0] is Sensitivity.PUBLIC, "nothing of the rows is in the base"
    named = [path for path in target.rglob("*.json") if str(tmp_path) in path.read_text(encoding="utf-8")]
    assert named == [], "no file names a place of this machine"


def base_logits(folder: Path) -> list[Any]:
    return student_logits(load(folder), PROMPTS)


def test_a_base_in_four_bits_is_handed_over_so(tmp_path: Path) -> None:
    sizes = {}
    for use in ("lora", "qlora"):
        made = student(tmp_path / use, use, r=4)
        form().write(made, tmp_path / f"{use}-out", {})
        sizes[use] = (tmp_path / f"{use}-out" / "base" / "model.safetensors").stat().st_size
    assert sizes["qlora"] < 0.6 * sizes["lora"]


@pytest.mark.parametrize("use", ["full", "adapter"])
def test_a_student_without_peft_adapter_is_refused(tmp_path: Path, use: str) -> None:
    make_model(tmp_path / "base", hidden_size=64, heads=4)
    made = load(tmp_path / "base") if use == "full" else student(tmp_path, "adapter")
    with pytest.raises(ModelError, match="no adapter that PEFT could load"):
        form().write(made, tmp_path / "out", {})
    assert not (tmp_path / "out").exists()


def check(method: Any, *export: str) -> None:
    sections = {"tasks": {"source": "rows.csv", "kind": "math"}, "generate": {"from": "reference"}}
    student = {"model": "owner/some-1b"}
    data = {"name": "a", **sections, "student": student, "train": {"method": method}, "export": list(export)}
    refuse_learning(build(data))


def test_what_cannot_be_exported_so_is_refused_before_anything_is_paid() -> None:
    for method in ("full", "frozen", "adapter"):
        with pytest.raises(RecipeError, match=f"the method {method} leaves no adapter"):
            check(method, "peft")
    for method in ("lora", "qlora", "ia3", "prefix"):
        check(method, "peft")
    check("lora", "peft", "safetensors")
    with pytest.raises(RecipeError, match="no export of that form") as error:
        check("prefix", "peft", "safetensors")
    assert error.value.next.startswith("write export: [peft]")
    with pytest.raises(RecipeError, match="no export of that form"):
        check("adapter", "safetensors")


@pytest.mark.parametrize("use", ["lora", "qlora", "ia3"])
def test_the_card_counts_the_weights_of_the_model_whatever_lies_over_it(tmp_path: Path, use: str) -> None:
    settings = {**METHODS[use], **({"modules_to_save": ["embed_tokens"]} if use == "lora" else {})}
    made = student(tmp_path, use, **settings)
    assert weights_in(made.network, merged=True) == load(tmp_path / "base").parameters < made.parameters
