"""Rubrics: what an answer is judged by, each criterion with written anchors for its marks from 1 to 5.

Enters: what a recipe says: names (`[doğruluk, açıklık]`), criteria in the user's own words (`{kısalık: {what: …,
anchors: {1: …, 5: …}}}`), or a YAML file with such criteria. Leaves: a Rubric, worded for a task's language. A name
that ships with imbik has anchors in Turkish and English; any other stands as the user wrote it, with general ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from imbik.core.errors import RecipeError
from imbik.core.misspelt import closest
from imbik.core.strict_yaml import YamlError, read_yaml
from imbik.core.types import Record
from imbik.tasks.normal import fold, squeeze

MARKS = (1, 2, 3, 4, 5)
LANGUAGES = ("tr", "en")
_LONGEST_NAME = 60
_KEYS = ("what", "anchors")
_GENERAL = {
    "tr": {1: "hiç karşılamıyor", 2: "pek az karşılıyor", 3: "kısmen karşılıyor", 4: "büyük ölçüde karşılıyor",
           5: "bütünüyle karşılıyor"},
    "en": {1: "not at all", 2: "hardly", 3: "in part", 4: "for the most part", 5: "in full"},
}  # fmt: skip


class Criterion(Record, frozen=True, kw_only=True):
    """One thing that is judged: its name as the answer's JSON has it, what it asks, and what the marks mean."""

    name: str
    what: str
    anchors: dict[int, str]


class Rubric(Record, frozen=True, kw_only=True):
    """Criteria by language (`tr`, `en`), the same names in each."""

    worded: dict[str, tuple[Criterion, ...]]

    def of(self, language: str) -> tuple[Criterion, ...]:
        """The criteria as they are put to a judge of a text in this language: Turkish, else English."""
        return self.worded["tr" if language.split("-")[0] == "tr" else "en"]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the criteria, in the order of the recipe."""
        return tuple(item.name for item in self.worded["en"])


def rubric_of(value: str | Sequence[str] | Mapping[str, Any], base: Path) -> Rubric:
    """The rubric that a recipe names; a text is a file, found from the recipe's folder.

    Raises: RecipeError for a file that is not there or holds none, and for criteria that cannot be one.
    """
    where = "rubric"
    if isinstance(value, str):
        where = value
        value = _read(base / Path(value).expanduser())
    if isinstance(value, Mapping):
        made = {squeeze(str(name)): _own(str(name), item, where) for name, item in value.items()}
    else:  # a recipe that was copied into a run folder writes whatever exists there as a whole path
        made = {squeeze(Path(name).name): _named(squeeze(Path(name).name)) for name in value}
    if not made or len(made) < len(value):
        raise RecipeError("a rubric is a list of different criteria, one or more", where=where)
    if bad := [name for name in made if not name or len(name) > _LONGEST_NAME]:
        raise RecipeError(f"a criterion's name has 1 to {_LONGEST_NAME} characters, not '{bad[0]:.80}'", where=where)
    return Rubric(worded={language: tuple(item[language] for item in made.values()) for language in LANGUAGES})


def shipped() -> tuple[str, ...]:
    """The criteria that ship with imbik: every name that is understood."""
    return tuple(name for entry in _shipped() for name in entry["names"])


@cache
def _shipped() -> tuple[dict[str, Any], ...]:
    text = files("imbik.judge").joinpath("rubrics.yaml").read_text(encoding="utf-8")
    return tuple(read_yaml(text)[0])


def _named(name: str) -> dict[str, Criterion]:
    """A shipped criterion under the user's name for it; another one with general anchors."""
    for entry in _shipped():
        if fold(name) in map(fold, entry["names"]):
            return {
                language: Criterion(name=name, what=entry[language]["what"], anchors=dict(entry[language]["anchors"]))
                for language in LANGUAGES
            }
    return {language: Criterion(name=name, what=name, anchors=_GENERAL[language]) for language in LANGUAGES}


def _own(name: str, item: Any, where: str) -> dict[str, Criterion]:
    """A criterion in the user's words, the same in every language; a shipped name alone is that."""
    if item is None:
        return _named(squeeze(name))
    if isinstance(item, Mapping) and (unknown := [str(key) for key in item if key not in _KEYS]):
        raise RecipeError(
            f"criterion '{name:.60}': unknown key '{unknown[0]:.60}'; {closest(unknown[0], _KEYS)}",
            where=where,
            next="write it as {what: …, anchors: {1: …, 5: …}}",
        )
    known = isinstance(item, Mapping) and str(item.get("what") or "").strip()
    anchors = item.get("anchors", {}) if isinstance(item, Mapping) else {}
    try:
        marks = {int(mark): str(text) for mark, text in anchors.items()}
    except (AttributeError, ValueError):
        marks = {0: ""}
    if not known or not set(marks) <= set(MARKS):
        raise RecipeError(
            f"criterion '{name:.60}' is not written as {{what: …, anchors: {{1: …, 5: …}}}} (anchors: marks 1 to 5)",
            where=where,
            next="say under `what` what is asked of an answer; shipped criteria need a name only: "
            + ", ".join(entry["names"][0] for entry in _shipped()),
        )
    written = dict(sorted(marks.items()))
    made = Criterion(name=squeeze(name), what=str(item["what"]), anchors=written)
    return {
        language: made if written else Criterion(name=made.name, what=made.what, anchors=_GENERAL[language])
        for language in LANGUAGES
    }


def _read(path: Path) -> Any:
    try:
        data, _ = read_yaml(path.read_bytes())
    except OSError as error:
        raise RecipeError(
            f"the rubric cannot be read ({error.strerror}); one name is written as a list: rubric: [doğruluk]",
            where=str(path),
        ) from None
    except YamlError as error:
        raise RecipeError(error.what, where=f"{path}:{error.line}", next=error.advice) from None
    if not isinstance(data, Mapping | list):
        raise RecipeError("no rubric in it", where=str(path), next="write NAME: {what: …, anchors: {1: …, 5: …}}")
    return data
