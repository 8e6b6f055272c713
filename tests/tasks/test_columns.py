"""Columns: the names that people use are understood, and the recipe's word is law."""

from __future__ import annotations

import unicodedata

import pytest

from imbik.core.errors import RecipeError
from imbik.tasks.columns import CONVERSATION_SHAPES, LABEL_SHAPES, QUESTION_SHAPES, Columns, describe, meanings

QUESTIONS = (*QUESTION_SHAPES, *CONVERSATION_SHAPES)


@pytest.mark.parametrize(
    ("names", "plan"),
    [
        ("input output", {"prompt": "input", "answer": "output"}),
        ("instruction input output", {"instruction": "instruction", "prompt": "input", "answer": "output"}),
        ("instruction output", {"instruction": "instruction", "answer": "output"}),
        ("question answer", {"prompt": "question", "answer": "answer"}),
        ("prompt response", {"prompt": "prompt", "answer": "response"}),
        ("prompt completion", {"prompt": "prompt", "answer": "completion"}),
        ("premise hypothesis label", {"premise": "premise", "hypothesis": "hypothesis", "answer": "label"}),
        ("document summary", {"document": "document", "answer": "summary"}),
        ("messages", {"messages": "messages"}),
        ("conversations", {"messages": "conversations"}),
        ("Soru Cevap", {"prompt": "Soru", "answer": "Cevap"}),
        ("SORU YANIT", {"prompt": "SORU", "answer": "YANIT"}),
        ("kérdés válasz", {"prompt": "kérdés", "answer": "válasz"}),
        ("vprašanje odgovor", {"prompt": "vprašanje", "answer": "odgovor"}),
        ("problem solution answer", {"prompt": "problem", "answer": "answer", "reasoning": "solution"}),
        ("problem solution", {"prompt": "problem", "answer": "solution"}),
        ("context question answer", {"passage": "context", "prompt": "question", "answer": "answer"}),
        ("question ground_truth", {"prompt": "question", "answer": "ground_truth"}),
        ("question", {"prompt": "question"}),
        ("id question answer category set", {
            "prompt": "question", "answer": "answer", "id": "id", "category": "category", "set": "set",
        }),
        ("foo bar", {}),
    ],
)  # fmt: skip
def test_questions_are_found(names: str, plan: dict[str, str]) -> None:
    assert Columns({}, QUESTIONS).plan(names.split()) == plan


@pytest.mark.parametrize(
    ("names", "plan"),
    [
        ("text label", {"prompt": "text", "label": "label"}),
        ("text category", {"prompt": "text", "label": "category"}),
        ("Mesaj Niyet", {"prompt": "Mesaj", "label": "Niyet"}),
        ("premise hypothesis label", {"premise": "premise", "hypothesis": "hypothesis", "label": "label"}),
        ("sentence1 sentence2 label", {"premise": "sentence1", "hypothesis": "sentence2", "label": "label"}),
    ],
)
def test_labels_are_found(names: str, plan: dict[str, str]) -> None:
    assert Columns({}, LABEL_SHAPES).plan(names.split()) == plan


def test_the_recipes_columns_win() -> None:
    chosen = Columns({"question": "q.text", "answer": "gold"}, QUESTIONS)
    assert chosen.plan(["q", "gold", "prompt", "response"]) == {"prompt": "q.text", "answer": "gold"}
    assert Columns({"text": "body", "label": "x"}, LABEL_SHAPES).plan(["body", "x", "label"])["label"] == "x"
    assert "id" not in Columns({"id": ""}, QUESTIONS).plan(["id", "question"])
    assert Columns({"id": "no"}, QUESTIONS).plan(["id", "question", "no"])["id"] == "no"


def test_a_misspelt_field_names_the_one_meant() -> None:
    with pytest.raises(RecipeError, match="did you mean 'question'"):
        Columns({"qestion": "x"}, QUESTIONS)
    assert describe(LABEL_SHAPES).startswith("text + label, or ")


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("Müşteri Mesajı", "text"),
        ("MÜŞTERİ MESAJI", "text"),
        ("musteri_mesaji", "text"),
        ("MusteriMesaji", "text"),
        (unicodedata.normalize("NFD", "Şikâyet İçeriği"), "text"),
        ("Şikayet Metni", "text"),
        ("Talep Kategorisi", "label"),
        ("Niyet Etiketleri", "label"),
        ("Ürün Sınıfı", "label"),
        ("Ana Konusu", "label"),
        ("Öğrenci Sorusu", "question"),
        ("Doğru Cevabı", "answer"),
        ("Uzman Yanıtı", "answer"),
        ("customer message", "text"),
    ],
)
def test_headers_of_two_words_are_loosely_understood(name: str, column: str) -> None:
    assert column in meanings(name)


def test_loose_meanings_are_no_guesses_of_a_run_and_never_ambiguous() -> None:
    names = ["Müşteri Mesajı", "Talep Türü"]
    assert Columns({}, LABEL_SHAPES).plan(names) == {}
    assert Columns({}, LABEL_SHAPES, loose=True).plan(names) == {"prompt": names[0], "label": names[1]}
    assert Columns({}, LABEL_SHAPES, loose=True).plan([*names, "Temsilci Mesajı"]) == {}
    assert not meanings("Departman")
