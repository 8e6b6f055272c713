"""The math kind: asks in the task's language, reads what teachers really write, gives one normal form to one value."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Message, Task
from imbik.tasks.kinds import Kind

math: Kind = make("tasks/kinds", PluginBlock(use="math"))


def task(language: str = "tr", text: str = "Ali'nin 3 elması var. 2 elma daha alırsa kaç elması olur?") -> Task:
    return Task(id="t1", kind="math", messages=(Message(role="user", content=text),), language=language)


def read(text: str, language: str = "tr", reasoning: str = "") -> tuple[str, str]:
    return tuple(math.read(Completion(answer=text, reasoning=reasoning), task(language)))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("language", "marker", "word"),
    [
        ("tr", "Cevap:", "adım adım"),
        ("en", "Answer:", "step by step"),
        ("sl", "Odgovor:", "po korakih"),
        ("hu", "Válasz:", "lépésről"),
    ],
)
def test_it_asks_in_the_language_of_the_task(language: str, marker: str, word: str) -> None:
    (message,) = math.question(task(language), reasoning=True, instruction=None)
    assert message.content.startswith(task().text)
    assert marker in message.content
    assert word in message.content
    (short,) = math.question(task(language), reasoning=False, instruction=None)
    assert marker in short.content
    assert word not in short.content


def test_an_instruction_of_the_recipe_replaces_its_own_and_an_empty_one_asks_the_bare_task() -> None:
    assert math.question(task(), reasoning=True, instruction="") == task().messages
    (message,) = math.question(task(), reasoning=True, instruction="Kısa yaz.")
    assert message.content == f"{task().text}\n\nKısa yaz."
    assert math.question(task("de"), reasoning=True, instruction=None)[0].content.endswith("Answer: <result>")


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("3 + 2 = 5\nCevap: 5", "3 + 2 = 5", "5"),
        ("3 + 2 = 5 elma.\n\n**Cevap:** 5 elma.", "3 + 2 = 5 elma.", "5 elma"),
        ("Cevap: 4. Yok, yanlış.\nCevap: 5", "Cevap: 4. Yok, yanlış.", "5"),
        ("3+2=<<3+2=5>>5 elma\n#### 5", "3+2=5 elma", "5"),
        ("3+2=<<3+2=5>>5 elma\nA: 5", "3+2=5 elma", "5"),
        ("3+2=<<3+2\n#### 5", "3+2=", "5"),
        ("Toplam \\boxed{5}", "Toplam 5", "5"),
        ("Önce 3 elma var. 2 eklenince 5 elma olur.", "Önce 3 elma var. 2 eklenince 5 elma olur.", "5"),
        ("5", "", "5"),
        ("5 elma.", "", "5 elma"),
        ("<think>3+2</think>Cevap: 5", "3+2", "5"),
        ("<think>3 + 2 = 5</think>5", "3 + 2 = 5", "5"),
        ("<think>bitmeyen 7", "bitmeyen 7", ""),
        ("Bilmiyorum.", "Bilmiyorum.", ""),
        ("", "", ""),
    ],
)
def test_reading(text: str, reasoning: str, answer: str) -> None:
    assert read(text) == (reasoning, answer)


def test_reasoning_in_the_teachers_own_field_is_used() -> None:
    assert read("Cevap: 5", reasoning="3+2=<<3+2=5>>5") == ("3+2=5", "5")
    assert read("5", reasoning="3+2=5") == ("3+2=5", "5")


def test_gsm8k_solutions_are_taken_apart() -> None:
    found = math.reference(
        {"answer": "She sold 48/2 = <<48/2=24>>24 clips.\nTotal 48+24 = <<48+24=72>>72.\n#### 1,072"}
    )
    assert found is not None
    assert (found.text, found.reasoning) == ("1,072", "She sold 48/2 = 24 clips.\nTotal 48+24 = 72.")


def test_references_of_other_shapes() -> None:
    plain = math.reference({"answer": "72", "reasoning": "48+24=<<48+24=72>>72"})
    assert plain is not None
    assert (plain.text, plain.reasoning) == ("72", "48+24=72")
    words = math.reference({"answer": "evet"})
    assert words is not None
    assert words.text == "evet"
    assert math.reference({"answer": "  "}) is None
    assert math.reference({}) is None


@pytest.mark.parametrize(
    ("left", "right"),
    [("1.250,50 TL", "1250,5"), ("3/4", "0,75"), ("5 elma", "5"), ("2√3", "√12"), ("Evet", "evet"), ("%15", "15")],
)
def test_equal_answers(left: str, right: str) -> None:
    assert math.canonical(left, task()) == math.canonical(right, task())


def test_unequal_answers() -> None:
    assert math.canonical("1.250", task("tr")) != math.canonical("1.250", task("en"))
    assert math.canonical("", task()) == ""


LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40)


@given(
    reasoning=LINE.map(str.strip).filter(
        lambda text: not re.search(r"(?i)cevap|yan|answer|v.{1,2}lasz|odgovor|[<#\\:：]", text)
    ),
    answer=st.integers(-(10**9), 10**9).map(str),
    language=st.sampled_from(["tr", "en", "sl", "hu"]),
)
def test_what_is_rendered_is_read_back(reasoning: str, answer: str, language: str) -> None:
    text = math.render(reasoning, answer, task(language))
    assert read(text, language) == (reasoning, answer)
