"""Plain text from disguised text, and offsets that point at the original."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.privacy.normalise import Normal, fold

DISGUISES = [*"İıﬁ①１١𝟏ğ\U0001f600a9 \n\u200b\u00ad\ud800", "i\u0307", "g\u0306", "1\u0336"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("１２３", "123"),
        ("١٢٣", "123"),
        ("۱۲۳", "123"),
        ("𝟏𝟐𝟑", "123"),
        ("①②③", "123"),
        ("1\u200b2\ufeff3", "123"),
        ("1\u20282\u20293\x854\u28005", "1 2 3 4 5"),
        ("1\u22122\u20433", "1-2-3"),
        ("1\u03362\u03363\u0336", "123"),
        ("1\ufe0f\u20e32\ufe0f\u20e3", "12"),
        ("İstanbul", "İstanbul"),
        (unicodedata.normalize("NFD", "Çağrı İğne"), "Çağrı İğne"),
        ("i\u0307", "i"),
        ("ali＠ornek．com", "ali@ornek.com"),
        ("1\u00a02", "1 2"),
        ("\ud800x", "?x"),
    ],
)
def test_disguises_are_taken_off(written: str, read: str) -> None:
    assert Normal(written).text == read


def test_a_span_points_at_what_was_written() -> None:
    written = "kod \u200b１\u200b２\u0336３\u200b son"
    normal = Normal(written)
    start = normal.text.index("123")
    first, last = normal.origin(start, start + 3)
    assert written[first:last] == "１\u200b２\u0336３"
    assert written[normal.origin(0, 3)[0] : normal.origin(0, 3)[1]] == "kod"
    assert written[slice(*normal.origin(len(normal.text) - 3, len(normal.text)))] == "son"


@given(st.lists(st.sampled_from(DISGUISES), max_size=30).map("".join) | st.text(max_size=30))
def test_every_character_has_its_place_in_order(written: str) -> None:
    normal = Normal(written)
    places = [normal.origin(at, at + 1) for at in range(len(normal.text))]
    assert all(0 <= start < end <= len(written) for start, end in places)
    assert places == sorted(places)
    for at, (start, end) in enumerate(places):
        assert normal.text[at] in Normal(written[start:end]).text


@given(st.text(max_size=40))
def test_folding_keeps_the_length(written: str) -> None:
    text = Normal(written).text
    assert len(fold(text)) == len(text)


def test_turkish_case_meets() -> None:
    assert fold("VERGİ KİMLİK NUMARASI") == fold("vergi kimlik numarası") == fold("Vergı Kımlık Numarasi")
