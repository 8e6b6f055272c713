"""Numbers in words: read where they stand, and not read into words that mean something else."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.tasks.number_words import find_number_words, read_number_words

_ONES = ["", "bir", "iki", "üç", "dört", "beş", "altı", "yedi", "sekiz", "dokuz"]
_TENS = ["", "on", "yirmi", "otuz", "kırk", "elli", "altmış", "yetmiş", "seksen", "doksan"]


def spelled(number: int) -> list[str]:
    """A number below a million as Turkish words."""
    thousands, rest = divmod(number, 1000)
    words = [] if not thousands else ["bin"] if thousands == 1 else [*spelled(thousands), "bin"]
    hundreds, rest = divmod(rest, 100)
    words += [] if not hundreds else ["yüz"] if hundreds == 1 else [_ONES[hundreds], "yüz"]
    return words + [word for word in (_TENS[rest // 10], _ONES[rest % 10]) if word]


@given(st.integers(1, 999_999))
def test_every_turkish_number_is_read_apart_and_together(number: int) -> None:
    words = spelled(number)
    assert read_number_words(" ".join(words)) == number
    assert read_number_words("".join(words)) == number
    assert read_number_words(" ".join(words).upper().replace("I", "I")) == number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("iki buçuk", Fraction(5, 2)),
        ("2,5 milyon", 2_500_000),
        ("2 milyon 500 bin", 2_500_000),
        ("3 bin", 3000),
        ("yirmi birinci", 21),
        ("dördüncü", 4),
        ("beşte", 5),
        ("twenty-five", 25),
        ("three hundred and five", 305),
        ("one thousand two hundred", 1200),
    ],
)
def test_other_ways_to_write_one(text: str, value: Fraction | int) -> None:
    assert read_number_words(text) == value


@pytest.mark.parametrize("text", ["", "1923", "elma", "yüzyıl", "üç elma", "buçuk", "yedi ve içti"])
def test_no_number(text: str) -> None:
    assert read_number_words(text) is None


def test_numbers_are_found_where_they_stand() -> None:
    text = "Üç yüz elli kişi ve iki bin yirmi üç asker geldi, 12 bin kişi gitti."
    assert [(text[found.start : found.end], found.value) for found in find_number_words(text)] == [
        ("Üç yüz elli", 350),
        ("iki bin yirmi üç", 2023),
        ("12 bin", 12_000),
    ]


def test_words_that_mostly_mean_something_else_do_not_count_alone() -> None:
    text = "Bir kedi masanın altı boşken yedi, yüzü güldü, on dakika sonra ata bindi"
    assert not list(find_number_words(text))
    assert len(list(find_number_words(text, every=True))) >= 4
