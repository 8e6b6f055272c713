"""The llama.cpp engine answers, chooses and scores as transformers does with the same weights (extra `gguf`)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from imbik.core.errors import ModelError
from imbik.core.plugins import PluginBlock, load_plugin, typed_settings
from imbik.core.questions import Question, Sampling
from imbik.core.types import Message, Outcome, Sensitivity
from imbik.models.engines import Engine
from imbik.models.opening import open_engine
from imbik.teachers import TeacherContext
from imbik.testing.tiny_models import make_model
from tiny_gguf import write_gguf

pytestmark = pytest.mark.nightly

PROMPTS = [[5 + (7 * row + 3 * place) % 250 for place in range(3 + 5 * row)] for row in range(21)]


class Pair(NamedTuple):
    """The same weights twice."""

    ours: Engine
    theirs: Engine
    file: Path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("gguf")
    model = make_model(folder / "m", classes=("kırmızı", "mavi"))
    file = write_gguf(model, folder / "m" / "model.gguf")
    return Pair(open_engine(file), open_engine(folder / "m"), file)


def test_greedy_answers_of_a_batch(pair: Pair) -> None:
    greedy, seeds = [Sampling(max_tokens=20)] * len(PROMPTS), [0] * len(PROMPTS)
    ours, theirs = (engine.generate(PROMPTS, greedy, seeds=seeds) for engine in (pair.ours, pair.theirs))
    assert ours == theirs


def test_a_row_draws_its_own_numbers(pair: Pair) -> None:
    warm = [Sampling(temperature=1.3, top_p=0.9, max_tokens=9 + row) for row in range(len(PROMPTS))]
    seeds = list(range(len(PROMPTS)))
    together = pair.ours.generate(PROMPTS, warm, seeds=seeds)
    theirs = pair.theirs.generate(PROMPTS, warm, seeds=seeds)
    # A draw that falls on the edge between two tokens may fall on either side: logits differ in the fifth digit.
    assert sum(ours == other for ours, other in zip(together, theirs, strict=True)) >= 0.8 * len(PROMPTS)
    assert together[3] == pair.ours.generate([PROMPTS[3]], [warm[3]], seeds=[3])[0]


def test_scores_distributions_and_hidden_states(pair: Pair) -> None:
    long = [*PROMPTS, [5 + place % 250 for place in range(250)]]
    for ours, theirs in zip(pair.ours.score(long), pair.theirs.score(long), strict=True):
        assert np.allclose(ours, theirs, atol=2e-4)
    for (ids, ours), (expected, theirs) in zip(pair.ours.top_k(long, 3), pair.theirs.top_k(long, 3), strict=True):
        assert ids.dtype == np.uint32
        assert np.allclose(ours, theirs, atol=2e-4)
        assert (ids == expected).mean() > 0.99
    for ours, theirs in zip(pair.ours.hidden(PROMPTS), pair.theirs.hidden(PROMPTS), strict=True):
        assert ours.shape == theirs.shape
        assert np.allclose(ours, theirs, atol=2e-3)


def test_choices(pair: Pair) -> None:
    for choices in ([[5], [6], [7]], [[5, 6, 4], [7, 4], [7, 8, 9, 4]]):
        for ours, theirs in zip(pair.ours.choose(PROMPTS, choices), pair.theirs.choose(PROMPTS, choices), strict=True):
            assert np.allclose(ours.logprobs, theirs.logprobs, atol=2e-4)


def test_prompts_that_do_not_fit(pair: Pair) -> None:
    for bad in ([], [9] * 256):
        with pytest.raises(ModelError):
            pair.ours.generate([bad], [Sampling()], seeds=[0])


def test_a_file_alone_brings_its_own_tokenizer(pair: Pair, tmp_path: Path) -> None:
    model = make_model(tmp_path / "m")
    engine = open_engine(write_gguf(model, tmp_path / "model.gguf"))
    text = "Ayşe'nin 12 elması"
    assert engine.model.tokenizer.encode(text, add_special_tokens=False) == model.tokenizer.encode(
        text, add_special_tokens=False
    )


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelError, match="cannot load this file"):
        open_engine(tmp_path / "a.gguf")


def test_it_teaches(pair: Pair) -> None:
    """The same teacher, by file and by folder, gives the same answers and the same probabilities of choices."""
    found = []
    for name in ("model.gguf", "."):
        settings = typed_settings("teachers", PluginBlock(use="in_process", raw={"model": name}))
        context = TeacherContext(name="t", base=pair.file.parent, runs=pair.file.parent / "runs")
        teacher = load_plugin("teachers", "in_process")(settings, context)
        asked = [
            Question(
                messages=(Message(role="user", content=text),), row=text, sensitivity=Sensitivity.PUBLIC,
                sampling=Sampling(max_tokens=8), choices=choices,
            )
            for text, choices in (("İki elma?", ()), ("hangisi?", ("kırmızı", "mavi")))
        ]  # fmt: skip
        found.append(teacher.answer(asked))
    for ours, theirs in zip(*found, strict=True):
        assert (ours.answer, ours.outcome) == (theirs.answer, theirs.outcome)
    assert found[0][1].outcome is Outcome.ANSWERED
    assert found[0][1].logprobs[0].logprob == pytest.approx(found[1][1].logprobs[0].logprob, abs=1e-3)
