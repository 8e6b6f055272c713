"""Capture from log-probabilities that answers came with: aligned token by token, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from capturekit import Asker, recipe
from imbik.capture.answered import FEW, OTHER, SILENT
from imbik.capture.stage import CaptureStage
from imbik.core.errors import RecipeError
from imbik.core.runfolder import RunFolder, write_parts
from imbik.core.types import Sample, TokenLogprob
from imbik.models.load import load_tokenizer
from imbik.models.logits import LogitStore
from imbik.stage import StageResult
from imbik.tasks.kinds import Kind
from imbik.tasks.read import kind_of
from imbik.testing.tiny_models import make_model
from stagekit import context_of, make_run, make_sample, make_task


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("m") / "weights"
    make_model(folder, context=128)
    return folder


def told(tokenizer: Any, text: str, alternatives: int = 4) -> tuple[TokenLogprob, ...]:
    """What a chat API would say of a text: each token as text, with the next ids' texts as alternatives."""
    found = []
    for token in tokenizer(text, add_special_tokens=False)["input_ids"]:
        others = [tokenizer.decode([other]) for other in range(270, 270 + alternatives)]
        top = tuple((other, -1.0 - number) for number, other in enumerate(others))
        found.append(TokenLogprob(token=tokenizer.decode([token]), logprob=-0.5, top=top))
    return tuple(found)


def lay(folder: Path, weights: Path, *changed: Any) -> tuple[RunFolder, Any]:
    """Samples whose completions hold log-probabilities of exactly what is learned, but for what is `changed`."""
    made = recipe(
        teachers={"t": {"use": "openai", "model": "m", "top_logprobs": 5}},
        capture={"teacher": "t", "top_k": 3, "source": "answers"},
        student={"model": str(weights)},
    )
    run = make_run(folder, [(make_task(f"r{number}"), "train") for number in range(4)])
    kind: Kind = kind_of(made, run)
    tokenizer, samples = load_tokenizer(weights), []
    for number in range(4):
        sample: Sample = make_sample(make_task(f"r{number}"))
        text = kind.render(sample.reasoning, sample.answer, sample.task)
        logprobs = told(tokenizer, text)
        if number < len(changed):
            logprobs = changed[number](logprobs)
        completion = msgspec.structs.replace(sample.completion, logprobs=logprobs)
        samples.append(msgspec.structs.replace(sample, completion=completion))
    write_parts(run.begin("3_refined", "h"), iter(samples))
    return run, made


def captured(run: RunFolder, made: Any) -> StageResult:
    return CaptureStage().run(context_of(CaptureStage(), made, run, Asker(None)))


def test_what_the_teacher_said_stands_at_the_tokens_that_it_wrote(tmp_path: Path, weights: Path) -> None:
    run, made = lay(tmp_path, weights)
    result = captured(run, made)
    assert (result.books.rows_out, result.books.balanced) == (4, True)
    store = LogitStore.open(run.stage("5_logits"))
    row = next(iter(store.rows()))
    ids, logprobs = store.row(row, store.token_hash(row))
    assert ids.shape[1] == 3
    assert np.allclose(logprobs[:-1], [[-0.5, -1.0, -2.0]] * (len(ids) - 1), atol=1e-3)
    assert ids[0, 1:].tolist() == [270, 271]
    assert np.isneginf(logprobs[-1]).all(), "nothing is known of the closing token"


def test_rows_that_do_not_align_are_counted_with_the_reason(tmp_path: Path, weights: Path) -> None:
    def other(said: Any) -> Any:
        return (msgspec.structs.replace(said[0], token="başka"), *said[1:])

    def few(said: Any) -> Any:
        return (msgspec.structs.replace(said[0], top=()), *said[1:])

    run, made = lay(tmp_path, weights, lambda said: (), other, few)
    result = captured(run, made)
    assert (result.books.rows_out, result.books.rejected) == (1, 3)
    assert result.books.reasons == {SILENT: 1, OTHER: 1, FEW: 1}


def test_nothing_at_all_stops_with_the_reason(tmp_path: Path, weights: Path) -> None:
    run, made = lay(tmp_path, weights, *[lambda said: ()] * 4)
    with pytest.raises(RecipeError, match="no answer of teacher 't' could be captured") as refused:
        captured(run, made)
    assert "top_logprobs" in refused.value.next
