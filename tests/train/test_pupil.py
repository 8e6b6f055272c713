"""A pupil learns with the recipe's dropout, and an adapter's base is on disk before the first step."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from imbik.core.plugins import PluginBlock, make
from imbik.models.load import load
from imbik.recipe import Recipe, build
from imbik.testing.tiny_models import make_model
from imbik.train.pupil import changed, make_pupil, set_dropout


def recipe(method: str, **train: float) -> Recipe:
    data = {"name": "a", "tasks": {"source": "a.jsonl", "kind": "qa"}, "generate": {"from": "reference"}}
    return build({**data, "student": {"architecture": "llama"}, "train": {"method": method, **train}})


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_the_recipes_dropout_goes_before_what_a_config_brings_along(share: float) -> None:
    class Attention(torch.nn.Module):
        attention_dropout = 0.9

    network = torch.nn.Sequential(torch.nn.Dropout(0.9), Attention())
    set_dropout(network, share)
    assert [network[0].p, network[1].attention_dropout] == [share, share]


def test_the_base_of_an_adapter_is_saved_where_the_adapter_will_look_for_it(tmp_path: Path) -> None:
    made, method = recipe("lora"), make("train/methods", PluginBlock(use="lora"))
    stage = tmp_path / "6_student"
    pupil = make_pupil(made, method, 3, lambda: make_model(tmp_path / "model", layers=1), stage)
    assert pupil.base is not None
    kept = stage / "student" / "seed-3" / "weights" / pupil.base
    assert load(kept.resolve()).network.state_dict().keys() == load(tmp_path / "model").network.state_dict().keys()
    assert pupil.prepared.adapted


def test_a_student_that_learns_whole_needs_no_base(tmp_path: Path) -> None:
    made, method = recipe("full"), make("train/methods", PluginBlock(use="full"))
    pupil = make_pupil(made, method, 1, lambda: make_model(tmp_path / "model", layers=1), tmp_path / "6_student")
    assert pupil.base is None
    assert not (tmp_path / "6_student").exists()


def test_a_model_whose_embeddings_grew_is_no_longer_what_its_folder_holds(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", layers=1)
    model = load(tmp_path / "model")
    assert not changed(model)
    model.network.resize_token_embeddings(model.network.config.vocab_size + 8)
    assert changed(model)
