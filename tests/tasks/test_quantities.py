"""Quantities in one unit, exactly; anything else is none."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.tasks.quantities import UNITS, Quantity, read_quantity, unit_of


@pytest.mark.parametrize(
    ("text", "value", "dimension"),
    [
        ("3 km", Fraction(3000), "length"),
        ("1 metre 20 cm", Fraction(6, 5), "length"),
        ("2 saat ve 15 dakika", Fraction(8100), "time"),
        ("1/2 saat", Fraction(1800), "time"),
        ("1½ saat", Fraction(5400), "time"),
        ("2,5 kg'dır", Fraction(2500), "mass"),
        ("30 dakikadır", Fraction(1800), "time"),
        ("₺12,50", Fraction(25, 2), "TRY"),
        ("10,50 Türk lirası", Fraction(21, 2), "TRY"),
        ("%15", Fraction(3, 20), "ratio"),
        ("15%", Fraction(3, 20), "ratio"),
        ("5 m²", Fraction(5), "area"),
        ("2 DÜZİNE", Fraction(24), "count"),
        ("1.250", Fraction(1250), ""),
        ("-3,5", Fraction(-7, 2), ""),
    ],
)
def test_what_is_a_quantity(text: str, value: Fraction, dimension: str) -> None:
    assert read_quantity(text, "tr") == Quantity(value, dimension)


@pytest.mark.parametrize(
    "text", ["", "km", "5 elma", "3 km 2 kg", "saat 5 gibi geldi", "5 ya da 6 km", "3 km 2", "x" * 99]
)
def test_what_is_none(text: str) -> None:
    assert read_quantity(text, "tr") is None


def test_endings_and_plurals_are_taken_off() -> None:
    assert unit_of("kilometredir") == unit_of("KİLOMETRE") == unit_of("km") == UNITS["km"]
    assert unit_of("TL'dir") == unit_of("lira") == UNITS["tl"]
    assert unit_of("minutes") == unit_of("dakika") == UNITS["dk"]
    assert unit_of("elma") is None


@given(st.integers(0, 10**6), st.sampled_from(sorted(UNITS)))
def test_a_number_with_a_unit_is_that_many_of_it(number: int, unit: str) -> None:
    found = read_quantity(f"{number} {unit}", "tr")
    assert found == Quantity(number * UNITS[unit].size, UNITS[unit].dimension)
