"""summarization, generation, translation: asked in the task's language, read without the words around an answer."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Message, Task, TextReference
from imbik.tasks.columns import Columns


def kind(use: str, **settings: Any) -> Any:
    return make("tasks/kinds", PluginBlock(use=use, raw=settings))


def task(text: str = "Iğdır'da şeker pancarı üretimi arttı.", language: str = "tr") -> Task:
    return Task(id="1", kind="x", messages=(Message(role="user", content=text),), language=language)


def read(use: str, text: str, of: Task | None = None, **settings: Any) -> tuple[str, str]:
    found: tuple[str, str] = kind(use, **settings).read(Completion(answer=text), of or task())
    for form in ("NFC", "NFD"):
        again = kind(use, **settings).read(Completion(answer=unicodedata.normalize(form, text)), of or task())
        assert tuple(unicodedata.normalize("NFC", part) for part in again) == found
    return found


@pytest.mark.parametrize("use", ["summarization", "generation", "translation"])
def test_what_is_rendered_is_read_back(use: str) -> None:
    made = kind(use)
    for answer in ("İade on gün sürer.", "Cevap verildi", "5", "Satır\n\nikinci satır"):
        assert made.read(Completion(answer=made.render("", answer, task())), task()) == ("", answer)
    assert made.question(task(), reasoning=True, instruction="") == task().messages
    assert made.question(task(), reasoning=True, instruction="Kısa.")[-1].content.endswith("\n\nKısa.")
    assert made.canonical("IĞDIR'DA!", task()) == made.canonical("ığdır’da", task())
    assert made.choices(task()) == ()
    assert made.reference({}) is None


@pytest.mark.parametrize(
    ("language", "word"),
    [("tr", "cümle"), ("en", "sentences"), ("sl", "povedi"), ("hu", "mondat"), ("de", "sentences")],
)
def test_summaries_are_asked_for_once_or_denser_and_denser(language: str, word: str) -> None:
    once = kind("summarization", sentences=2).question(task(language=language), reasoning=True, instruction=None)
    assert word in once[-1].content
    assert "2 " in once[-1].content
    dense = kind("summarization", rounds=4).question(task(language=language), reasoning=False, instruction=None)
    lines = dense[-1].content.splitlines()
    assert lines[-3].endswith(" 1: …")
    assert lines[-1].endswith(" 4: …")
    # what the prompt shows as its form is what is read
    said = "\n".join(f"{lines[-1].split()[0]} {n}: taslak {n}" for n in range(1, 5))
    assert read("summarization", said, task(language=language), rounds=4) == ("", "taslak 4")


def test_of_drafts_the_last_is_the_summary() -> None:
    text = (
        "Özet 1: Üretim arttı.\n\n**Özet 2:** Iğdır'da üretim arttı.\n\nÖZET 3: 2024'te Iğdır'da üretim arttı.\nYine."
    )
    assert read("summarization", text, rounds=3) == ("", "2024'te Iğdır'da üretim arttı.\nYine.")
    assert read("summarization", text, rounds=4) == ("", "")  # broken off before the last
    assert read("summarization", "1. Özet: a\n2. Özet: b", rounds=2) == ("", "b")
    assert read("summarization", "Üretim arttı.", rounds=2) == ("", "")


def test_titles_around_summaries_and_translations_go() -> None:
    assert read("summarization", "Özet: Üretim arttı.") == ("", "Üretim arttı.")
    assert read("summarization", "<think>uzun mu?</think>**Özet:** Üretim arttı.") == ("", "Üretim arttı.")
    assert read("translation", "Çeviri: “Production rose in Iğdır.”") == ("", "Production rose in Iğdır.")
    assert read("translation", "İngilizce çevirisi:\nIt rose.") == ("", "It rose.")
    assert read("translation", '"It rose," he said, "twice."') == ("", '"It rose," he said, "twice."')
    quoted = task("“Arttı.”")
    assert read("translation", "“It rose.”", quoted) == ("", "“It rose.”")
    assert kind("summarization").reference({"answer": "Özet: Kısa."}) == TextReference(text="Kısa.")


def test_generation_keeps_every_word_of_an_answer() -> None:
    text = "Sayın müşterimiz,\nCevap: on gün içinde.\nSaygılarımızla"
    assert read("generation", text) == ("", text)
    assert read("generation", f"<think>resmî yaz</think>{text}") == ("resmî yaz", text)
    assert kind("generation").question(task(), reasoning=True, instruction=None) == task().messages
    assert kind("generation").render("resmî yaz", text, task()).endswith(text)


@pytest.mark.parametrize(
    ("language", "target", "said"),
    [
        ("tr", "en", "İngilizceye"), ("tr", "hu", "Macarcaya"), ("en", "tr", "into Turkish"), ("sl", "tr", "turščino"),
        ("hu", "tr", "törökre"), ("de", "tr", "into Turkish"), ("tr", "uk", "'uk' diline"),
    ],
)  # fmt: skip
def test_translations_name_their_language(language: str, target: str, said: str) -> None:
    made = kind("translation", source=language, target=target)
    assert said in made.question(task(language=language), reasoning=False, instruction=None)[-1].content


@pytest.mark.parametrize(
    "names", [("source", "target"), ("kaynak", "hedef"), ("tr", "en"), ("Türkçe", "İngilizce"), ("turkish", "ENGLISH")]
)
def test_columns_may_be_named_by_languages(names: tuple[str, str]) -> None:
    plan = Columns({}, kind("translation", source="tr", target="en").fields).plan(["id", *names])
    assert (plan["prompt"], plan["answer"]) == names
    turned = Columns({}, kind("translation", source="en", target="tr").fields).plan(["id", "tr", "en"])
    assert (turned["prompt"], turned["answer"]) == ("en", "tr")


def test_columns_of_summaries() -> None:
    for names in (("article", "summary"), ("haber", "özet"), ("document", "summary")):
        plan = Columns({}, kind("summarization").fields).plan(names)
        assert (plan["document"], plan["answer"]) == names
