"""What a student learns from has to be there: distributions, teachers beside the student, its own attempts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import MissingExtraError, RecipeError
from imbik.pipeline.learning import refuse_learning
from imbik.recipe import build
from imbik.testing.tiny_models import make_model

VLLM = {"use": "vllm", "model": "m"}
CHAT = {"use": "openai", "model": "gpt-x"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a teacher, a student that has its tokenizer, and one that has another."""
    folder = tmp_path_factory.mktemp("models")
    make_model(folder / "teacher")
    make_model(folder / "pupil", tokenizer=folder / "teacher", hidden_size=8)
    make_model(folder / "stranger", texts=["başka sözler 0123456789"])
    return folder


def check(base: Path, *, train: dict[str, Any] | None = None, **sections: Any) -> None:
    """Refuse, or not, a recipe whose teacher is a model here."""
    data: dict[str, Any] = {
        "name": "a",
        "tasks": {"source": "rows.csv", "kind": "math"},
        "teachers": {"t": {"use": "in_process", "model": "teacher"}, "v": VLLM, "c": CHAT},
        "student": {"model": "pupil"},
        "train": {"losses": ["forward_kl"], "teacher": "t", **(train or {})},
    }
    refuse_learning(build({**data, **sections}, base=base))


def refused(base: Path, **sections: Any) -> str:
    with pytest.raises(RecipeError) as error:
        check(base, **sections)
    assert error.value.next or ";" in error.value.what
    return f"{error.value.where} | {error.value.what} | {error.value.next}"


def test_a_teacher_beside_the_student_needs_no_capture(models: Path) -> None:
    check(models)
    check(models, train={"on_policy": {"share": 0.5}})
    check(models, student={"architecture": "llama", "tokenizer": "teacher"})


def test_losses_of_distributions_need_one_or_the_other(models: Path) -> None:
    told = refused(models, train={"teacher": ""})
    assert "captures none" in told
    assert "train.teacher" in told
    check(models, train={"teacher": ""}, capture={"teacher": "t"})


def test_a_teacher_that_is_not_there_is_named(models: Path) -> None:
    assert "there is no teacher 'tt'; did you mean 't'" in refused(models, train={"teacher": "tt"})


def test_a_teacher_that_no_loss_looks_at_is_refused(models: Path) -> None:
    assert "no loss of this recipe looks" in refused(models, train={"losses": ["cross_entropy"]})


def test_captured_logits_that_nobody_reads_are_refused(models: Path) -> None:
    assert "nothing reads what `capture:` writes down" in refused(models, capture={"teacher": "t"})


def test_another_tokenizer_is_refused_before_anything_is_paid(models: Path) -> None:
    assert "student.tokenizer" in refused(models, student={"model": "stranger"})
    assert "trained here" in refused(models, student={"architecture": "llama", "tokenizer": "train"})


def test_a_served_teacher_reads_attempts_alone(models: Path) -> None:
    told = refused(models, train={"teacher": "v"})
    assert "reads the student's own attempts alone" in told
    check(models, train={"teacher": "v", "on_policy": {"share": 1}})
    check(models, train={"teacher": "v", "on_policy": {"share": 0.5}, "losses": ["cross_entropy", "forward_kl"]})


def test_rows_that_nobody_teaches_are_refused(models: Path) -> None:
    told = refused(models, train={"teacher": "v", "on_policy": {"share": 0.75}})
    assert "25% of the rows are no attempts" in told


def test_a_chat_api_is_refused_with_the_reason(models: Path) -> None:
    told = refused(models, train={"teacher": "c", "on_policy": {"share": 1}})
    assert "chat API" in told
    assert "vLLM" in told


def test_more_alternatives_than_the_server_gives_are_refused(models: Path) -> None:
    told = refused(models, train={"teacher": "v", "on_policy": {"share": 1}, "top_k": 64})
    assert "gives 20 alternatives" in told
    assert "--set train.top_k=20" in told
    assert "--max-logprobs 64" in told


def test_attempts_without_a_reader_are_refused(models: Path) -> None:
    told = refused(models, train={"teacher": "", "losses": ["cross_entropy"], "on_policy": {"share": 0.5}})
    assert "train.teacher" in told


def test_losses_of_the_layers_need_a_model_beside_the_student(models: Path) -> None:
    assert "looks into the teacher's layers" in refused(models, train={"losses": ["hidden_state"], "teacher": ""})
    served = {"losses": ["attention"], "teacher": "v", "on_policy": {"share": 1}}
    assert "looks into the teacher's layers" in refused(models, train=served)
    check(models, train={"losses": ["hidden_state", "attention", "relations"]})


def test_layers_and_heads_that_do_not_fit_are_refused_before_anything_is_paid(models: Path) -> None:
    wrong = {"losses": [{"use": "hidden_state", "layers": [[1, 9]]}]}
    assert "the teacher has no layer 9" in refused(models, train=wrong)
    assert "do not divide" in refused(models, train={"losses": [{"use": "relations", "heads": 5}]})


