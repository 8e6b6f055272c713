"""Arithmetic in the reasoning: what is right passes in every spelling, what is wrong is named with its right result."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Verdict
from imbik.refine.arithmetic.plain import plain_and_right
from imbik.refine.checks import CheckContext
from imbik.refine.checks.arithmetic import Arithmetic
from imbik.tasks.problems.generator import generate
from stagekit import make_sample, make_task

CONTEXT = CheckContext(kind=make("tasks/kinds", PluginBlock(use="math")))


def judge(reasoning: str, language: str = "tr", **settings: object) -> Verdict:
    check: Arithmetic = make("refine/checks", PluginBlock(use="arithmetic", raw=settings))
    return check.judge(make_sample(make_task("a", language=language), reasoning=reasoning), CONTEXT)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("tr", "12 x 2 = 24 sayfa okudu."),
        ("tr", "3 elma + 4 armut = 7 meyve"),
        ("tr", "1.250,50 + 0,5 = 1.251 TL"),
        ("tr", "1.250 × 2 = 2.500"),
        ("tr", "2.5 * 4 = 10"),  # many models write a decimal point in Turkish
        ("tr", "10/3 = 3,33"),
        ("tr", "10/3 = 3,333"),
        ("tr", "10/3 ≈ 3,4"),
        ("tr", "25 / 4 = 7 otobüs gerekir"),  # whole things, rounded up
        ("tr", "100 + %20 = 120"),
        ("tr", "50 x %20 = 10"),
        ("tr", "12 : 4 = 3"),
        ("tr", "12 ÷ 4 = 3; 5² = 25"),
        ("tr", "3'er kutudan 4 kutu: 3 · 4 = 12'dir"),
        ("tr", "2 x 1,5 milyon = 3 milyon"),
        ("tr", "2+3=5*4=20"),
        ("tr", "2 * 3 = 6 - 1 = 5"),
        ("en", "$1,250 / 4 = $312.50"),
        ("en", "so 100 - 25 = 75% of it"),
        ("en", "5 / 20 x 100 = 25%"),
        ("en", "3 x 20 minutes = 1 hour"),
        ("en", "2 / 1/5 = 10"),
        ("en", "32 / 2 = $16 million"),
        ("en", "$240 (house and food) + $9 (phone) = $249"),
        ("en", "- 5 + 3 = 8"),
        ("en", "**5 + 3 = 8**, then 2(3+4) = 14"),
        ("en", r"\frac{1}{2} \times 10 = 5 and 2^3 = 8"),
        ("en", "For a total of 5 snakes/jaguar * 6 jaguars = 30 snakes"),
    ],
)
def test_what_is_right_passes_and_is_read(language: str, text: str) -> None:
    verdict = judge(text, language)
    assert verdict.keep, verdict.reason
    if "hour" not in text:
        assert verdict.score == 1.0


@pytest.mark.parametrize(
    ("language", "text", "written", "comes_to", "said"),
    [
        ("tr", "Toplam 12 x 2 = 26 sayfa", "12 x 2 = 26", "24", "26"),
        ("tr", "1.250,50 + 1 = 1.252,50", "1.250,50 + 1 = 1.252,50", "1251.5", "1.252,50"),
        ("tr", "2+3=5*4=21", "5*4=21", "20", "21"),
        ("tr", "10/3 = 3,43", "10/3 = 3,43", "10/3", "3,43"),
        ("tr", "10/3 = 3,34", "10/3 = 3,34", "10/3", "3,34"),
        ("tr", "İşçi 6 ÷ 2 = 4 gün çalıştı", "6 ÷ 2 = 4 gün", "3", "4"),
        ("en", "a total of 3+6=3 hours a week", "3+6=3 hours", "9", "3"),
        ("en", "10,000 hours / 8 years = 1,258 hours a year", "10,000 hours / 8 years = 1,258 hours", "1250", "1,258"),
        ("en", "16-3-4=8", "16-3-4=8", "9", "8"),
        ("en", "5 + 3 = **9**", "5 + 3 = **9", "8", "9"),
        ("en", "(2+3)*4 = 21", "(2+3)*4 = 21", "20", "21"),
        ("en", r"\frac{1}{2} \times 10 = 6", r"\frac{1}{2} \times 10 = 6", "5", "6"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    language: str, text: str, written: str, comes_to: str, said: str
) -> None:
    verdict = judge(text, language)
    assert not verdict.keep
    assert verdict.reason == f"'{written}' is wrong: it comes to {comes_to}, not {said}"
    (span,) = verdict.spans
    assert text[span.start : span.end] == written
    assert (span.part, span.note) == ("reasoning", comes_to)


@pytest.mark.parametrize(
    "text",
    [
        "x = 5 ve 2x = 12",
        "S + 30 + 46 = S + 143",
        "toplam fiyat + 5 = 15",
        "yarısı 10 + 3 = 9",
        "half of 10 + 3 = 8",
        "5 ft 6 in + 4 in = 5 ft 10 in",
        "10:30 + 2 = 12:30",
        "0900 - 0130 = 0730",
        "5 / 0 = 7",
        "3(number of trucks) = 60",
        "4 W^2 = 100",
        "1/3 of the others = 66",
        "2 saat + 30 dakika = 2,5 saat",
        "a == b, 5 >= 3, x != 4",
        "",
    ],
)
def test_what_cannot_be_read_is_never_wrong(text: str) -> None:
    verdict = judge(text)
    assert verdict.keep, verdict.reason
    assert verdict.score is None


def test_settings_bound_what_is_let_pass() -> None:
    assert judge("10 * 3 = 31", tolerance=0.05).keep
    assert not judge("10 * 3 = 32", tolerance=0.05).keep
    two = "1+1=3 sonra 2+2=5 ve 3+3=6"
    assert judge(two).reason == "'1+1=3' is wrong: it comes to 2, not 3 (and 1 more)"
    assert judge(two, most_wrong=2).keep
    assert judge(two, most_wrong=2).score == pytest.approx(1 / 3)
    assert judge("sonuç bellidir", at_least=1).reason == "0 equations can be read, and 1 are wanted"


def test_the_answer_is_looked_at_where_it_is_asked_for() -> None:
    sample = make_sample(make_task("a"), reasoning="", answer="2 + 2 = 5")
    check: Arithmetic = make("refine/checks", PluginBlock(use="arithmetic", raw={"also_answer": True}))
    (span,) = check.judge(sample, CONTEXT).spans
    assert span.part == "answer"
    assert make("refine/checks", PluginBlock(use="arithmetic")).judge(sample, CONTEXT).keep


def test_worked_turkish_problems_are_right_and_changed_ones_are_found() -> None:
    rng, changed, found = random.Random(1), 0, 0
    for index in range(300):
        text = generate("pool", index).reasoning
        assert judge(text).keep, (text, judge(text).reason)
        results = list(re.finditer(r"= (\d+)", text))
        if not results:
            continue
        at = rng.choice(results).start(1)
        digit = rng.choice([one for one in "123456789" if one != text[at]])
        changed, found = changed + 1, found + (not judge(text[:at] + digit + text[at + 1 :]).keep)
    assert changed > 200
    assert found / changed > 0.95


@given(
    st.lists(st.integers(1, 999), min_size=2, max_size=5), st.lists(st.sampled_from("+-*"), min_size=4, max_size=4),
    st.integers(-3, 3),
)  # fmt: skip
def test_the_quick_way_agrees_with_the_careful_one(numbers: list[int], signs: list[str], off: int) -> None:
    left = str(numbers[0]) + "".join(f" {sign} {number}" for sign, number in zip(signs, numbers[1:], strict=False))
    value = eval(left)
    said = value + off
    quick = plain_and_right(f"Bu {left} = {said} eder.", commas_group=False)
    verdict = judge(f"Bu {left} = {said} eder.")
    assert verdict.keep == (off == 0)
    plain = off == 0 and 0 <= said < 10**12  # longer ones are read with care
    assert quick == (1 if plain else None)


@pytest.mark.parametrize(
    ("line", "commas_group", "read"),
    [
        ("She pays 2 * $.75 = $1.5 now.", True, 1),
        ("1,250.50 / 2 = 625.25", True, 1),
        ("2 * 3 = 6 ve 0,5 * 4 = 2,0", False, 2),
        ("1.250 + 1,5 = 1.251,5", False, 1),
        ("10 / 3 = 3.33", True, None),  # rounded: read with care
        ("10 / 3 ≈ 3.4", True, None),
        ("1,250 * 2 = 2,5", False, None),  # a thousand or a decimal: read with care
        ("5 / 0 = 0", True, None),
        ("2.5 * 4 = 11", True, None),
    ],
)
def test_the_quick_way_takes_what_is_plain_and_right(line: str, commas_group: bool, read: int | None) -> None:
    assert plain_and_right(line, commas_group=commas_group) == read


@pytest.mark.parametrize("language", ["tr", "en"])
def test_nearly_equal_is_read_in_every_language(language: str) -> None:
    assert not judge("10/3 ≈ 7", language=language).keep
