"""Reasoning inside an answer's text, wherever a template or a raw server left it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.teachers._thinking import split_thinking

HARMONY = (
    "<|channel|>analysis<|message|>2+2 dört eder<|end|><|start|>assistant<|channel|>final<|message|>Dört.<|return|>"
)


@pytest.mark.parametrize(
    "text",
    [
        "<think>2+2 dört eder</think>Dört.",
        "\n <THINK>2+2 dört eder</THINK>\n\nDört.",
        "2+2 dört eder</think>Dört.",
        "<thought>2+2 dört eder</thought>\nDört.",
        "[THINK]2+2 dört eder[/THINK]Dört.",
        "<reasoning>2+2 dört eder</reasoning> Dört.",
        HARMONY,
        HARMONY.removesuffix("<|return|>"),
        "analysis2+2 dört ederassistantfinalDört.",
    ],
)
def test_reasoning_and_answer_are_apart(text: str) -> None:
    assert split_thinking(text) == ("2+2 dört eder", "Dört.", True)


def test_reasoning_in_the_middle_of_an_answer() -> None:
    assert split_thinking("Bakalım. <think>iki iki daha</think> Dört.") == ("iki iki daha", "Bakalım.\nDört.", True)
    assert split_thinking("<think>a</think>Bir.<think>b</think>İki.") == ("a\nb", "Bir.\nİki.", True)


@pytest.mark.parametrize(
    "text", ["<think>uzun uzun", "Peki. <think>uzun uzun", "<|channel|>analysis<|message|>uzun uzun"]
)
def test_reasoning_that_never_ends_leaves_no_answer(text: str) -> None:
    found = split_thinking(text)
    assert (found.answer, found.closed) == ("", False)
    assert "uzun uzun" in found.reasoning


def test_a_harmony_reply_with_a_commentary_keeps_only_the_final_channel() -> None:
    text = f"<|channel|>commentary<|message|>bakıyorum<|end|><|start|>assistant{HARMONY}"
    assert split_thinking(text) == ("bakıyorum\n2+2 dört eder", "Dört.", True)


@pytest.mark.parametrize("text", ["analysis of variance", "a < b ve c > d", "Düşünce: <thin> değil", "  boşluk  ", ""])
def test_text_without_reasoning_stays_as_it_is(text: str) -> None:
    assert split_thinking(text) == ("", text, True)


@given(st.lists(st.sampled_from(["<think>", "</think>", "[THINK]", "[/THINK]", "a", "ı ", "İ", "\n"]), max_size=9))
def test_no_text_is_lost_or_made(parts: list[str]) -> None:
    text = "".join(parts)
    found = split_thinking(text)
    kept = sorted("".join((found.reasoning + found.answer).split()))
    bare = text
    for tag in ("<think>", "</think>", "[THINK]", "[/THINK]"):
        bare = bare.replace(tag, "")
    assert kept == sorted("".join(bare.split())) or not found.closed
