"""Where a model runs: the processor for small ones, a card that has room for large ones, and an error for no card."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from imbik.core.errors import ModelError
from imbik.core.questions import Sampling
from imbik.models import device as module
from imbik.models.device import device_for
from imbik.models.engines.transformers import TransformersEngine
from imbik.models.init import ARCHITECTURES
from imbik.models.model import LanguageModel

Tiny = Callable[[str], LanguageModel]
PROMPTS = [[5 + (7 * row + 3 * place) % 250 for place in range(3 + 5 * row)] for row in range(7)]
CHOICES = [[9, 4], [9, 11, 4], [12, 4]]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A card of which so many bytes are free, as torch would tell it."""

    def make(free: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (free, 1 << 40))

    return make


def test_a_small_model_stays_on_the_processor(tiny: Tiny, card: Callable[[int], None]) -> None:
    card(1 << 36)
    assert device_for(tiny("llama")).type == "cpu"


def test_a_larger_model_goes_to_a_card_with_room(
    tiny: Tiny, card: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny("llama")
    monkeypatch.setattr(module, "SMALL", model.parameters)
    weights = 4 * model.parameters
    card(2 * weights)
    assert device_for(model) == torch.device("cuda:0")
    card(weights)
    assert device_for(model).type == "cpu"
    assert device_for(model, "cpu").type == "cpu"
    assert device_for(model, "cuda") == torch.device("cuda:0")


def test_a_card_that_is_not_there(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ModelError, match="no graphics card 'cuda' \\(torch sees none\\)") as caught:
        TransformersEngine(tiny("llama"), device="cuda")
    assert "device: cpu" in str(caught.value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ModelError, match="'cuda:3' \\(torch sees 1 of them\\)"):
        device_for(tiny("llama"), "cuda:3")


@pytest.mark.gpu
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_card_gives_what_the_processor_gives(tiny: Tiny, architecture: str) -> None:
    torch.backends.cuda.matmul.allow_tf32 = False
    warm = [Sampling(temperature=0.8 * (row % 2), top_p=0.9, max_tokens=12) for row in range(len(PROMPTS))]
    seeds = list(range(len(PROMPTS)))

    def all_of(device: str) -> tuple[list[list[int]], list[list[np.ndarray]]]:  # type: ignore[type-arg]
        engine = TransformersEngine(tiny(architecture), device=device)
        assert next(engine.model.network.parameters()).device.type == device
        made = [item.ids for item in engine.generate(PROMPTS, warm, seeds=seeds)]
        best = [values for _, values in engine.top_k(PROMPTS, 5)]
        chosen = [choice.logprobs for choice in engine.choose(PROMPTS, CHOICES)]
        return made, [engine.score(PROMPTS), engine.hidden(PROMPTS), best, [np.asarray(line) for line in chosen]]

    ids, numbers = all_of("cpu")
    ids_there, numbers_there = all_of("cuda")
    same = sum(here == there for here, there in zip(ids, ids_there, strict=True))
    assert same >= len(PROMPTS) - 1  # a tie may fall otherwise
    for here, there in zip(numbers, numbers_there, strict=True):
        for a, b in zip(here, there, strict=True):
            np.testing.assert_allclose(a, b, atol=2e-3, rtol=2e-3)
