"""A person is found however the name or identifier is written, and nobody else is."""

from __future__ import annotations

import unicodedata
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.errors import UsageError
from imbik.privacy.person import Person, forms, squeezed
from imbik.testing.identifiers import DISGUISES, MAKERS

AYSE = Person(["Ayşe Yılmaz"])


@pytest.mark.parametrize(
    "text",
    [
        "Ben Ayşe Yılmaz, kartım kayboldu.",
        "AYŞE YILMAZ",
        "ayşe yılmaz'ın siparişi",
        "Ayşe Yılmazlar geldi",
        "Ayse Yilmaz",
        "AYSE YILMAZ",
        "Yılmaz, Ayşe",
        unicodedata.normalize("NFD", "Ayşe Yılmaz"),
        "Ayşe\u00a0 Yılmaz",
        "Ay\u200bşe Yıl\u00admaz",
        "Ayşe\nYılmaz",
        "A y ş e  Y ı l m a z",
        "ayse.yilmaz@example.com",
        "Ａｙşe Yılmaz",
        "bilgi:ayşe_yılmaz;",
    ],
)
def test_every_way_of_writing_a_name(text: str) -> None:
    assert AYSE.in_text(text)


@pytest.mark.parametrize(
    "text", ["Ayşe geldi, Yılmaz gitti.", "Ayşegül Yılmaz", "Ayşe Nur Yılmaz", "", "yılmaz ayş", "Ayşe Yılmazer"]
)
def test_somebody_else_is_left_alone(text: str) -> None:
    assert not AYSE.in_text(text)


@pytest.mark.parametrize("ending", ["", "lar", "ın", "a", "dan", "daki", "la", "ı", "ların", "ca", "'ınki"])
def test_suffixes_are_no_part_of_a_surname(ending: str) -> None:
    demir = Person(["Mehmet Demir"])
    soft = ending.translate(str.maketrans("aı", "ei"))
    assert demir.in_text(f"dün Mehmet Demir{soft} konuştum")
    assert AYSE.in_text(f"dün AYŞE YILMAZ{ending.replace('ı', 'I').upper()} konuştum")
    for other in ("Demirel", "Demirci", "Demirtaş", "Demirkıran", "Demiröz"):
        assert not demir.in_text(f"dün Mehmet {other}{soft} konuştum")


def test_a_number_stands_alone() -> None:
    one = Person(["12345678950"])
    assert one.in_text("TC12345678950'dir")
    assert not one.in_text("9912345678950")
    assert not one.in_text("123456789501")
    assert Person(["0532 111 22 33"]).in_text("tel:905321112233")


def test_a_page_of_a_database_has_no_gaps() -> None:
    assert not AYSE.in_text("uzmanAyşe Yılmaz{")
    assert AYSE.in_text("uzmanAyşe Yılmaz{", loose=True)
    assert not AYSE.in_text("uzmanAyşe Yılmazer{", loose=True)


def test_a_short_name_stands_as_words() -> None:
    ali = Person(["Ali Can"])
    assert ali.in_text("ALİ CAN'a sor")
    assert ali.in_text("Can Ali")
    assert ali.in_text("Ali Canlar")
    assert not ali.in_text("Alicante güzeldir")
    assert not ali.in_text("kalı can")


def test_one_word_keeps_its_marks() -> None:
    sen = Person(["Şen"])
    assert sen.in_text("ŞEN'in kartı")
    assert not sen.in_text("sen kimsin")
    assert not sen.in_text("şenlik")
    assert not Person(["Ali Can"]).in_text("Ali Canip")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("12345678950", "TC 12345678950"),
        ("12345678950", "123 456 789 50'dir"),
        ("12345678950", "１２３４５６７８９５０"),
        ("12345678950", "١٢٣٤٥٦٧٨٩٥٠"),
        ("12345678950", "1234\u200b5678950"),
        ("0532 111 22 33", "+90 (532) 111-22-33"),
        ("+905321112233", "0532 1112233"),
        ("TR33 0006 1005 1978 6457 8413 26", "tr330006100519786457841326"),
        ("ayse@example.com", "AYSE@EXAMPLE.COM"),
        ("34 ABC 123", "34abc123 plakalı"),
    ],
)
def test_every_way_of_writing_an_identifier(given: str, text: str) -> None:
    assert Person([given]).in_text(text)


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("kind", MAKERS)
def test_every_disguise_that_detectors_see_through(disguise: str, kind: str) -> None:
    draw = Random(f"{disguise} {kind}")
    for _ in range(5):
        number = MAKERS[kind](draw)
        assert Person([number]).in_text(f"Müşteri {DISGUISES[disguise](kind, number, draw)} yazdı")
        assert not Person([number]).in_text(f"Müşteri {DISGUISES[disguise](kind, MAKERS[kind](draw), draw)} yazdı")


@pytest.mark.parametrize("given", ["", "A", "12345", "a@b", " . "])
def test_what_is_too_short_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="too short"):
        Person([given])


def test_all_of_a_value_is_looked_at() -> None:
    assert AYSE.in_any({"a": [{"b": ("x", "Ayşe Yılmaz")}]})
    assert AYSE.in_any({"Ayşe Yılmaz": 1})
    assert Person(["12345678950"]).in_any({"tckn": 12345678950})
    assert not AYSE.in_any({"a": [True, None, 2.5, "Ayşe"]})


def test_a_piece_of_a_name_in_a_vocabulary() -> None:
    for token in (" Ayşe", "Yılmaz", "yılma", "Ayşe Yılmaz"):
        assert AYSE.in_token(token)
    for token in ("ay", "maz", "yıl", " elma", "1"):
        assert not AYSE.in_token(token)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_name_is_found_within_any_text(before: str, after: str) -> None:
    assert AYSE.in_text(f"{before} Ayşe Yılmaz {after}")


@given(st.text(max_size=60))
def test_what_is_compared_with_fingerprints_stands_in_the_text(text: str) -> None:
    for form in forms(text, "long:9"):
        assert len(form) == 9
        assert form in squeezed(text)
