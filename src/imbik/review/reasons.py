"""Reasons of checks in the language of the page: what a check wrote by a template is read back and worded anew.

Enters: a check's name as a verdict has it, its reason, a language. Leaves: the reason in that language, or "" where
`reasons.toml` has no template for it: then it is shown as it was written. Verdicts keep their one wording, so that
files, reports and other tools say the same as before; the tests make the checks say each of these reasons.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

_WRITTEN = "en"
_FIGURES = {"count", "share"}
_LONGEST = 2_000
_VALUE = re.compile(r"\\\{(\w+)\\\}")
_MORE = re.compile(r"(.+) \(and (\d+) more\)", re.DOTALL)
_AND_MORE = {"tr": "{reason} (ve {count} tane daha)"}
_SECOND = re.compile(r"-\d+$")


def reason_in(language: str, by: str, reason: str) -> str:
    """The reason in a language; "" where it is not known how a check says it there, or it is written in it."""
    if not reason or len(reason) > _LONGEST or language == _WRITTEN:
        return ""
    check = _SECOND.sub("", by)  # the second check of a kind is called `grounded-2`
    if (more := _MORE.fullmatch(reason)) and language in _AND_MORE:
        worded = _worded(language, check, more[1])
        return _AND_MORE[language].format(reason=worded, count=more[2]) if worded else ""
    return _worded(language, check, reason) or _list_in(language, check, reason)


def _list_in(language: str, check: str, reason: str) -> str:
    """Several things with commas between them, each of which is known."""
    parts = [_worded(language, check, part) for part in reason.split(", ")]
    return ", ".join(parts) if all(parts) else ""


def _worded(language: str, check: str, reason: str) -> str:
    kinds: Mapping[str, Mapping[str, str]] = _table()["kinds"]
    for written, worded in _templates(language, check):
        if found := written.fullmatch(reason):
            values = found.groupdict()
            if "kind" in values:
                values["kind"] = kinds[values["kind"]][language]
            return worded.format(**values)
    return ""


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("imbik.review").joinpath("reasons.toml").read_text(encoding="utf-8"))


@cache
def _templates(language: str, check: str) -> list[tuple[re.Pattern[str], str]]:
    """What a check writes, as a pattern, and the same in a language."""
    kinds = "|".join(_table()["kinds"])
    lines = _table().get(check, []) if check != "kinds" else []
    return [
        (re.compile(_VALUE.sub(lambda name: _group(name[1], kinds), re.escape(line["en"])), re.DOTALL), line[language])
        for line in lines
        if language in line
    ]


def _group(name: str, kinds: str) -> str:
    """What may stand for a value: one of the kinds of claims, figures, or any words."""
    shape = kinds if name == "kind" else r"\d+" if name in _FIGURES else ".+?"
    return f"(?P<{name}>{shape})"
