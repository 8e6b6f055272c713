"""Loops by words, lines and characters are found wherever they stand; sums, tables and songs' lengths are not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.checks.repetition import Repetition
from stagekit import make_sample, make_task

CONTEXT = CheckContext(kind=make("tasks/kinds", PluginBlock(use="math")))
WORDS = "elma armut kiraz üzüm incir nar ayva dut erik kavun karpuz çilek muz limon şeftali ığdır İzmir".split()


def judge(reasoning: str, answer: str = "5", **settings: object) -> Verdict:
    check = make("refine/checks", PluginBlock(use="repetition", raw=settings))
    verdict: Verdict = check.judge(make_sample(make_task("a"), reasoning=reasoning, answer=answer), CONTEXT)
    return verdict


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ve böylece " * 5 + "biter", "goes round: 've böylece' 5 times in a row"),
        ("Önce topla. " + "Sonra çıkar. " * 9 + "Sonuç 5.", "goes round: 'Sonra çıkar.' 9 times in a row"),
        ("dur dur dur dur dur", "goes round: 'dur' 5 times in a row"),
        ("5 + " * 40, "goes round: '5 +' 40 times in a row"),
        ("güldü: " + "ha" * 13, "says 'ha' 13 times without a space"),
        ("yanıt " + "a" * 30, "says 'a' 30 times without a space"),
        ("Dikkat" + "!" * 25, "says '!' 25 times without a space"),
        ("Aynı satır budur.\nBaşka bir şey.\n" + "Aynı satır budur.\nEk satır.\n" * 2, "says 3 of its 6 lines again"),
    ],
)
def test_what_goes_round_is_named_with_its_place(text: str, said: str) -> None:
    for verdict, part in ((judge(text), "reasoning"), (judge("2 + 3 = 5", text), "answer")):
        assert not verdict.keep
        assert verdict.reason.startswith(f"the {part} {said}")
        (span,) = verdict.spans
        assert span.part == part
        assert 0 <= span.start < span.end <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "5 + 5 + 5 + 5 + 5 + 5 + 5 + 5 = 40",
        "because 1 plus 1 plus 1 plus 1 plus 1 plus 1 equals 6",
        "Çok çok çok güzel.",
        "-" * 80 + "\nToplam\n" + "=" * 80,
        "| a | b |\n| - | - |\n| 1 | 2 |\n| 1 | 2 |\n| 1 | 2 |\n| 1 | 2 |",
        "Adım 1: topla\nAdım 2: topla\nAdım 3: topla\nAdım 4: topla",
        "https://ornek.com/" + "abc/" * 4,
        "Muvaffakiyetsizleştiricileştiriveremeyebileceklerimizdenmişsinizcesine",
        "",
        " \n ",
    ],
)
def test_what_may_repeat_is_let_pass(text: str) -> None:
    assert judge(text).keep


def test_much_said_twice_needs_no_order() -> None:
    chance = random.Random(3)
    sentences = [" ".join(chance.sample(WORDS, 8)) + "." for _ in range(6)]
    orders = [chance.sample(sentences, 6) for _ in range(8)]
    once, often = " ".join(sentences), " ".join(sentence for order in orders for sentence in order)
    assert judge(once).keep
    assert "of its word runs a second time" in judge(often).reason
    assert judge(often, copied=0).keep


def test_zero_does_not_look() -> None:
    off = {"times": 0, "lines": 0, "copied": 0, "characters": 0}
    for text in ("dur " * 90, "satır bir\n" * 20, "ha" * 90):
        assert judge(text, **off).keep
        assert not judge(text).keep


@given(
    st.lists(st.sampled_from(WORDS), min_size=0, max_size=30),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=7, unique=True),
    st.integers(2, 8),
    st.integers(2, 6),
    st.lists(st.sampled_from(WORDS), min_size=0, max_size=30),
)
def test_a_loop_is_found_exactly_where_there_is_one(
    before: list[str], unit: list[str], copies: int, times: int, after: list[str]
) -> None:
    """Against the definition: some unit stands `times` times in a row."""
    words = [*before, *unit * copies, *after]
    check = Repetition(Repetition.Settings(times=times, lines=0, copied=0, characters=0))
    there = any(
        words[at : at + size] * times == words[at : at + size * times]
        for size in range(1, len(words) // times + 1)
        for at in range(len(words) - size * times + 1)
    )
    assert (check.fault(" ".join(words)) is not None) == there
