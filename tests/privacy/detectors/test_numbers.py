"""Identifiers with checks: found in every disguise, and no other number taken for one."""

from __future__ import annotations

import unicodedata
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.privacy.detect import Detection
from imbik.privacy.normalise import Normal
from imbik.privacy.operator import Operator
from imbik.testing.identifiers import DISGUISES, MAKERS, grouped

DETECTION = Detection(Operator())
WORDS = {"tckn": "kimlik", "vkn": "vergi no", "iban": "hesap", "card": "kart"}


def found(text: str) -> list[tuple[str, str]]:
    """Detector and what it points at."""
    return [(item.detector, text[item.start : item.end]) for item in DETECTION.find(text)]


def bare(text: str) -> str:
    """Letters and digits of a text without disguise."""
    plain = Normal(text).text.translate(str.maketrans("OoIl", "0011")).upper()
    return "".join(item for item in plain if item.isalnum())


@given(
    seed=st.integers(0, 10**9),
    kind=st.sampled_from(list(MAKERS)),
    disguise=st.sampled_from(list(DISGUISES)),
    form=st.sampled_from(["NFC", "NFD"]),
)
def test_any_disguise_of_a_right_number_is_found_where_it_stands(
    seed: int, kind: str, disguise: str, form: str
) -> None:
    random = Random(seed)
    number = MAKERS[kind](random)
    written = DISGUISES[disguise](kind, number, random)
    text = unicodedata.normalize(form, f"İğneci Şükrü'nün {WORDS[kind]}: ") + written + " çok teşekkürler."
    hits = [part for name, part in found(text) if name == kind]
    assert len(hits) == 1, (text, found(text))
    assert number in bare(hits[0]) or bare(number) in bare(hits[0])


@given(seed=st.integers(0, 10**9), kind=st.sampled_from(["tckn", "iban", "card"]))
def test_no_word_beside_it_is_needed(seed: int, kind: str) -> None:
    number = MAKERS[kind](Random(seed))
    assert found(number) == [(kind, number)]
    assert found(f"Selam {grouped(kind, number, ' ')} iyi günler")[0][0] == kind


@given(seed=st.integers(0, 10**9))
def test_a_tax_number_needs_its_word(seed: int) -> None:
    number = MAKERS["vkn"](Random(seed))
    assert found(f"VERGİ KİMLİK NUMARASI {number}") == [("vkn", number)]
    assert found(f"{number} vergi numaralı") == [("vkn", number)]
    assert "vkn" not in [name for name, _ in found(f"Evrak {number} hazır.")]


@given(seed=st.integers(0, 10**9), kind=st.sampled_from(list(MAKERS)), step=st.integers(1, 9))
def test_a_wrong_digit_makes_it_no_number_of_the_kind(seed: int, kind: str, step: int) -> None:
    number = MAKERS[kind](Random(seed))
    wrong = number[:-1] + str((int(number[-1]) + step) % 10)
    assert kind not in [name for name, _ in found(f"{WORDS[kind]} {wrong}")]


@given(seed=st.integers(0, 10**9), around=st.tuples(st.integers(1, 999), st.integers(0, 999)))
def test_eleven_digits_inside_a_longer_number_are_no_identity_number(seed: int, around: tuple[int, int]) -> None:
    number = MAKERS["tckn"](Random(seed))
    assert "tckn" not in [name for name, _ in found(f"hesap {around[0]}{number}{around[1]} açıldı")]


@pytest.mark.parametrize(
    "text",
    [
        "Sipariş no: 12345678950",
        "12345678950 numaralı siparişiniz yolda",
        "Kargo takip numarası 4111111111111111",
        "Toplam 12345678950 TL",
        "A12345678950B",
        "800000/20000=40",
        "3000+1000+600 = 4600",
        "ISBN 978-605-375-123-4",
        "12.03.2024 14:30, 13.03.2024 15:45",
        "1.250.000,00 TL ve 3.400.000,50 TL",
        "TR34 0006 1005 1978 6457 8413 26",
        "1111 1111 1111 1111",
        "0000 0000 0000 0000",
    ],
)
def test_other_numbers_are_none(text: str) -> None:
    assert found(text) == []


def test_an_account_is_one_finding() -> None:
    written = "TR33 0006 1005 1978 6457 8413 26"
    assert found(f"IBAN {written}'dan") == [("iban", written)]
    assert found("DE89 3704 0044 0532 0130 00 hesabı") == [("iban", "DE89 3704 0044 0532 0130 00")]
    assert found("ibanDE89370400440532013000") == [("iban", "DE89370400440532013000")]
    assert found("kodDE89370400440532013000") == []
    assert found("GB82WEST12345698765432") == [("iban", "GB82WEST12345698765432")]


def test_an_order_number_that_is_called_an_identity_number_is_one() -> None:
    assert found("Sipariş verenin TC kimlik numarası: 123-456 789/50")[0][0] == "tckn"


def test_a_list_of_numbers_that_adds_up_to_a_card_is_none() -> None:
    assert found("Sonuçlar: 5671 27 897 1 5671 27") == []
    assert found("Kart no: 5671 27 897 1 5671 27")[0][0] == "card"


def test_what_has_a_check_comes_before_what_has_none() -> None:
    assert found("Ödeme yapan kişi (692 005 972 22) 250 TL gönderdi.") == [("tckn", "692 005 972 22")]
