"""Capture: the teacher's own distributions at the learned positions, aligned, resumable, refused with reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from capturekit import STUDENT, Asker, capture, context, recipe
from imbik.capture import stage as module
from imbik.capture.drawing import Quality
from imbik.capture.rows import Wanted
from imbik.capture.stage import CaptureStage
from imbik.core.errors import RecipeError
from imbik.core.executor import ProcessExecutor
from imbik.core.files import read_json, remove
from imbik.core.runfolder import RunFolder, write_parts
from imbik.core.types import Sample, Sensitivity
from imbik.models.engines.transformers import TransformersEngine
from imbik.models.load import load
from imbik.models.logits import LogitStore
from imbik.models.student import initial_student
from imbik.models.tokens import encode_row, token_hash
from imbik.recipe import Recipe
from imbik.testing.tiny_models import make_model
from stagekit import make_run, make_sample, make_task


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teacher") / "weights"
    make_model(folder, sensitivity=Sensitivity.INTERNAL, context=128)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Eight kept samples of training tasks, two of validation tasks."""
    return refined(tmp_path, [make_sample(make_task(f"r{number}"), number % 2) for number in range(10)])


def refined(folder: Path, samples: list[Sample]) -> RunFolder:
    sets = ["validation" if number > 7 else "train" for number in range(len(samples))]
    run = make_run(folder, [(sample.task, name) for sample, name in zip(samples, sets, strict=True)])
    write_parts(run.begin("3_refined", "h"), iter(samples))
    return run


def test_what_is_captured_is_what_the_teacher_says(run: RunFolder, weights: Path) -> None:
    import torch

    result = capture(run, weights)
    assert result.books.balanced
    assert (result.books.rows_in, result.books.rows_out, len(result.leaves)) == (10, 10, 10)
    assert result.sensitivity is Sensitivity.INTERNAL
    teacher, student = load(weights), initial_student(recipe(), run)
    store = LogitStore.open(run.stage("5_logits"))
    store.check_tokenizer(student.tokenizer_hash)
    sample = make_sample(make_task("r9"), 1)
    row = encode_row(student.tokenizer, sample.task, "2 + 3 = 5\nCevap: 5")
    ids, logprobs = store.row(sample.id, token_hash(row.ids))
    with torch.no_grad():
        own = torch.log_softmax(teacher.network(torch.tensor([row.ids])).logits[0], -1)
    places = [place for place, learned in enumerate(row.learn[1:]) if learned]
    assert places[0] == row.learn.index(True) - 1
    assert ids.shape == (len(places), 5)
    assert np.allclose(logprobs, own[places].topk(5).values, atol=5e-3)
    assert np.allclose(np.take_along_axis(own[places].numpy(), ids.astype(np.int64), 1), logprobs, atol=5e-3)  # float16


def test_logits_are_those_of_the_precision_the_teacher_answers_in(run: RunFolder, weights: Path) -> None:
    capture(run, weights)
    exact = LogitStore.open(run.stage("5_logits"))
    shown = {row: exact.row(row, exact.token_hash(row))[1] for row in exact.rows()}
    run.retire("5_logits")
    coarse = recipe(teachers={"t": {"use": "in_process", "model": "m", "dtype": "bfloat16"}})
    capture(run, weights, coarse)
    again = LogitStore.open(run.stage("5_logits"))
    found = {row: again.row(row, again.token_hash(row))[1] for row in again.rows()}
    assert found.keys() == shown.keys()
    assert all(np.allclose(found[row], shown[row], atol=0.1) for row in shown)
    assert not all(np.array_equal(found[row], shown[row]) for row in shown)


