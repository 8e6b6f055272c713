"""Suffixes as Turkish writes them."""

from __future__ import annotations

import pytest

from imbik.tasks.problems.turkish import Name, Noun, Number, capitalise_sentences, lower, suffix


@pytest.mark.parametrize(
    ("name", "case", "written"),
    [
        ("Ayşe", "gen", "Ayşe'nin"),
        ("Murat", "gen", "Murat'ın"),
        ("Ahmet", "gen", "Ahmet'in"),
        ("Zeynep", "gen", "Zeynep'in"),
        ("Ege", "dat", "Ege'ye"),
        ("Ufuk", "abl", "Ufuk'tan"),
        ("Gül", "gen", "Gül'ün"),
        ("Tolga", "gen", "Tolga'nın"),
        ("Songül", "loc", "Songül'de"),
        ("Doruk", "gen", "Doruk'un"),
        ("Ali", "dat", "Ali'ye"),
        ("Serkan", "abl", "Serkan'dan"),
        ("Arda", "acc", "Arda'yı"),
        ("İpek", "abl", "İpek'ten"),
        ("IŞIK", "gen", "IŞIK'ın"),
    ],
)
def test_a_name_takes_its_suffix_after_an_apostrophe(name: str, case: str, written: str) -> None:
    assert f"{Name(name):{case}}" == written
    assert f"{Name(name)}" == name


@pytest.mark.parametrize(
    ("noun", "spec", "written"),
    [
        ("bilye", "poss", "bilyesi"),
        ("kalem", "poss", "kalemi"),
        ("kitap", "poss", "kitabı"),
        ("top", "poss", "topu"),
        ("tabak", "acc", "tabağı"),
        ("ağaç", "poss", "ağacı"),
        ("armut", "poss", "armudu"),
        ("kart", "dat", "karta"),
        ("çorap", "abl", "çoraptan"),
        ("un", "poss", "unu"),
        ("düğme", "gen", "düğmenin"),
        ("ceviz", "pl", "cevizler"),
        ("elma", "pl.acc", "elmaları"),
        ("oyuncak", "poss.acc", "oyuncağını"),
        ("renk", "poss", "rengi"),
        ("bilye", "poss.abl", "bilyesinden"),
        ("havuç", "poss", "havucu"),
        ("bardak", "pl.gen", "bardakların"),
    ],
)
def test_a_noun_is_softened_and_agrees(noun: str, spec: str, written: str) -> None:
    assert f"{Noun(noun):{spec}}" == written


@pytest.mark.parametrize(
    ("number", "case", "written"),
    [
        (45, "poss.acc", "45'ini"),
        (25, "poss", "25'i"),
        (10, "poss.acc", "10'unu"),
        (20, "poss", "20'si"),
        (50, "poss.acc", "50'sini"),
        (60, "abl", "60'tan"),
        (4, "gen", "4'ün"),
        (3, "loc", "3'te"),
        (100, "dat", "100'e"),
        (0, "abl", "0'dan"),
        (1000, "dat", "1000'e"),
        (140, "gen", "140'ın"),
        (106, "dat", "106'ya"),
        (9, "acc", "9'u"),
    ],
)
def test_a_number_agrees_with_how_it_is_read_aloud(number: int, case: str, written: str) -> None:
    assert f"{Number(number):{case}}" == written


def test_sentences_start_with_a_turkish_capital() -> None:
    assert capitalise_sentences("ip 3 metre. iki parça mı? ıspanak") == "İp 3 metre. İki parça mı? Ispanak"
    assert lower("IĞDIR İzmir") == "ığdır izmir"


def test_what_cannot_be_inflected_is_refused() -> None:
    with pytest.raises(ValueError, match="no vowel"):
        suffix("brr", "gen")
    with pytest.raises(ValueError, match="unknown suffix 'voc'"):
        suffix("elma", "voc")


def test_a_fronted_last_consonant_takes_front_vowels() -> None:
    assert f"{Name('Kemal'):gen}" == "Kemal'in"
    assert f"{Name('Nihal'):dat}" == "Nihal'e"
    assert f"{Noun('saat'):acc}" == "saati"
    assert f"{Name('Halil'):gen}" == "Halil'in"
