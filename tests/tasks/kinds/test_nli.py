"""nli: three labels in four languages, with suffixes and denials, from words or numbers in a file."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, LabelReference, Message, Task
from imbik.tasks.rows import BadRowError


def kind(**settings: Any) -> Any:
    return make("tasks/kinds", PluginBlock(use="nli", raw=settings))


def task(language: str = "tr") -> Task:
    return Task(id="1", kind="nli", messages=(Message(role="user", content="Öncül: a\nHipotez: b"),), language=language)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("gerektirme", "gerektirme"),
        ("GEREKTİRME.", "gerektirme"),
        ("Öncül hipotezi gerektirmektedir.", "gerektirme"),
        ("Cevap: çelişkidir", "çelişki"),
        ("ÇELİŞKİ", "çelişki"),
        ("Bu iki cümle birbiriyle çelişmektedir.", "çelişki"),
        ("nötrdür", "nötr"),
        ("NÖTR", "nötr"),
        ("notr", "nötr"),
        ("Nötr değil, açık bir çelişki var.", "çelişki"),
        ("Burada çelişki yok; nötr.", "nötr"),
        ("Önce çelişki sandım.\nCevap: nötr", "nötr"),
        ("<think>çelişki mi?</think>gerektirme", "gerektirme"),
        ("entailment", "gerektirme"),
        ("The premise contradicts the hypothesis.", "çelişki"),
        ("ellentmondás", "çelişki"),
        ("protislovje", "çelişki"),
        ("gerektirmez", ""),
        ("GEREKTİRMİYOR", ""),
        ("çelişmiyor", ""),
        ("çelişki içermiyor", ""),
        ("It does not entail it.", ""),
        ("nem következik", ""),
        ("gerektirme mi, çelişki mi?", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_labels_are_read_as_people_write_them(text: str, label: str) -> None:
    for form in ("NFC", "NFD"):
        assert kind().read(Completion(answer=unicodedata.normalize(form, text)), task()) == ("", label)


@pytest.mark.parametrize("language", ["tr", "en", "sl", "hu", "de"])
def test_each_language_asks_for_labels_that_it_reads_back(language: str) -> None:
    made, one = kind(), task(language)
    assert len(set(made.choices(one))) == 3
    for reasoning in (True, False):
        asked = made.question(one, reasoning=reasoning, instruction=None)[-1].content
        assert all(label in asked for label in made.choices(one))
    assert [made.canonical(label, one) for label in made.choices(one)] == ["entailment", "neutral", "contradiction"]
    for label in made.choices(one):
        assert made.read(Completion(answer=made.render("çünkü", label, one)), one) == ("", label)


def test_references_are_words_or_numbers() -> None:
    made = kind()
    assert made.reference({"label": "entailment", "language": "tr"}) == LabelReference(text="gerektirme")
    assert made.reference({"label": "2", "language": "en"}) == LabelReference(text="contradiction")
    assert made.reference({"label": "1.0"}) == LabelReference(text="nötr")
    assert made.reference({"answer": "Çelişki"}) == LabelReference(text="çelişki")
    assert made.reference({}) is None
    turned = kind(numbers=["contradiction", "neutral", "entailment"])
    assert turned.reference({"label": "0"}) == LabelReference(text="çelişki")
    for bad in ("-1", "3", "belki"):
        with pytest.raises(BadRowError):
            made.reference({"label": bad})