def test_only_what_is_missing_is_captured_again(run: RunFolder, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_ROWS", 3)
    whole = capture(run, weights)
    folder = run.stage("5_logits")
    assert len(list(folder.glob("*.index.jsonl"))) == 4
    for number in (2, 3):  # killed after the second block
        (folder / f"shard-{number:05d}.index.jsonl").unlink()
    asked: list[int] = []
    work = module.CaptureWork.__call__

    def counted(self: module.CaptureWork, block: Any) -> Any:
        asked.append(len(block))
        return work(self, block)

    monkeypatch.setattr(module.CaptureWork, "__call__", counted)
    again = capture(run, weights)
    assert asked == [3, 1]
    assert sorted(again.leaves) == sorted(whole.leaves)


def test_worker_processes_give_the_same(run: RunFolder, weights: Path, tmp_path: Path) -> None:
    here = capture(run, weights)
    elsewhere = refined(tmp_path / "b", [make_sample(make_task(f"r{number}"), number % 2) for number in range(10)])
    assert sorted(capture(elsewhere, weights, executor=ProcessExecutor(1)).leaves) == sorted(here.leaves)


def test_rows_beyond_the_teachers_context_are_counted(tmp_path: Path, weights: Path) -> None:
    long = make_sample(make_task("long", "12 elma " * 60))
    result = capture(refined(tmp_path, [make_sample(make_task("r0")), long]), weights)
    assert (result.books.rows_out, result.books.rejected) == (1, 1)
    assert result.books.balanced
    assert "context" in result.warnings[0]


def test_never_more_than_the_vocabulary(run: RunFolder, weights: Path) -> None:
    capture(run, weights, recipe(capture={"top_k": 100_000}))
    width = load(weights).network.config.vocab_size
    assert LogitStore.open(run.stage("5_logits")).settings.top_k == width


def test_the_same_answer_with_class_tokens(tmp_path: Path) -> None:
    """A label is one learned token and the end of the turn: two captured positions."""
    make_model(tmp_path / "teacher", classes=["evet", "hayır"])
    run = refined(tmp_path, [make_sample(make_task("r0"), answer="evet", reasoning="")])
    kind = {"use": "classification", "labels": ["evet", "hayır"]}
    made = recipe(tasks={"source": "rows.jsonl", "kind": kind})
    capture(run, tmp_path / "teacher", made)
    store = LogitStore.open(run.stage("5_logits"))
    ids, _ = store.row("r0#t#0", store.token_hash("r0#t#0"))
    assert len(ids) == 2


def test_different_tokenizers_are_refused(run: RunFolder, weights: Path) -> None:
    with pytest.raises(RecipeError, match="different tokenizers") as caught:
        capture(run, weights, recipe(student={**STUDENT, "tokenizer": "train", "vocabulary": 280}))
    assert "student.tokenizer=teacher" in caught.value.next


def test_another_tokenizer_is_captured_at_its_own_tokens_where_every_loss_can_cross(
    run: RunFolder, weights: Path
) -> None:
    student = {**STUDENT, "tokenizer": "train", "vocabulary": 280}
    made = recipe(student=student, train={"losses": ["cross_entropy", "uld"]})
    result = capture(run, weights, made)
    assert (result.books.rows_in, result.books.rows_out) == (10, 10)
    teacher, store = load(weights), LogitStore.open(run.stage("5_logits"))
    store.check_tokenizer(teacher.tokenizer_hash)
    sample = make_sample(make_task("r9"), 1)
    row = encode_row(teacher.tokenizer, sample.task, "2 + 3 = 5\nCevap: 5")
    assert len(store.row(sample.id, token_hash(row.ids))[0]) == sum(row.learn[1:])
    mixed = recipe(student=student, train={"losses": ["forward_kl", "uld"]})
    with pytest.raises(RecipeError, match="different tokenizers"):
        capture(run, weights, mixed)


def test_teachers_that_give_text_only_are_refused(run: RunFolder) -> None:
    made = recipe(capture={"teacher": "u"})
    with pytest.raises(RecipeError, match="gives text only"):
        capture(run, None, made)
    with pytest.raises(RecipeError, match="gives text only"):
        CaptureStage().settings(made, Asker(None))


def test_several_teachers_need_a_name(weights: Path) -> None:
    made = recipe(generate={"teacher": {"public": "t", "otherwise": "u"}})
    with pytest.raises(RecipeError, match="which teacher"):
        CaptureStage().settings(made, Asker(weights))


def test_needed_and_settings(weights: Path) -> None:
    stage = CaptureStage()
    assert stage.needed(recipe())
    assert not stage.needed(recipe(capture=None))
    assert stage.inputs(recipe()) == ("refine",)
    assert stage.inputs(recipe(review={})) == ("review",)
    one = stage.settings(recipe(), Asker(weights))
    assert one == stage.settings(recipe(train={"epochs": 9}), Asker(weights))
    assert one != stage.settings(recipe(capture={"top_k": 6}), Asker(weights))


def test_batches_change_nothing_but_noise(run: RunFolder, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersEngine(load(weights))
    rows = [[5, 6, 7, 8], [9, 10]]
    together, alone = engine.top_k(rows, 5), [engine.top_k([row], 5)[0] for row in rows]
    for (_, one), (_, two) in zip(together, alone, strict=True):
        assert np.allclose(one, two, atol=5e-3)  # float16


def test_compressed_keeps_two_thirds_of_the_likeliest_and_says_how_good_that_is(run: RunFolder, weights: Path) -> None:
    exact, small = capture(run, weights, recipe(capture={"top_k": 60})), None
    kept = read_json(run.stage("5_logits") / "quality.json", Quality)
    assert kept.form == "exact"
    assert kept.kl is not None
    assert str(kept) == exact.measured["kept"]
    remove(run.stage("5_logits"))
    run.stage("5_logits").mkdir()
    small = capture(run, weights, recipe(capture={"top_k": 60, "form": "compressed"}))
    store = LogitStore.open(run.stage("5_logits"))
    name = next(iter(store.rows()))
    assert store.row(name, store.token_hash(name))[0].shape[1] == 40
    packed = read_json(run.stage("5_logits") / "quality.json", Quality)
    assert packed.bytes_per_token < 0.62 * kept.bytes_per_token
    assert packed.kl is not None
    assert "KL" in small.measured["kept"]


def test_samples_are_drawn_by_row_and_unbiased(run: RunFolder, weights: Path) -> None:
    made = recipe(capture={"form": "sampled", "samples": 200})
    capture(run, weights, made)
    store = LogitStore.open(run.stage("5_logits"))
    engine = TransformersEngine(load(weights))
    everything = list(_rows(run, made))
    draws = []
    for row in everything:
        ids, times = store.row(row.row, token_hash(row.ids))
        assert np.allclose(times.sum(1), 1, atol=1e-5)
        [(best, logprobs)] = engine.top_k([row.ids], engine.width)
        for number, place in enumerate(row.places):
            p = np.zeros(engine.width)
            p[best[place]] = np.exp(logprobs[place])
            q = np.zeros(engine.width)
            np.add.at(q, ids[number].astype(int), times[number])
            draws.append(q - p)
    error = np.mean(draws, 0)
    bound = 4 * np.std(draws, 0) / len(draws) ** 0.5 + 1e-3
    assert (np.abs(error) <= bound).all()
    found = read_json(run.stage("5_logits") / "quality.json", Quality)
    assert found.kl is None
    assert found.bias_low - 3e-3 <= 0 <= found.bias_high + 3e-3
    again = store.row(everything[0].row, token_hash(everything[0].ids))
    remove(run.stage("5_logits"))
    run.stage("5_logits").mkdir()
    capture(run, weights, made)
    other = LogitStore.open(run.stage("5_logits")).row(everything[0].row, token_hash(everything[0].ids))
    assert all(np.array_equal(left, right) for left, right in zip(again, other, strict=True))


def _rows(run: RunFolder, made: Recipe) -> Any:
    store = LogitStore.open(run.stage("5_logits"))
    held = context(run, None, made)
    tokenizer = module.load_tokenizer(module.prepare_tokenizer(made, run, None))
    return (row for row in Wanted(held, tokenizer, 128) if row.row in store)


def test_the_usual_form_has_the_hash_that_it_had(weights: Path) -> None:
    settings = CaptureStage().settings(recipe(), Asker(weights))
    assert isinstance(settings, dict)
    assert not {"form", "samples"} & set(settings)
    sampled = CaptureStage().settings(recipe(capture={"form": "sampled"}), Asker(weights))
    assert isinstance(sampled, dict)
    assert {"form", "samples"} <= set(sampled)
