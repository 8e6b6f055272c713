"""Text templates: fields in order, the last one learned, and a question without markup for teachers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imbik.core.errors import RecipeError
from imbik.tasks.rows import BadRowError
from imbik.tasks.template import Template

PLAIN = "User: {input}\nAssistant: {output}"
CODE = "### Language: {programming_language} ### Question: {prompt} ### Answer: {response}"
LLAMA3 = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n{system}<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n{instruction}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n{output}<|eot_id|>"
)


@pytest.mark.parametrize(
    ("text", "names", "learn"),
    [
        (PLAIN, ["input", "output"], "output"),
        (CODE, ["programming_language", "prompt", "response"], "response"),
        (LLAMA3, ["system", "instruction", "output"], "output"),
        ('{"json": {a.b}, "x": {c}}', ["a.b", "c"], "c"),
        ("{a} {b} {a}", ["a", "b"], "b"),
    ],
)
def test_fields_and_what_is_learned(text: str, names: list[str], learn: str) -> None:
    template = Template(text)
    assert (template.names, template.learn) == (names, learn)


def test_questions_hold_no_markup() -> None:
    fields = Template(CODE).fields({"programming_language": "Python", "prompt": "Sırala", "response": "sorted(x)"}, {})
    assert Template(CODE).question(fields) == "programming_language: Python\nprompt: Sırala"
    assert Template(PLAIN).question({"input": "Merhaba", "output": "Selam"}) == "Merhaba"


def test_columns_may_have_other_names_and_the_learned_one_may_be_missing() -> None:
    assert Template(PLAIN).fields({"soru": {"metin": 5}}, {"input": "soru.metin"}) == {
        "input": "5",
        "output": "",
    }


def test_what_cannot_be_filled_is_said() -> None:
    with pytest.raises(BadRowError) as missing:
        Template(CODE).fields({"prompt": "x", "response": "y"}, {})
    assert "programming_language" in missing.value.detail
    with pytest.raises(BadRowError):
        Template(PLAIN).fields({"input": " ", "output": "y"}, {})
    with pytest.raises(RecipeError, match="no {column} field"):
        Template("User: x")
    with pytest.raises(RecipeError, match="no field of the text_template"):
        Template(PLAIN, "response")


@pytest.mark.parametrize(
    ("text", "row", "asked"),
    [
        (PLAIN, {"input": "Merhaba", "output": "Selam"}, "Merhaba"),
        (
            CODE,
            {"programming_language": "Python", "prompt": "Sırala", "response": "sorted(x)"},
            "programming_language: Python\nprompt: Sırala",
        ),
        (
            LLAMA3,
            {"system": "Kısa yaz.", "instruction": "Selam ver", "output": "Selam <|eot_id|>"},
            "system: Kısa yaz.\ninstruction: Selam ver",
        ),
    ],
)
def test_rows_become_tasks_that_keep_template_and_fields(
    tmp_path: Path, load: Any, text: str, row: dict[str, str], asked: str
) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps(row, ensure_ascii=False))
    task = load("x.jsonl", text_template=text).tasks[0]
    learned = Template(text).learn
    assert (task.template, task.learn, task.text) == (text, learned, asked)
    assert task.fields == {name: value for name, value in row.items() if name != learned}
    assert task.reference is not None
    assert task.reference.text == row[learned]
