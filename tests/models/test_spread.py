"""Models larger than one device: layers over memory and disk give the same answers, and when a model is spread."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from imbik.core.errors import ModelError
from imbik.core.questions import Sampling
from imbik.models import spread
from imbik.models.engines.transformers import TransformersEngine
from imbik.models.opening import open_engine
from imbik.models.spread import Spread, is_spread, spread_for, weights_in
from imbik.testing.tiny_models import make_model

PROMPTS = [[5, 6, 7, 8], [9, 10, 11], [12, 13, 14, 15, 16]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = make_model(tmp_path / "m", hidden_size=64, layers=4).folder
    assert found is not None
    return found


def engine(folder: Path, memory: Mapping[str, str] | None = None) -> TransformersEngine:
    made = open_engine(folder, memory=memory)
    assert isinstance(made, TransformersEngine)
    return made


@pytest.mark.parametrize("room", ["0MB", "0.6MB"])
def test_layers_over_memory_and_disk_answer_alike(folder: Path, room: str) -> None:
    before = sorted(os.listdir(folder))
    whole, parts = engine(folder), engine(folder, {"cpu": room})
    assert is_spread(parts.model.network)
    places = {p.device.type for p in parts.model.network.parameters()}
    assert places == ({"meta"} if room == "0MB" else {"meta", "cpu"})
    for (ids, logprobs), (others, values) in zip(whole.top_k(PROMPTS, 5), parts.top_k(PROMPTS, 5), strict=True):
        assert np.array_equal(ids, others)
        np.testing.assert_allclose(logprobs, values, rtol=1e-5, atol=1e-5)
    for mine, yours in zip(whole.score(PROMPTS), parts.score(PROMPTS), strict=True):
        np.testing.assert_allclose(mine, yours, rtol=1e-5, atol=1e-5)
    for mine, yours in zip(whole.hidden(PROMPTS), parts.hidden(PROMPTS), strict=True):
        np.testing.assert_allclose(mine, yours, rtol=1e-5, atol=1e-5)
    settings = [Sampling(max_tokens=8, temperature=0.7)] * 3
    made, others_made = (one.generate(PROMPTS, settings, seeds=[1, 2, 3]) for one in (whole, parts))
    assert [one.ids for one in made] == [one.ids for one in others_made]
    choices = [[20, 21], [22]]
    for one, other in zip(whole.choose(PROMPTS, choices), parts.choose(PROMPTS, choices), strict=True):
        assert one.index == other.index
        np.testing.assert_allclose(one.logprobs, other.logprobs, rtol=1e-5, atol=1e-5)
    assert sorted(os.listdir(folder)) == before, "nothing is written beside the weights"


def test_a_model_that_fits_is_not_spread_and_one_that_does_not_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, size = weights_in(folder)
    assert size == 4 * count == 4 * sum(p.numel() for p in engine(folder).model.network.parameters())
    assert spread_for(folder) is None, "small models run on the processor whatever is free"
    monkeypatch.setattr(spread, "SMALL", 1000)
    monkeypatch.setattr(spread, "free_memory", lambda: 2 * size)
    assert spread_for(folder, device="cpu") is None
    monkeypatch.setattr(spread, "free_memory", lambda: size)
    found = spread_for(folder, device="cpu")
    assert found == Spread({"cpu": int(0.8 * size)}, size)
    assert "the rest on disk" in str(found)
    assert spread_for(folder, dtype="bfloat16", device="cpu") is None


def test_one_of_several_cards_is_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = weights_in(folder)[1]
    monkeypatch.setattr(spread, "SMALL", 1000)
    monkeypatch.setattr(spread, "free_memory", lambda: 10 * size)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda card: (2 * size if card else size // 2, 0))
    assert spread_for(folder) is None
    assert spread_for(folder, device="cuda:0") == Spread({0: int(0.8 * (size // 2)), "cpu": 8 * size}, size)


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        ({"gpu": "1GB"}, "no place"),
        ({"cuda:x": "1GB"}, "no place"),
        ({"cpu": "much"}, "no size"),
        ({"cpu": "GB"}, "no size"),
    ],
)
def test_what_is_no_place_or_size_is_refused(folder: Path, memory: Mapping[str, str], words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        spread_for(folder, memory=memory)
    assert "GB" in caught.value.next


def test_sizes_are_read_in_any_unit(folder: Path) -> None:
    found = spread_for(folder, memory={"cpu": "1.5 gb", "cuda:1": "200MB"})
    assert found is not None
    assert dict(found.limits) == {1: 200_000_000, "cpu": 1_500_000_000}
