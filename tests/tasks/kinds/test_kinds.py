"""qa, classification, conversation: asked in the task's language, read as people write, rendered to be read back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, LabelReference, Message, Task, TextReference, TurnsReference
from imbik.tasks.kinds.classification import Classification
from imbik.tasks.rows import BadRowError

LABELS = ["kart_kayip", "kart_kayip_yurtdisi", "İade", "ŞİFRE değişikliği"]


def kind(use: str, **settings: Any) -> Any:
    return make("tasks/kinds", PluginBlock(use=use, raw=settings))


def task(text: str = "Kartım nerede?", language: str = "tr", **more: Any) -> Task:
    return Task(id="1", kind="x", messages=(Message(role="user", content=text),), language=language, **more)


@pytest.mark.parametrize("use", ["qa", "classification", "conversation", "math"])
def test_a_bare_task_is_asked_bare(use: str) -> None:
    for reasoning in (True, False):
        assert kind(use).question(task(), reasoning=reasoning, instruction="") == task().messages


@pytest.mark.parametrize(
    ("language", "word"),
    [("tr", "Cevap:"), ("en", "Answer:"), ("sl", "Odgovor:"), ("hu", "Válasz:"), ("de", "Answer:")],
)
def test_steps_are_asked_for_in_the_tasks_language(language: str, word: str) -> None:
    for use in ("qa", "classification"):
        last = kind(use).question(task(language=language), reasoning=True, instruction=None)[-1].content
        assert last.startswith("Kartım nerede?\n\n")
        assert word in last
    own = kind("qa").question(task(), reasoning=True, instruction="Kısa yaz.")[-1].content
    assert own == "Kartım nerede?\n\nKısa yaz."


def test_qa_reads_with_and_without_marker() -> None:
    qa = kind("qa")
    assert qa.read(Completion(answer="Önce bak.\nCevap: Ankara"), task()) == ("Önce bak.", "Ankara")
    assert qa.read(Completion(answer="Ankara"), task()) == ("", "Ankara")
    assert qa.read(Completion(answer="Ankara", reasoning="Başkent."), task()) == ("Başkent.", "Ankara")
    assert qa.read(Completion(answer="<think>hm</think>Ankara"), task()) == ("hm", "Ankara")
    assert qa.read(Completion(answer=""), task()) == ("", "")
    assert qa.canonical("  ANKARA! ", task()) == qa.canonical("ankara", task()) != ""
    assert qa.reference({"answer": "Bak.\nCevap: Ankara"}) == TextReference(text="Ankara", reasoning="Bak.")
    assert qa.reference({"label": "evet", "reasoning": "çünkü"}) == TextReference(text="evet", reasoning="çünkü")
    assert qa.reference({}) is None


WORDS = st.lists(st.sampled_from(["Ali", "3 elma.", "Cevap: 5", "şöyle", "\n", "İade", "<b>"]), max_size=6)


@pytest.mark.parametrize("use", ["qa", "conversation"])
@given(WORDS, WORDS, st.sampled_from(["tr", "en", "sl", "hu"]))
def test_what_is_rendered_is_read_back(use: str, reasoning: list[str], answer: list[str], language: str) -> None:
    before, after = (
        " ".join(reasoning).strip(),
        " ".join(word for word in answer if "Cevap" not in word).strip(),
    )
    if not after:
        return
    made = kind(use)
    text = made.render(before, after, task(language=language))
    assert made.read(Completion(answer=text), task(language=language)) == (before, after)


def test_conversations() -> None:
    talk = kind("conversation")
    assert talk.reference({"answer": "<think>hm</think>\n\nBuyurun"}) == TurnsReference(
        turns=("Buyurun",), reasoning="hm"
    )
    assert talk.reference({"answer": " "}) is None
    asked = talk.question(task(), reasoning=True, instruction=None)
    assert asked == task().messages
    assert talk.question(task(), reasoning=True, instruction="Kısa.")[0] == Message(role="system", content="Kısa.")
    persona = Task(id="1", kind="x", messages=(Message(role="system", content="Sen Ece."), *task().messages))
    assert talk.question(persona, reasoning=True, instruction="Kısa.")[0].content == "Sen Ece.\n\nKısa."
    assert talk.choices(task()) == ()
    assert talk.canonical("Buyurun!", task()) == "buyurun"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("kart_kayip", "kart_kayip"),
        ("Kart kayıp.", "kart_kayip"),
        ("KART-KAYIP-YURTDIŞI", "kart_kayip_yurtdisi"),
        ("KART-KAYIP-YURTDISI", "kart_kayip_yurtdisi"),
        ("iade", "İade"),
        ("IADE", "İade"),
        ("şifre DEĞİŞİKLİĞİ", "ŞİFRE değişikliği"),
        ("Etiket: **İade**", "İade"),
        ("Müşteri para istiyor.\nCevap: iade", "İade"),
        ("Bence bu kart_kayip_yurtdisi olmalı", "kart_kayip_yurtdisi"),
        ("iade mi, kart_kayip mi?", ""),
        ("<think>iade mi?</think>kart kayip", "kart_kayip"),
        ("bilmiyorum", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_labels_are_read_as_people_write_them(text: str, label: str) -> None:
    made = kind("classification", labels=LABELS)
    assert made.read(Completion(answer=text), task()) == ("", label)


def test_labels_are_listed_to_the_teacher_and_allowed_to_the_student() -> None:
    made = kind("classification", labels=LABELS)
    asked = made.question(task(), reasoning=False, instruction=None)[-1].content
    assert all(f"\n- {label}" in asked for label in LABELS)
    assert "Yalnızca etiketi" in asked
    assert made.choices(task()) == tuple(LABELS)
    assert made.render("nedeni", "İade", task()) == "İade"
    assert all(made.read(Completion(answer=made.render("", label, task())), task()).answer == label for label in LABELS)
    assert made.canonical("iade", task()) == made.canonical("İade", task()) == "İade"
    assert made.canonical("başka", task()) == ""


def test_references_of_classes() -> None:
    made = kind("classification", labels=LABELS)
    assert made.reference({"label": " KART kayıp "}) == LabelReference(text="kart_kayip")
    assert made.reference({"answer": ""}) is None
    with pytest.raises(BadRowError) as caught:
        made.reference({"label": "iadee"})
    assert "did you mean 'İade'" in caught.value.detail or "known names" in caught.value.detail
    free = kind("classification")
    assert free.reference({"label": " iki  kelime"}) == LabelReference(text="iki kelime")


def test_signs_tell_labels_apart() -> None:
    made = Classification(Classification.Settings(labels=["c", "c++", "1", "-1", "?"]))
    for label in made.labels:
        assert made.canonical(label, task()) == label
    assert made.canonical("C++", task()) == "c++"
    assert made.canonical("see plus plus", task()) == ""
