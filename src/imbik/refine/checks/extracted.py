"""Extracted: is the answer the JSON that was asked for, and does every entity stand in the text?

Enters: one sample. Leaves: a verdict that names what does not fit: the schema, a type or a field that the recipe does
not know, or an entity that the text does not hold. `Ankara` stands in `Ankara'ya`, `kitap` in `kitabı`: Turkish endings
may follow, and the last consonant may soften before them. A vowel that drops (`burun`, `burnu`) is not followed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from pydantic import Field

from imbik.ask.shape import validator
from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Verdict
from imbik.refine.checks import CheckContext
from imbik.tasks.kinds.extraction import entities, leaves, parsed
from imbik.tasks.normal import fold, squeeze

_SOFT = {"p": "b", "ç": "c", "t": "d", "k": "[gğ]"}
_PLURAL, _OWNER = "(?:l[ae]r)?", "(?:s?[iuü]|[iuü]?m(?:[iuü]z)?|[iuü]?n(?:[iuü]z)?)?"
_CASE = "(?:[yn]?[iuüae]|n?[dt][ae]n?|n?[iuü]n|y?l[ae]|c[ae]|ç[ae]|n?[dt][ae]ki)?"
_MADE, _IS = "(?:l[iuü]k?|[cç][iuü])?", "(?:[dt][iuü]r)?"
_ENDING = {"tr": f"{_MADE}{_PLURAL}{_OWNER}{_CASE}{_IS}", "en": "(?:s|es)?"}
_ANY_ENDING = r"\w{0,5}"  # of languages that inflect, and whose endings are not known here


class Extracted:
    """JSON that fits, of entities that the text holds."""

    class Settings(PluginSettings):
        """What has to stand in the text."""

        occur: bool = Field(True, description="every entity has to stand in the text, with or without an ending")
        values_occur: bool = Field(False, description="the values of a form have to stand in the text, too")

    version = 1
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:
        """Rejects with the first thing that does not fit."""
        return Verdict(by="extracted", keep=not (reason := self._fault(sample, context)), reason=reason)

    def _fault(self, sample: Sample, context: CheckContext) -> str:
        value = parsed(sample.answer)
        if value is None:
            return "the answer is no JSON list or object"
        if sample.task.schema and (error := _misfit(value, sample.task.schema)):
            return error
        wanted = context.kind.settings if hasattr(context.kind, "settings") else None
        names, types = list(getattr(wanted, "fields", [])), list(getattr(wanted, "types", []))
        if isinstance(value, dict):
            unknown = [key for key in value if names and key not in names]
            if unknown:
                return f"there is no field '{unknown[0]:.60}' among those asked for ({', '.join(names)})"
            texts = sorted(text for _, text in leaves(value)) if self.settings.values_occur else []
        else:
            found = entities(value)
            if len(found) < len({str(item) for item in value}) and not all(map(entities, ([item] for item in value))):
                return "an item of the list is no entity with a text and a type"
            allowed = {squeeze(fold(name)) for name in types}
            for text, kind in sorted(found):
                if allowed and kind not in allowed:
                    return f"'{text:.60}' has the type '{kind:.40}', none of those asked for ({', '.join(types)})"
            texts = sorted(text for text, _ in found) if self.settings.occur else []
        body = squeeze(fold(sample.task.passage or sample.task.text))
        missing = next((text for text in texts if not _stands(text, body, sample.task.language)), "")
        return f"'{missing:.80}' does not stand in the text" if missing else ""


def _misfit(value: Any, schema: str) -> str:
    first = next(iter(validator(schema).iter_errors(value)), None)
    return f"the answer does not fit the schema at {first.json_path} ({first.validator})" if first else ""


def _stands(text: str, body: str, language: str) -> bool:
    """Whether a folded text stands in a folded body at the beginning of a word, with at most an ending after it."""
    return _pattern(text, language.split("-")[0]).search(body) is not None


@lru_cache(maxsize=4096)
def _pattern(text: str, language: str) -> re.Pattern[str]:
    ending = _ENDING.get(language, _ANY_ENDING)
    whole = re.escape(text)
    before = r"(?<!\w)" if text[:1].isalnum() else ""
    forms = [rf"{whole}(?:['’]\w{{1,12}}|{ending})(?!\w)"]
    if language == "tr" and text[-1:] in _SOFT:
        forms.append(rf"{re.escape(text[:-1])}{_SOFT[text[-1]]}(?=[aeiioöuü]){ending}(?!\w)")
    return re.compile(before + "(?:" + "|".join(forms) + ")")
