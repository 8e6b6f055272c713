"""The words of the review's pages: every check has a name in both languages, and there is no name without a check."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from imbik.core.plugins import available
from imbik.web.words import LANGUAGES


def test_every_check_has_a_name_in_both_languages() -> None:
    table = tomllib.loads(files("imbik.review").joinpath("words.toml").read_text(encoding="utf-8"))
    named = {key.removeprefix("check_"): said for key, said in table.items() if key.startswith("check_")}
    verdicts = {"passed", "objects"}  # what is said beside a check's name
    assert named.keys() - verdicts == set(available("refine/checks"))
    assert all(said.get(language, "").strip() for said in named.values() for language in LANGUAGES)
