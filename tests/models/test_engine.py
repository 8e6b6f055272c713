"""The transformers engine: what the library itself would give, whatever the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from imbik.core.errors import ModelError
from imbik.core.questions import Sampling
from imbik.models.engines import sampling as drawing
from imbik.models.engines import transformers as module
from imbik.models.engines.choosing import TREES, grow_tree
from imbik.models.engines.transformers import TransformersEngine
from imbik.models.init import ARCHITECTURES
from imbik.models.model import LanguageModel

Tiny = Callable[[str], LanguageModel]
PROMPTS = [[5 + (7 * row + 3 * place) % 250 for place in range(3 + 5 * row)] for row in range(7)]


def greedy(count: int = 20) -> list[Sampling]:
    return [Sampling(max_tokens=count)] * len(PROMPTS)


def by_library(model: LanguageModel, prompt: Sequence[int], count: int, stops: frozenset[int]) -> list[int]:
    """Greedy ids of transformers' own generate, one prompt alone."""
    import torch

    with torch.inference_mode():
        made = model.network.generate(
            torch.tensor([list(prompt)]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=count, do_sample=False, eos_token_id=sorted(stops), pad_token_id=0,
        )  # fmt: skip
    ids = made[0, len(prompt) :].tolist()
    return ids[:-1] if ids and ids[-1] in stops else ids


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_greedy_answers_are_the_librarys(tiny: Tiny, architecture: str) -> None:
    model = tiny(architecture)
    engine = TransformersEngine(model)
    alone = [engine.generate([prompt], [Sampling(max_tokens=20)], seeds=[0])[0].ids for prompt in PROMPTS]
    stops = frozenset(ids[4] for ids in alone[:2]) | engine._stops  # some rows end early
    engine._stops = stops
    expected = [by_library(model, prompt, 20, stops) for prompt in PROMPTS]
    made = engine.generate(PROMPTS, greedy(), seeds=[0] * len(PROMPTS))
    assert [item.ids for item in made] == expected
    assert {len(ids) for ids in expected} > {20}
    assert [item.finished for item in made] == [len(ids) < 20 for ids in expected]


def test_sliding_windows_are_kept(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from imbik.testing.tiny_models import make_model

    model = make_model(tmp_path / "m", architecture="mistral")
    model.network.config.sliding_window = 8
    engine = TransformersEngine(model)
    made = engine.generate(PROMPTS, greedy(), seeds=[0] * len(PROMPTS))
    assert [item.ids for item in made] == [by_library(model, prompt, 20, engine._stops) for prompt in PROMPTS]


def test_a_row_does_not_depend_on_its_batch(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersEngine(tiny("llama"))
    warm = [Sampling(temperature=1.3, top_p=0.9, max_tokens=15 + row) for row in range(len(PROMPTS))]
    seeds = list(range(40, 40 + len(PROMPTS)))
    together = engine.generate(PROMPTS, warm, seeds=seeds)
    alone = [engine.generate([p], [s], seeds=[n])[0] for p, s, n in zip(PROMPTS, warm, seeds, strict=True)]
    assert together == alone
    monkeypatch.setattr(module, "ROWS", 3)
    assert engine.generate(PROMPTS[::-1], warm[::-1], seeds=seeds[::-1])[::-1] == together


def test_seeds_and_limits(tiny: Tiny) -> None:
    engine = TransformersEngine(tiny("llama"))
    short, long = (Sampling(temperature=1.0, max_tokens=count) for count in (5, 12))
    one, other, longer = engine.generate([PROMPTS[1]] * 3, [short, short, long], seeds=[1, 2, 1])
    assert one.ids != other.ids
    assert longer.ids[: len(one.ids)] == one.ids
    assert engine.generate([PROMPTS[1]], [short], seeds=[1])[0] == one


def test_an_answer_ends_with_the_context(tiny: Tiny) -> None:
    engine = TransformersEngine(tiny("llama"))
    engine._stops = frozenset()
    prompt = [9] * 250
    made = engine.generate([prompt, [7]], [Sampling(max_tokens=50)] * 2, seeds=[0, 0])
    assert [len(item.ids) for item in made] == [6, 50]
    assert not made[0].finished
    for bad in ([], [9] * 256):
        with pytest.raises(ModelError):
            engine.generate([bad], [Sampling()], seeds=[0])


def test_nucleus_sampling_draws_from_the_right_distribution() -> None:
    import torch

    logits = torch.log(torch.tensor([[0.1, 0.5, 0.15, 0.25]])).expand(4000, 4)
    uniform = torch.linspace(0, 1, 4001, dtype=torch.float64)[:-1]
    ones = torch.ones(4000)
    drawn = drawing.sample(logits, ones, ones, uniform).bincount(minlength=4) / 4000
    assert torch.allclose(drawn, torch.tensor([0.1, 0.5, 0.15, 0.25]), atol=2e-3)
    narrow = drawing.sample(logits, ones, ones * 0.7, uniform).bincount(minlength=4) / 4000
    assert torch.allclose(narrow, torch.tensor([0, 2 / 3, 0, 1 / 3]), atol=2e-3)
    hot = drawing.sample(logits, ones * 0.5, ones, uniform).bincount(minlength=4) / 4000
    squares = torch.tensor([0.1, 0.5, 0.15, 0.25]) ** 2
    assert torch.allclose(hot, squares / squares.sum(), atol=2e-3)
    assert set(drawing.sample(logits, ones, ones * 0.01, uniform).tolist()) == {1}


def test_scores_are_the_models_own(tiny: Tiny) -> None:
    import torch

    model = tiny("qwen3")
    engine = TransformersEngine(model)
    for sequence, scores, (ids, logprobs) in zip(PROMPTS, engine.score(PROMPTS), engine.top_k(PROMPTS, 4), strict=True):
        with torch.inference_mode():
            expected = torch.log_softmax(model.network(torch.tensor([sequence])).logits[0], -1)
        taken = expected[:-1].gather(-1, torch.tensor(sequence[1:])[:, None])[:, 0]
        assert scores[0] == 0
        assert np.allclose(scores[1:], taken, atol=1e-5)
        assert ids.shape == logprobs.shape == (len(sequence), 4)
        assert ids.dtype == np.uint32
        assert np.allclose(logprobs, expected.topk(4).values, atol=1e-5)
        assert np.allclose(np.take_along_axis(expected.numpy(), ids.astype(np.int64), -1), logprobs, atol=1e-5)


def test_top_k_never_asks_for_more_than_there_is(tiny: Tiny) -> None:
    ids, logprobs = TransformersEngine(tiny("llama")).top_k([PROMPTS[0]], 10_000)[0]
    assert ids.shape[1] == 320
    assert np.allclose(np.exp(logprobs.astype(np.float64)).sum(-1), 1, atol=1e-5)


def test_blocks_change_nothing(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersEngine(tiny("llama"))
    whole = engine.score(PROMPTS)
    monkeypatch.setattr(module, "LOGITS", 320 * 20)
    for one, other in zip(whole, engine.score(PROMPTS), strict=True):
        assert np.allclose(one, other, atol=1e-5)


CHOICES = [[10, 11, 12, 4], [10, 11, 13, 4], [10, 14, 4], [15, 4], [16, 17, 18, 19, 4]]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_choosing_by_tree_equals_scoring_each_choice(tiny: Tiny, architecture: str) -> None:
    engine = TransformersEngine(tiny(architecture))
    made = engine.choose(PROMPTS, CHOICES)
    for prompt, choice in zip(PROMPTS, made, strict=True):
        sums = np.array([score[len(prompt) :].sum() for score in engine.score([prompt + c for c in CHOICES])])
        expected = sums - np.logaddexp.reduce(sums)
        assert np.allclose(choice.logprobs, expected, atol=1e-4)
        assert choice.index == expected.argmax()


def test_choosing_without_a_tree(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersEngine(tiny("llama"))
    by_tree = engine.choose(PROMPTS, CHOICES)
    monkeypatch.setattr("imbik.models.engines.choosing.TREES", set())
    for one, other in zip(by_tree, engine.choose(PROMPTS, CHOICES), strict=True):
        assert np.allclose(one.logprobs, other.logprobs, atol=1e-4)


def test_choosing_among_single_tokens(tiny: Tiny) -> None:
    import torch

    model = tiny("llama")
    made = TransformersEngine(model).choose(PROMPTS, [[7], [9], [11]])
    for prompt, choice in zip(PROMPTS, made, strict=True):
        with torch.inference_mode():
            logits = model.network(torch.tensor([prompt])).logits[0, -1, [7, 9, 11]]
        assert np.allclose(choice.logprobs, torch.log_softmax(logits, -1), atol=1e-5)


def test_the_tree_shares_beginnings() -> None:
    tree = grow_tree(CHOICES)
    assert tree.tokens == [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
    assert tree.parents == [-1, 0, 1, 1, 0, -1, -1, 6, 7, 8]
    assert tree.depths == [0, 1, 2, 2, 1, 0, 0, 1, 2, 3]
    assert tree.paths[2] == [(-1, 10), (0, 14), (4, 4)]
    assert set(ARCHITECTURES) == TREES


def test_tiny_models_run_on_one_thread_and_leave_the_process_as_it_was(tiny: Tiny) -> None:
    import torch

    engine = TransformersEngine(tiny("llama"))
    assert engine.threads == 1
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        engine.generate([PROMPTS[0]], [Sampling(max_tokens=2)], seeds=[0])
        assert torch.get_num_threads() == 2
        assert torch.is_grad_enabled()
    finally:
        torch.set_num_threads(before)
