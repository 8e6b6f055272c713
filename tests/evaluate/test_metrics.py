"""Metrics on answers a person would call right or wrong, in Turkish, Slovenian and Hungarian."""

from __future__ import annotations

import unicodedata

import pytest

from imbik.core.plugins import PluginBlock, available, make
from imbik.core.types import LabelReference, Message, NumberReference, Task, TextReference
from imbik.evaluate.metrics import Metric


def task(reference: NumberReference | TextReference | LabelReference | None, language: str = "tr") -> Task:
    return Task(
        id="1", kind="qa", messages=(Message(role="user", content="?"),), reference=reference, language=language
    )


def score(metric: str, answer: str, known: str, language: str = "tr") -> float:
    built: Metric = make("evaluate/metrics", PluginBlock(use=metric))
    return built.score(task(TextReference(text=known), language), answer, make("tasks/kinds", PluginBlock(use="qa")))


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        ("İSTANBUL", "istanbul"),
        ("Iğdır.", "ığdır"),
        (unicodedata.normalize("NFD", "Çeşme’ye"), "çeşme ye"),
        ("  iki   yüz ", "İki yüz"),
        ("Novo mesto!", "novo mesto"),
        ("Győr", "GYŐR"),
        ("€5", "€5"),
    ],
)
def test_exact_match_sees_through_casing_and_punctuation(answer: str, known: str) -> None:
    assert score("exact_match", answer, known) == 1.0
    assert score("token_f1", answer, known) == 1.0


@pytest.mark.parametrize(("answer", "known"), [("", ""), ("", "evet"), ("evet", "hayır"), ("5", "6")])
def test_exact_match_is_strict_otherwise(answer: str, known: str) -> None:
    assert score("exact_match", answer, known) == 0.0
    assert score("token_f1", answer, known) == 0.0


@pytest.mark.parametrize(
    ("answer", "known", "expected"),
    [
        ("12.487,50 lira", "12487,5", 1.0),
        ("29.10.1923", "29 Ekim 1923", 1.0),
        ("on iki", "12", 1.0),
        ("İHLAL YOK", "ihlal yok", 1.0),
        ("3000 m", "3 km", 1.0),
        ("12.487,51 lira", "12487,5", 0.0),
        ("28 Ekim 1923", "29 Ekim 1923", 0.0),
        ("uygun", "uygun değil", 0.0),
        ("", "12", 0.0),
        ("?", "12", 0.0),
    ],
)
def test_same_answer_reads_numbers_dates_and_words(answer: str, known: str, expected: float) -> None:
    assert score("same_answer", answer, known) == expected


def test_token_f1_has_its_closed_form() -> None:
    # 2 of 3 given words are among 4 known ones: precision 2/3, recall 1/2, F1 4/7.
    assert score("token_f1", "kara kedi kaçtı", "kara kedi eve girdi") == pytest.approx(4 / 7)
    assert score("token_f1", "a a a", "a") == pytest.approx(0.5)


def test_accuracy_is_equality_of_meaning() -> None:
    accuracy: Metric = make("evaluate/metrics", PluginBlock(use="accuracy"))
    math = make("tasks/kinds", PluginBlock(use="math"))
    known = task(NumberReference(text="1250,5"))
    assert accuracy.score(known, "1.250,50", math) == 1.0
    assert accuracy.score(known, "1251", math) == 0.0
    assert accuracy.score(known, "", math) == 0.0
    labels = make("tasks/kinds", PluginBlock(use="classification", raw={"labels": ["kart_iade", "para çekme"]}))
    assert accuracy.score(task(LabelReference(text="kart_iade")), "Kart İade", labels) == 1.0
    assert accuracy.score(task(LabelReference(text="kart_iade")), "para çekme", labels) == 0.0


@pytest.mark.parametrize("name", sorted(available("evaluate/metrics")))
def test_every_metric_scores_a_row_without_reference_as_nothing(name: str) -> None:
    metric: Metric = make("evaluate/metrics", PluginBlock(use=name))
    assert metric.score(task(None), "cevap", make("tasks/kinds", PluginBlock(use="qa"))) == 0.0
    assert metric.version >= 1
