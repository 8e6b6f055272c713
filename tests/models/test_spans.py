"""Marks of tokens: the ids of `encode_row`, and ends that are bytes of what the assistant says, however it is cut."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from imbik.core.types import Message, Task
from imbik.models.load import load_tokenizer
from imbik.models.spans import CLOSE, INSIDE, Mark, encode_marked, written
from imbik.models.tokens import encode_row, encode_task_prompt
from imbik.testing.tiny_models import make_tokenizer
from tokenizerkit import metaspace

WORDS = "İstanbul'da ılık bir gün: 3 + 4 = 7, değil mi? ğüşöç 🙂 naïve"
TURKISH = [WORDS, unicodedata.normalize("NFD", WORDS), "I ı İ i", "a", "  iki  boşluk ", "satır\n\nsonu\n"]


def task(*contents: str) -> Task:
    roles = ["user", "assistant"]
    messages = tuple(Message(role=roles[n % 2], content=text) for n, text in enumerate(contents))
    return Task(id="t", kind="qa", messages=messages)


def columns(template: str) -> Task:
    return Task(id="t", kind="qa", messages=(), template=template, fields={"soru": "3 + 4"}, learn="cevap")


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory: pytest.TempPathFactory) -> PreTrainedTokenizerFast:
    return load_tokenizer(make_tokenizer(tmp_path_factory.mktemp("t")))


def said(marks: list[Mark | None], message: int) -> list[int]:
    return [mark.end for mark in marks if mark is not None and mark.message == message]


@pytest.mark.parametrize("text", TURKISH)
@pytest.mark.parametrize("kind", ["bytes", "metaspace"])
def test_ids_are_those_of_encode_row_and_the_last_token_ends_where_the_text_does(
    byte_level: PreTrainedTokenizerFast, text: str, kind: str
) -> None:
    tokenizer = byte_level if kind == "bytes" else metaspace()
    row = encode_marked(tokenizer, task("Soru?", "Önce.", "Ya sonra?"), text)
    plain = encode_row(tokenizer, task("Soru?", "Önce.", "Ya sonra?"), text)
    assert (row.ids, row.learn) == (plain.ids, plain.learn)
    for message, content in ((1, "Önce."), (3, text)):
        ends = [end for end in said(row.marks, message) if end not in (INSIDE, CLOSE)]
        assert ends == sorted(ends)
        assert len(content.rstrip().encode()) <= ends[-1] <= len(content.encode())
        assert said(row.marks, message)[-1] == CLOSE


def test_a_character_cut_in_two_ends_at_its_bytes(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(make_tokenizer(tmp_path, vocabulary=261))  # bytes alone
    row = encode_marked(tokenizer, task("?"), "İı")
    assert said(row.marks, 1) == [1, 2, 3, 4, CLOSE]


def test_text_that_is_normalised_first_is_marked_by_whole_characters(byte_level: PreTrainedTokenizerFast) -> None:
    """NFC makes one character of two: no token ends between them, and the end is that of the text as it was."""
    text = unicodedata.normalize("NFD", "güğüm")
    ends = [end for end in said(encode_marked(byte_level, task("?"), text).marks, 1) if end not in (INSIDE, CLOSE)]
    letters = [len(text[:at].encode()) for at in range(len(text) + 1) if at == len(text) or text[at].isascii()]
    assert len(ends) > 1
    assert set(ends) <= set(letters)
    assert ends[-1] == len(text.encode())


@pytest.mark.parametrize("template", ["{soru} => {cevap}", "{soru}={cevap} son"])
def test_a_text_template_marks_the_learned_column(byte_level: PreTrainedTokenizerFast, template: str) -> None:
    made = columns(template)
    row = encode_marked(byte_level, made, "yedi")
    assert row.ids == encode_row(byte_level, made, "yedi").ids
    assert 4 in said(row.marks, 0)


def test_an_answer_that_is_one_class_token_has_no_words(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(make_tokenizer(tmp_path, classes=["iade"]))
    row = encode_marked(tokenizer, task("?"), "iade", class_tokens={"iade": 321})
    assert not any(row.marks)


@pytest.mark.parametrize("text", [unicodedata.normalize("NFC", text) for text in TURKISH])
@pytest.mark.parametrize("kind", ["bytes", "metaspace"])
def test_what_a_model_wrote_is_marked_as_the_same_text_encoded(
    byte_level: PreTrainedTokenizerFast, text: str, kind: str
) -> None:
    tokenizer = byte_level if kind == "bytes" else metaspace()
    for one in (task("Soru?"), columns("{soru} => {cevap}")):
        prompt = encode_task_prompt(tokenizer, one)
        row = encode_marked(tokenizer, one, text, turns="last")
        found = written(tokenizer, one, row.ids[len(prompt) :])
        assert found is not None
        assert found.text.strip() == text.strip()
        assert found.ends == [None if mark is None else mark.end for mark in row.marks[len(prompt) :]]


def test_what_is_no_text_is_not_marked_and_a_control_token_ends_it(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(make_tokenizer(tmp_path, vocabulary=261))
    ids = encode_marked(tokenizer, task("?"), "aİb").ids
    at = len(encode_task_prompt(tokenizer, task("?")))
    assert written(tokenizer, task("?"), ids[at : at + 2]) == ("a", [1, None])  # half of a letter
    assert written(tokenizer, task("?"), [*ids[at : at + 2], *ids[at + 3 :]]) == ("a", [1, None, None, None])
    assert written(tokenizer, task("?"), ids[at + 2 :]) is None
    assert written(tokenizer, task("?"), []) is None
    user = tokenizer.convert_tokens_to_ids("<|user|>")
    assert written(tokenizer, task("?"), [*ids[at : at + 3], user, ids[at]]) == ("aİ", [1, 2, 3, CLOSE, None])
