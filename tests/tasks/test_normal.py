"""Normal forms: what a person calls the same text is the same, in Turkish too."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.tasks.normal import fold, same_text_key, squeeze, words


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("İADE", "iade"),
        ("IŞIK", "ışık"),
        ("ÇAĞRI MERKEZİ", "çağrı merkezi"),
        ("Kőbánya", "KŐBÁNYA"),
        ("žival", "ŽIVAL"),
        ("ﬁyat", "fiyat"),
    ],
)
def test_casing_folds(left: str, right: str) -> None:
    assert fold(left) == fold(right)


def test_words_set_signs_aside() -> None:
    assert words("Kartım_gelmedi,\n neden?!") == "kartım gelmedi neden".replace("ı", "i")
    assert squeeze(" iki\t\nsatır ") == "iki satır"
    assert same_text_key("?!") == "?!" != same_text_key("!!")


@given(st.text(alphabet="aıiİIçğöşüÇĞÖŞÜőűčž .,!?-_1234\n", max_size=40))
def test_composed_and_decomposed_are_one(text: str) -> None:
    parts = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    assert len({fold(part) for part in parts}) == 1
    assert len({same_text_key(part) for part in parts}) == 1
    assert words(words(text)) == words(text)
