"""The language of texts is seen in the texts; headers speak where texts do not."""

from __future__ import annotations

import unicodedata

import pytest

from imbik.tasks.languages import guess_language


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Kartım kayboldu, ne yapmam gerekiyor ve yenisi kaç günde gelir?", "tr"),
        ("kartim kayboldu ne yapmam lazim, yenisi kac gunde gelir", "tr"),
        (unicodedata.normalize("NFD", "Fatura yanlış kesildi"), "tr"),
        ("What is the status of my card and how do I get a new one?", "en"),
        ("Kje je moja kartica in kako jo dobim? Ali je že na poti?", "sl"),
        ("Hol van a kártyám, és hogy kapom meg az újat? Ez nem jó.", "hu"),
    ],
)
def test_languages(text: str, code: str) -> None:
    assert guess_language([text]) == code


def test_headers_speak_where_texts_do_not() -> None:
    assert guess_language(["X-12", "Y-13"], ["Müşteri Mesajı", "Kategori"]) == "tr"
    assert guess_language(["X-12", "Y-13"], ["a", "b"]) == "en"
