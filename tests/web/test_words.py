"""Words in both languages: the same keys, the same places for values, and a language for every browser."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files

import pytest

from imbik.web.words import LANGUAGES, choose, words_of

PACKAGES = ("imbik.web", "imbik.review")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_key_is_said_in_every_language_with_the_same_values(package: str) -> None:
    table = tomllib.loads(files(package).joinpath("words.toml").read_text())
    for key, entry in table.items():
        assert set(entry) == set(LANGUAGES), key
        assert all(text.strip() for text in entry.values()), key
        assert not hasattr(Mapping, key), f"{key}: a template would be given the mapping's own method"
        assert len({tuple(sorted(re.findall(r"{\w+}", text))) for text in entry.values()}) == 1, key


@pytest.mark.parametrize("package", PACKAGES[1:])
def test_every_word_that_a_page_uses_is_there_and_every_word_is_used(package: str) -> None:
    used: set[str] = set()
    for folder in ("templates", "static"):
        for place in ("imbik.web", package):
            for item in files(place).joinpath(folder).iterdir():
                text = item.read_text()
                used |= set(re.findall(r"words\.(\w+)", text)) | set(re.findall(r'say\("(\w+)"', text))
                used |= set(re.findall(r'action\("(\w+)"', text))
    there = set(words_of("tr", package))
    assert used <= there
    by_name = {key for key in there if key.startswith(("reason_", "role_", "theme_", "chose_", "check_", "mark_"))} | {
        "check",
        "category",
        "teacher",
    }
    refusals = {"taken", "judged", "gone"}
    assert there - used - by_name - refusals == set()


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [("", "tr-TR,tr;q=0.9,en;q=0.8", "tr"), ("", "de,en-GB;q=0.7,tr;q=0.3", "en"), ("en", "tr", "en"),
     ("xx", "tr", "tr"), ("", "", "en"), ("", "de", "en")],
)  # fmt: skip
def test_the_language_of_a_page(cookie: str, accepted: str, language: str) -> None:
    assert choose(cookie, accepted) == language


def test_values_take_their_places() -> None:
    assert words_of("tr", "imbik.review")("done_aside", n=3) == "Sonraya bıraktığınız 3 satıra bak"
