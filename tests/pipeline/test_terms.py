"""Terms stop a run until the recipe accepts them by name; accepting leaves an audit line before anybody is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asking import ask, make_engine, questions
from imbik.core.errors import RecipeError
from imbik.pipeline.terms import refuse_terms, unknown_terms
from imbik.privacy.account import what_left
from imbik.privacy.audit import read_audit
from imbik.recipe import Recipe, build
from imbik.teachers.catalogue.terms import all_terms
from imbik.testing import FakeTeacher


def recipe(*accepted: str, more: dict[str, Any] | None = None, **teacher: Any) -> Recipe:
    """A recipe with one teacher called `t`."""
    return build(
        {
            "name": "deneme",
            "tasks": {"source": "x.jsonl", "kind": "qa"},
            "teachers": {"t": teacher},
            "accept_terms": list(accepted),
            "student": {"architecture": "llama"},
            **(more or {}),
        }
    )


def test_terms_that_limit_training_stop_the_run_until_they_are_accepted_by_name() -> None:
    with pytest.raises(RecipeError, match="models that compete with OpenAI") as error:
        refuse_terms(recipe(use="openai", model="gpt-4o"))
    assert "accept_terms: [openai]" in error.value.next
    assert "https://openai.com" in error.value.what
    assert str(all_terms()["openai"].date) in error.value.what
    refuse_terms(recipe("openai", use="openai", model="gpt-4o"))


def test_provider_and_licence_are_accepted_one_by_one() -> None:
    serverless = {"use": "azure_serverless", "resource": "kurum", "model": "Llama-3.1-405B-Instruct"}
    with pytest.raises(RecipeError, match=r"accept_terms: \[azure\]"):
        refuse_terms(recipe("llama-3.1", **serverless))
    with pytest.raises(RecipeError, match=r"accept_terms: \[llama-3.1\]"):
        refuse_terms(recipe("azure", **serverless))
    refuse_terms(recipe("azure", "llama-3.1", **serverless))


@pytest.mark.parametrize(
    "teacher",
    [
        {"use": "deepseek", "model": "deepseek-chat"},
        {"use": "vllm", "model": "Qwen/Qwen3-32B"},
        {"use": "in_process", "model": "embedded:teacher"},
        {"use": "recorded", "answers": {"a": "b"}, "written_by": ["gsm8k-solutions"]},
    ],
)
def test_what_terms_allow_is_asked_nothing_of(teacher: dict[str, Any]) -> None:
    made = recipe(**teacher)
    refuse_terms(made)
    assert list(unknown_terms(made)) == []


def test_recorded_answers_come_under_the_terms_of_who_wrote_them() -> None:
    with pytest.raises(RecipeError, match="Anthropic"):
        refuse_terms(recipe(use="recorded", answers={"a": "b"}, written_by=["claude-3-opus-20240229"]))


def test_only_teachers_that_a_student_learns_from_are_looked_at() -> None:
    teachers = {"t": {"use": "vllm", "model": "qwen3-8b"}, "j": {"use": "openai", "model": "gpt-4o"}}
    refuse_terms(recipe(more={"teachers": teachers, "generate": {"teacher": "t"}}))
    with pytest.raises(RecipeError, match="teacher 'j'"):
        refuse_terms(recipe(more={"teachers": teachers, "generate": {"teacher": {"public": "t", "otherwise": "j"}}}))


def test_a_name_that_is_none_is_said() -> None:
    with pytest.raises(RecipeError, match="did you mean 'openai'"):
        refuse_terms(recipe("opnai", use="vllm", model="qwen3-8b"))


def test_what_is_not_known_or_not_definite_is_a_warning() -> None:
    (said,) = unknown_terms(recipe(use="openai", base_url="http://127.0.0.1:8000/v1", model="sahte"))
    assert "teachers.t: no terms are known of the model 'sahte'" in said
    found = list(unknown_terms(recipe(use="openai", base_url="https://llm.example/v1", model="sahte")))
    assert len(found) == 2
    (unclear,) = unknown_terms(recipe("llama-3.1", use="groq", model="llama-3.3-70b-versatile"))
    assert "Groq" in unclear


def test_accepting_leaves_one_line_before_the_teacher_is_asked(tmp_path: Path) -> None:
    with FakeTeacher() as teacher:
        block = {"use": "openai", "model": "sahte", "served_as": "llama-3.1-8b", "base_url": teacher.base_url}
        with make_engine(tmp_path, teacher=block, accept_terms=["llama-3.1"]) as engine:
            ask(engine, questions(2))
            ask(engine, questions(3))
    lines = list(read_audit(tmp_path / "deneme" / "audit.jsonl"))
    (line,) = [line for line in lines if line.event == "terms"]
    assert line.n < min(line.n for line in lines if line.event == "decision")
    assert (line.verdict, line.place) == ("accepted", "buyuk")
    assert line.reason == f"llama-3.1 as of {all_terms()['llama-3.1'].date}"
    assert "3 public rows were allowed" in what_left(tmp_path / "deneme")


def test_terms_that_nobody_accepted_leave_no_line(tmp_path: Path) -> None:
    with FakeTeacher() as teacher, make_engine(tmp_path, teacher.base_url) as engine:
        ask(engine, questions(1))
    assert "terms" not in {line.event for line in read_audit(tmp_path / "deneme" / "audit.jsonl")}
