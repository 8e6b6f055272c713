"""The words of the interface, in Turkish and English.

Enters: a table (TOML: a key, and its words by language) and what a browser says of its reader. Leaves: the words of one
language; a key without words in every language is an error when the table is read, not a blank on somebody's page.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

LANGUAGES = ("tr", "en")
COOKIE = "imbik-language"


class Words(Mapping[str, str]):
    """The words of one language by key; `words("left", n=3)` fills `{n}` in."""

    def __init__(self, language: str, said: Mapping[str, str]) -> None:
        self.language, self._said = language, said

    def __getitem__(self, key: str) -> str:
        return self._said[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._said)

    def __len__(self) -> int:
        return len(self._said)

    def __call__(self, key: str, **values: object) -> str:
        """The words with values in their places."""
        return self._said[key].format(**values)


@cache
def words_of(language: str, *packages: str) -> Words:
    """Words of `words.toml` in each of the packages, later ones over earlier ones, with those of imbik.web first.

    Raises: KeyError for a key that lacks a language.
    """
    said: dict[str, str] = {}
    for package in ("imbik.web", *packages):
        table = tomllib.loads(files(package).joinpath("words.toml").read_text(encoding="utf-8"))
        said.update({key: entry[language] for key, entry in table.items()})
    return Words(language, said)


def choose(cookie: str, accepted: str) -> str:
    """The language of a page: the one chosen, else the first that the browser asks for and that there is."""
    if cookie in LANGUAGES:
        return cookie
    for part in accepted.split(","):
        if (found := part.partition(";")[0].strip().lower()[:2]) in LANGUAGES:
            return found
    return "en"