def test_losses_of_pairs_need_pairs(models: Path) -> None:
    losses = {"losses": ["cross_entropy", "margin"], "teacher": ""}
    assert "compares two texts" in refused(models, train=losses)
    assert "there is no file" in refused(models, train={**losses, "pairs": {"from": "yok.jsonl"}})
    check(models, train={**losses, "pairs": {"from": "categories"}})
    assert "no loss of this recipe compares" in refused(models, train={"pairs": {"from": "rewordings"}})


def test_schedules_are_looked_at(models: Path) -> None:
    assert "no loss 'jsd'" in refused(models, train={"loss_schedules": {"jsd": {"beta": {"to": 0.9}}}})


def test_another_tokenizer_is_crossed_where_every_loss_can(models: Path) -> None:
    for losses in (["uld"], ["hybrid", "cross_entropy"]):
        check(models, student={"model": "stranger"}, train={"losses": losses})
        check(models, student={"architecture": "llama", "tokenizer": "train"}, train={"losses": losses})
    for losses in (["forward_kl"], ["hybrid", "forward_kl"], ["uld", "hidden_state"]):
        told = refused(models, student={"model": "stranger"}, train={"losses": losses})
        assert "student.tokenizer" in told
        assert "uld, hybrid" in told


def test_attempts_are_read_across_tokenizers(models: Path) -> None:
    mixed = {"losses": ["uld"], "on_policy": {"share": 0.5}}
    for student in ({"model": "pupil"}, {"model": "stranger"}, {"architecture": "llama", "tokenizer": "train"}):
        check(models, student=student, train=mixed)
    assert "student.tokenizer" in refused(
        models, student={"model": "stranger"}, train={**mixed, "losses": ["reverse_kl"]}
    )


def test_several_teachers_are_models_here_with_the_students_tokenizer(models: Path) -> None:
    several = {"teacher": "", "teachers": {"t": {}, "u": {"tags": ["law"]}}}
    teachers = {"t": {"use": "in_process", "model": "teacher"}, "u": {"use": "in_process", "model": "teacher"}}
    check(models, train=several, teachers=teachers)
    check(models, train={**several, "losses": ["uld"], "on_policy": {"share": 0.5}}, teachers=teachers)
    assert "there is no teacher 'u'" in refused(models, train=several)
    assert "train.teachers" in refused(models, train=several, teachers={**teachers, "u": VLLM})
    other = {**teachers, "u": {"use": "in_process", "model": "stranger"}}
    assert "tokenizer" in refused(models, train={**several, "losses": ["uld"]}, teachers=other)
    assert "capture" in refused(models, train=several, teachers=teachers, capture={"teacher": "t"})
    assert "distributions" in refused(models, train={**several, "losses": ["cross_entropy"]}, teachers=teachers)
    with pytest.raises(RecipeError, match="either `teacher` or `teachers`"):
        check(models, train={**several, "teacher": "t"}, teachers=teachers)


def test_samples_of_the_teacher_go_with_forward_kl_alone(models: Path) -> None:
    sampled = {"teacher": "t", "form": "sampled"}
    check(models, train={"teacher": ""}, capture=sampled)
    for losses in (["reverse_kl"], [{"use": "forward_kl", "temperature": 2.0}]):
        assert "no unbiased estimate" in refused(models, train={"teacher": "", "losses": losses}, capture=sampled)


def test_answers_tell_as_much_as_was_asked_for(models: Path) -> None:
    told = {"use": "openai", "model": "gpt-x", "top_logprobs": 5}
    own = {"teachers": {"c": told}, "train": {"teacher": ""}}
    check(models, capture={"teacher": "c", "source": "answers", "top_k": 5}, **own)
    assert "--set teachers.c.top_logprobs=9" in refused(
        models, capture={"teacher": "c", "source": "answers", "top_k": 9}, **own
    )
    compressed = {"teacher": "c", "source": "answers", "top_k": 5, "form": "compressed"}
    assert "capture.form=exact" in refused(models, capture=compressed, **own)
    assert "whose weights are not here" in refused(models, capture={"teacher": "c", "top_k": 5}, **own)


def test_a_trimmed_vocabulary_is_the_students_own(models: Path) -> None:
    student = {"model": "pupil", "keep": {"vocabulary": "used"}}
    told = refused(models, student=student)
    assert "not of its tokens" in told
    assert "hybrid" in told
    check(models, student=student, train={"losses": ["hybrid", "cross_entropy"]})
    missing = {"model": "pupil", "keep": {"vocabulary": {"texts": ["turkce.txt"]}}}
    assert "there is no file" in refused(models, student=missing, train={"losses": ["hybrid"]})


@pytest.mark.parametrize("name", ["liger", "unsloth"])
def test_an_accelerator_that_cannot_be_used_is_refused(
    models: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("imbik.train.accelerators.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="not installed"):
        check(models, train={"accelerators": [name]})


def test_a_prefix_hides_attention_maps_and_has_no_export(models: Path) -> None:
    told = refused(models, train={"method": "prefix", "losses": ["attention"]}, export=[])
    assert "columns" in told
    assert "cannot be merged" in refused(models, train={"method": "prefix"}, export=["safetensors"])
    check(models, train={"method": "prefix"}, export=[])
