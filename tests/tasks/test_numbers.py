"""Numbers as people and models write them have one normal form."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.tasks.numbers import canonical_number, last_number, write_number

TURKISH = [
    ("18", "18"),
    ("-18", "-18"),
    ("−18", "-18"),
    ("–18", "-18"),
    ("eksi 18", "-18"),
    ("1.250", "1250"),
    ("1.250,5", "1250.5"),
    ("1.250,50 TL", "1250.5"),
    ("1,250", "1.25"),
    ("1,250.5", "1250.5"),
    ("0.250", "0.25"),
    ("12.5", "12.5"),
    ("12,50", "12.5"),
    ("1.250.000", "1250000"),
    ("1,250,000", "1250000"),
    ("1 250 000", None),
    ("1\u00a0250\u00a0000", "1250000"),
    ("₺450", "450"),
    ("450 ₺", "450"),
    ("450 lira", "450"),
    ("%15", "15"),
    ("% 15", "15"),
    ("15 %", "15"),
    ("yüzde 15'i", "15"),
    ("3/4", "0.75"),
    ("1/3", "1/3"),
    ("2/6", "1/3"),
    ("-3/4", "-0.75"),
    ("1 1/2", "1.5"),
    ("1 tam 1/2", "1.5"),
    ("1½ saat", "1.5"),
    ("½", "0.5"),
    ("10/2", "5"),
    ("18'dir", "18"),
    ("18’dir.", "18"),
    ("18 elma kalır.", "18"),
    ("Ali'nin 18 elması kalır", "18"),
    ("60 km/saat", "60"),
    ("45 cm²", "45"),
    ("45 m^2", "45"),
    ("45 m3", "45"),
    ("x = 18", "18"),
    ("= 18", "18"),
    ("**18**", "18"),
    ("１８", "18"),
    ("１．２５０，５", "1250.5"),
    ("٣٤", "34"),
    ("1.5e3", "1500"),
    ("1,5 × 10^3", "1500"),
    ("-2.5e-3", "-0.0025"),
    ("+5", "5"),
    ("007", "7"),
    ("-0", "0"),
    ("0,0", "0"),
    ("5 lira 50 kuruş", None),
    ("10:30", None),
    ("12.05.2020", None),
    ("2 + 3", None),
    ("10^2", None),
    ("2√3", None),
    ("x2", None),
    ("3x", None),
    ("2-5", None),
    ("1/0", None),
    ("on sekiz", None),
    ("", None),
    ("1e999999999", None),
    ("9" * 500, None),
]
ENGLISH = [
    ("1,250", "1250"),
    ("1,250.5", "1250.5"),
    ("1.250", "1.25"),
    ("1.250,5", "1250.5"),
    ("0,250", "0.25"),
    ("$1,250.50", "1250.5"),
    ("-$5", "-5"),
    ("$-5", "-5"),
    ("$18$", "18"),
    (r"\$18", "18"),
    (r"\boxed{18}", "18"),
    (r"\frac{1}{2}", "0.5"),
    (r"2\frac{1}{2}", "2.5"),
    (r"18\text{ apples}", "18"),
    (r"18\%", "18"),
    ("1{,}000", "1000"),
    ("1 and 1/2", "1.5"),
    ("1-1/2", "1.5"),
    (".5", "0.5"),
    ("18.", "18"),
    ("18.00", "18"),
    ("about 18 apples", "18"),
    ("18 apples and 3 pears", None),
    ("3 or 4", None),
    ("$10 - $3", None),
    (r"2\sqrt{3}", None),
    ("1'250'000", "1250000"),
    ("1_000", "1000"),
]


@pytest.mark.parametrize(("text", "expected"), TURKISH)
def test_turkish(text: str, expected: str | None) -> None:
    assert canonical_number(text, "tr") == expected


@pytest.mark.parametrize(("text", "expected"), ENGLISH)
def test_english(text: str, expected: str | None) -> None:
    assert canonical_number(text, "en") == expected


@pytest.mark.parametrize("language", ["hu", "sl"])
def test_hungarian_and_slovenian_group_with_spaces_and_points(language: str) -> None:
    assert canonical_number("1 250 000,5", language) == "1250000.5"
    assert canonical_number("1.250,5 €", language) == "1250.5"


def test_the_last_number_is_given_as_written() -> None:
    assert last_number("Önce 3 + 4 = 7, sonra 7 x 2 = 14 elma eder.", "tr") == "14"
    assert last_number("She pays $1,250.50 in total.", "en") == "$1,250.50"
    assert last_number("Sıcaklık −5 derecedir", "tr") == "-5"
    assert last_number("12 elma\nhiç kalmadı", "tr") == "12"
    assert last_number("no number", "en") == ""


def _grouped(value: int, mark: str) -> str:
    return f"{value:,}".replace(",", mark)


@given(whole=st.integers(0, 10**12), decimals=st.integers(0, 99), negative=st.booleans())
def test_both_conventions_give_the_exact_value(whole: int, decimals: int, negative: bool) -> None:
    value = Fraction(whole * 100 + decimals, 100) * (-1 if negative else 1)
    sign = "-" if negative else ""
    expected = write_number(value)
    assert canonical_number(f"{sign}{_grouped(whole, '.')},{decimals:02d} TL", "tr") == expected
    assert canonical_number(f"{sign}${_grouped(whole, ',')}.{decimals:02d}", "en") == expected


@given(st.fractions(max_denominator=10**6).filter(lambda value: abs(value) < 10**9))
def test_the_normal_form_reads_back_as_itself(value: Fraction) -> None:
    written = write_number(value)
    assert Fraction(written) == value
    assert canonical_number(written, "en") == written


@given(st.text(max_size=60), st.sampled_from(["tr", "en", "hu"]))
def test_any_text_gives_a_number_or_none(text: str, language: str) -> None:
    found = canonical_number(text, language)
    assert found is None or Fraction(found) is not None
    last_number(text, language)
