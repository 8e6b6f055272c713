"""Prompts to completions: typed outcomes, choices that are exactly one of the allowed."""

from __future__ import annotations

import math

import pytest

from imbik.core.questions import Sampling
from imbik.core.types import Message, Outcome, Task
from imbik.models.answer import answer_prompts, answer_tasks
from imbik.models.engines.transformers import TransformersEngine
from imbik.models.tokens import encode_prompt, encode_row, encode_task_prompt
from imbik.testing.tiny_models import make_model

LABELS = ("iade", "kart kayıp", "kargo")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> TransformersEngine:
    return TransformersEngine(make_model(tmp_path_factory.mktemp("m"), context=64))


@pytest.fixture(scope="module")
def labelling(tmp_path_factory: pytest.TempPathFactory) -> TransformersEngine:
    return TransformersEngine(make_model(tmp_path_factory.mktemp("m"), classes=LABELS))


def task(text: str, **more: object) -> Task:
    return Task(id=text, kind="qa", messages=(Message(role="user", content=text),), **more)  # type: ignore[arg-type]


def test_outcomes(engine: TransformersEngine) -> None:
    long = task("12 elma " * 40)
    made = answer_tasks(engine, [task("bir"), long, task("iki")], Sampling(max_tokens=4), [()] * 3)
    assert [item.outcome for item in made] == [Outcome.TRUNCATED, Outcome.FAILED, Outcome.TRUNCATED]
    assert "4 tokens" in made[0].reason
    assert "context is 64" in made[1].reason
    assert made[0].usage.output_tokens == 4
    assert made[0].usage.input_tokens == len(encode_task_prompt(engine.model.tokenizer, task("bir")))
    engine._stops = frozenset(range(320))
    ended = answer_tasks(engine, [task("bir")], Sampling(max_tokens=4), [()])[0]
    assert (ended.outcome, ended.answer, ended.usage.output_tokens) == (Outcome.ANSWERED, "", 1)


def test_choices_are_read_over_the_allowed_only(engine: TransformersEngine, labelling: TransformersEngine) -> None:
    for each in (engine, labelling):
        made = answer_tasks(each, [task("kartım"), task("nerede")], Sampling(), [LABELS] * 2)
        for completion in made:
            assert completion.outcome is Outcome.ANSWERED
            assert completion.answer in LABELS
            top = completion.logprobs[0].top
            assert {label for label, _ in top} == set(LABELS)
            assert math.isclose(sum(math.exp(logprob) for _, logprob in top), 1, abs_tol=1e-5)
            assert top[0] == (completion.answer, completion.logprobs[0].logprob)


def test_text_choices_have_the_models_own_probability(engine: TransformersEngine) -> None:
    asked = task("kartım")
    made = answer_tasks(engine, [asked], Sampling(), [LABELS])[0]
    start = len(encode_task_prompt(engine.model.tokenizer, asked))
    rows = [encode_row(engine.model.tokenizer, asked, label).ids for label in LABELS]
    sums = [float(score[start:].sum()) for score in engine.score(rows)]
    total = math.log(sum(math.exp(value) for value in sums))
    expected = {label: value - total for label, value in zip(LABELS, sums, strict=True)}
    assert all(math.isclose(value, expected[label], abs_tol=1e-4) for label, value in made.logprobs[0].top)


def test_choices_of_a_text_template_follow_the_template(engine: TransformersEngine) -> None:
    tokenizer = engine.model.tokenizer
    asked = task("x", template="Metin: {t} Etiket: {e}", fields={"t": "kartım"}, learn="e")
    made = answer_tasks(engine, [asked], Sampling(), [LABELS])[0]
    start = len(encode_task_prompt(tokenizer, asked))
    sums = [float(s[start:].sum()) for s in engine.score([encode_row(tokenizer, asked, label).ids for label in LABELS])]
    assert LABELS.index(made.answer) == sums.index(max(sums))


def test_choices_can_be_drawn(labelling: TransformersEngine) -> None:
    prompt = encode_prompt(labelling.model.tokenizer, task("kartım").messages)
    hot = [Sampling(temperature=5.0)] * 40
    drawn = answer_prompts(labelling, [prompt] * 40, hot, range(40), [LABELS] * 40)
    assert {item.answer for item in drawn} == set(LABELS)
    again = answer_prompts(labelling, [prompt] * 40, hot, range(40), [LABELS] * 40)
    assert [item.answer for item in drawn] == [item.answer for item in again]


def test_order_is_kept_when_rows_differ(engine: TransformersEngine) -> None:
    engine._stops = frozenset()
    tasks = [task("uzun bir soru 1 2 3"), task("a"), task("orta soru")]
    mixed = answer_tasks(engine, tasks, Sampling(max_tokens=3), [(), LABELS, ()])
    alone = [
        answer_tasks(engine, [one], Sampling(max_tokens=3), [c])[0]
        for one, c in zip(tasks, [(), LABELS, ()], strict=True)
    ]
    assert [item.answer for item in mixed] == [item.answer for item in alone]
