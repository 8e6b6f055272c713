"""Markers: what a model wrote is taken apart as a person would, and what imbik writes is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.types import Completion
from imbik.tasks.markers import join_answer, marker, read_marked, split_answer, split_thought, unbox


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("Kalan: 45 - 17 = 28.\nCevap: 28", "Kalan: 45 - 17 = 28.", "28"),
        ("Cevap: 28", "", "28"),
        ("CEVAP : 28 TL", "", "28 TL"),
        ("Önce topla.\nYANIT: Ankara", "Önce topla.", "Ankara"),
        ("45 - 17 = 28. Cevap: 28", "45 - 17 = 28.", "28"),
        ("Steps.\n**Answer:** 72", "Steps.", "72"),
        ("Steps.\n**Final answer: 72**", "Steps.", "72"),
        ("Answer: 5. No, wait.\nAnswer: 6", "Answer: 5. No, wait.", "6"),
        ("Seštejem.\nOdgovor: 12", "Seštejem.", "12"),
        ("Összeadom.\nVálasz: 12", "Összeadom.", "12"),
        ("O\u0308sszeadom.\nVa\u0301lasz: 12", "O\u0308sszeadom.", "12"),
        (
            "Natalia sold 48/2 = <<48/2=24>>24 clips.\n#### 72",
            "Natalia sold 48/2 = <<48/2=24>>24 clips.",
            "72",
        ),
        ("He pays 5.\nA: 26", "He pays 5.", "26"),
        ("A: Paris\nB: London", "A: Paris\nB: London", ""),
        ("#### Step 1\nAdd them up", "#### Step 1\nAdd them up", ""),
        ("so it is $\\boxed{\\frac{1}{2}}$.", "so it is \\frac{1}{2}.", "\\frac{1}{2}"),
        ("\\boxed{7}", "", "7"),
        ("Half of it.\nAnswer: $\\boxed{7}$", "Half of it.", "7"),
        ("Eight and four, so the answer is 12", "Eight and four, so", "12"),
        ("<think>8 + 4</think>\n12", "8 + 4", "12"),
        ("<think>hm</think>8 + 4 = 12.\nCevap: 12", "8 + 4 = 12.", "12"),
        ("8 + 4\n</think>\n12", "8 + 4", "12"),
        ("<think>it never ends", "it never ends", ""),
        ("no marker at all", "no marker at all", ""),
        ("", "", ""),
        ("Liste:\nCevap: bir\niki\nüç", "Liste:", "bir\niki\nüç"),
    ],
)
def test_texts_are_taken_apart(text: str, reasoning: str, answer: str) -> None:
    assert split_answer(text) == (reasoning, answer)


_WORDS = st.lists(st.sampled_from(["İki", "elma", "3 + 5 = 8.", "şöyle:", "ő", "72", "\n", "Cevap: 4."]), max_size=8)


@given(
    _WORDS,
    st.sampled_from(["72", "1.250,5", "kart bekleniyor", "iki\nsatır"]),
    st.sampled_from(["tr", "en", "sl", "hu", "de"]),
)
def test_what_is_joined_is_split_again(words: list[str], answer: str, language: str) -> None:
    reasoning = " ".join(words).strip()
    assert split_answer(join_answer(reasoning, answer, language)) == (reasoning, answer)


def test_marker_follows_the_language() -> None:
    assert [marker(code) for code in ("tr", "en-GB", "sl", "hu", "fr")] == [
        "Cevap",
        "Answer",
        "Odgovor",
        "Válasz",
        "Answer",
    ]


def test_steps_shown_come_before_steps_thought() -> None:
    assert read_marked(Completion(answer="Cevap: 3", reasoning=" 1 + 2 ")) == ("1 + 2", "3")
    assert read_marked(Completion(answer="1 + 2 = 3.\nCevap: 3", reasoning="hmm")) == ("1 + 2 = 3.", "3")


def test_several_thoughts_and_unbalanced_boxes() -> None:
    assert split_thought("<think>a</think>b<think>c</think>d") == ("a\nc", "bd")
    assert unbox("\\boxed{1") == "\\boxed{1"
