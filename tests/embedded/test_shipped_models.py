"""The shipped folders: small enough, loadable offline, one tokenizer, a teacher that solves and a base that fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imbik.embedded import base_path, teacher_path
from imbik.embedded.training import accuracy, replies
from imbik.tasks.problems import problems

FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
)


def loaded(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return (
        AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).float().eval(),
        AutoTokenizer.from_pretrained(folder, local_files_only=True),
    )


@pytest.fixture(scope="module")
def teacher() -> tuple[Any, Any]:
    return loaded(teacher_path())


@pytest.fixture(scope="module")
def base() -> tuple[Any, Any]:
    return loaded(base_path())


def test_the_folders_hold_what_is_needed_and_are_small() -> None:
    for folder, limit in ((teacher_path(), 12e6), (base_path(), 1e6)):
        assert all((folder / name).is_file() for name in FILES)
        assert sum(path.stat().st_size for path in folder.iterdir()) <= limit
        assert json.loads((folder / "config.json").read_text())["dtype"] == "bfloat16"


def test_the_base_is_eight_times_smaller_and_shares_the_tokenizer(
    teacher: tuple[Any, Any], base: tuple[Any, Any]
) -> None:
    assert teacher[0].num_parameters() >= 8 * base[0].num_parameters()
    assert (teacher_path() / "tokenizer.json").read_bytes() == (base_path() / "tokenizer.json").read_bytes()
    assert teacher[1].chat_template == base[1].chat_template
    assert teacher[0].config.vocab_size == base[0].config.vocab_size == len(teacher[1])


def test_the_teacher_solves_and_the_base_fails(teacher: tuple[Any, Any], base: tuple[Any, Any]) -> None:
    asked = list(problems("A", 100))
    assert accuracy(*teacher, asked) >= 0.93
    assert accuracy(*base, asked[:40]) <= 0.05


def test_the_teacher_writes_the_reasoning_and_stops(teacher: tuple[Any, Any]) -> None:
    problem = next(problems("A", 1))
    assert replies(*teacher, [problem.text]) == [problem.solution]


def test_greedy_replies_do_not_depend_on_the_batch(teacher: tuple[Any, Any]) -> None:
    texts = [problem.text for problem in problems("A", 24)]
    assert replies(*teacher, texts, batch=24) == replies(*teacher, texts, batch=5)
