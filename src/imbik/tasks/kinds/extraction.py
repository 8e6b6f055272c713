"""Extraction: names of people, places, dates … in a text, or fields of a form, as JSON.

Enters: a text and an assistant's JSON. Leaves: it in one normal form: a list of `{"text": …, "type": …}` for named
entities, an object of fields for forms. A row's known answer is such a list or object (`[["Ankara", "yer"]]` and
`{"yer": ["Ankara"]}` are read too, where `types` names the types). Order and repeats do not count in either, nor does
case; a value is compared as text, so that `5` and `"5"` are one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Completion, Message, Task, TextReference
from imbik.tasks.asking import with_instruction, worded
from imbik.tasks.columns import QUESTION_SHAPES
from imbik.tasks.kinds import Reading
from imbik.tasks.markers import split_answer, split_thought
from imbik.tasks.normal import fold, squeeze
from imbik.tasks.rows import BadRowError

_FENCED = re.compile(r"^```[\w+-]*[ \t]*\n(?P<body>.*?)(?:^```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_LONGEST = 200_000
_ENTITIES = {
    "tr": "Yukarıdaki metinde geçen adları bul ve yalnızca şu biçimde JSON yaz; adlar metinde geçtiği gibi, "
    'eksiz olsun:\n[{{"text": "…", "type": "…"}}]\nHiçbiri yoksa [] yaz.{types}',
    "en": "Find the names in the text above and write only JSON of this form, each name as it stands in the text:\n"
    '[{{"text": "…", "type": "…"}}]\nWrite [] if there is none.{types}',
    "sl": "V zgornjem besedilu poišči imena in napiši samo JSON v tej obliki:\n"
    '[{{"text": "…", "type": "…"}}]\nČe jih ni, napiši [].{types}',
    "hu": "Keresd meg a fenti szövegben a neveket, és csak ilyen alakú JSON-t írj:\n"
    '[{{"text": "…", "type": "…"}}]\nHa nincs egy sem, írj []-t.{types}',
}
_TYPES = {"tr": "\nTürler: {}", "en": "\nTypes: {}", "sl": "\nVrste: {}", "hu": "\nTípusok: {}"}
_FIELDS = {
    "tr": "Yukarıdaki metinden şu alanları çıkar ve yalnızca bir JSON nesnesi yaz; "
    "metinde olmayanı null bırak:\n{fields}",
    "en": "Take these fields from the text above and write only one JSON object; "
    "null where the text has none:\n{fields}",
    "sl": "Iz zgornjega besedila izlušči ta polja in napiši samo en objekt JSON; česar ni, naj bo null:\n{fields}",
    "hu": "Szedd ki a fenti szövegből ezeket a mezőket, és csak egy JSON-objektumot írj; "
    "ami nincs, legyen null:\n{fields}",
}


class Extraction:
    """Named entities, or fields of a form, as JSON."""

    class Settings(PluginSettings):
        """What is looked for; without `fields` it is named entities."""

        types: list[str] = Field([], description="types of entities (kişi, yer, kurum, tarih); empty: any")
        fields: list[str] = Field([], description="fields of a form (ad, tutar, son_tarih) in place of entities")

    version = 1
    fields = QUESTION_SHAPES
    checks = ("shape", "extracted", "answer", "duplicates", "leakage")
    metrics = ("entity_f1", "field_f1")
    json = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def reference(self, fields: Mapping[str, str]) -> TextReference | None:
        """The known entities or fields.

        Raises: BadRowError for what is no JSON list or object.
        """
        text = (fields.get("answer") or fields.get("label") or "").strip()
        if not text:
            return None
        value = parsed(text)
        if value is None:
            raise BadRowError("not JSON", f"'{text[:60]}' is neither a list of entities nor an object of fields")
        return TextReference(text=written(value), reasoning=fields.get("reasoning", "").strip())

    def question(self, task: Task, *, reasoning: bool, instruction: str | None) -> tuple[Message, ...]:  # noqa: ARG002
        """The text, with what to find below it; an answer is JSON alone, so steps are not asked for."""
        if instruction is None:
            if self.settings.fields:
                instruction = worded(_FIELDS, task.language).format(fields=", ".join(self.settings.fields))
            else:
                named = ", ".join(self.settings.types)
                types = worded(_TYPES, task.language).format(named) if named else ""
                instruction = worded(_ENTITIES, task.language).format(types=types)
        return with_instruction(task.messages, instruction)

    def choices(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002 - the contract of kinds
        """Any JSON is allowed."""
        return ()

    def read(self, completion: Completion, task: Task) -> Reading:  # noqa: ARG002
        """The last JSON list or object of the text, as it is written; what stands before is reasoning."""
        thought, shown = split_thought(completion.answer)
        before, found = _last_json(shown)
        before = before or thought or completion.reasoning.strip()
        return Reading(before, "" if found is None else written(found))

    def render(self, reasoning: str, answer: str, task: Task) -> str:  # noqa: ARG002
        """The JSON alone; reasoning before it in `<think>`."""
        return f"<think>\n{reasoning}\n</think>\n\n{answer}" if reasoning else answer

    def canonical(self, answer: str, task: Task) -> str:  # noqa: ARG002
        """Equal for the same entities in any order, and for the same fields."""
        value = parsed(answer)
        if value is None:
            return ""
        if isinstance(value, list):
            return json.dumps(sorted(entities(value)), ensure_ascii=False)
        return json.dumps(sorted(leaves(value)), ensure_ascii=False)


def parsed(text: str) -> list[Any] | dict[str, Any] | None:
    """The JSON list or object that a text is; None where it is none."""
    if len(text) > _LONGEST:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list | dict) else None


def written(value: list[Any] | dict[str, Any]) -> str:
    """One spelling: entities as `{"text", "type"}`, in the order in which they were found."""
    if isinstance(value, list) and value and all(_entity(item) for item in value):
        value = [{"text": text, "type": kind} for item in value for text, kind in [_entity(item) or ("", "")]]
    return json.dumps(value, ensure_ascii=False)


def entities(value: list[Any] | dict[str, Any]) -> set[tuple[str, str]]:
    """(folded text, folded type) of each entity; fields of a form count as entities of their name."""
    if isinstance(value, dict):
        return {(text, path) for path, text in leaves(value)}
    found = [_entity(item) for item in value]
    return {(squeeze(fold(text)), squeeze(fold(kind))) for text, kind in filter(None, found)}


def leaves(value: object, path: str = "") -> set[tuple[str, str]]:
    """(path, folded value) of all values of an object; null and empty text say that there is none."""
    if isinstance(value, dict):
        return {leaf for key, inner in value.items() for leaf in leaves(inner, f"{path}.{key}" if path else str(key))}
    if isinstance(value, list):
        return {leaf for inner in value for leaf in leaves(inner, f"{path}[]")}
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None else squeeze(fold(str(value)))
    return {(path, text)} if text else set()


def _entity(item: object) -> tuple[str, str] | None:
    """Text and type of `{"text", "type"}` in its usual spellings, or of a pair; None for anything else."""
    if isinstance(item, list) and len(item) == 2 and all(isinstance(part, str) for part in item):
        return str(item[0]), str(item[1])
    if not isinstance(item, dict):
        return None
    text = next((item[key] for key in ("text", "metin", "ad", "name", "entity", "word") if key in item), None)
    kind = next((item[key] for key in ("type", "tür", "tur", "label", "etiket", "category") if key in item), "")
    return (text, kind) if isinstance(text, str) and isinstance(kind, str) and text.strip() else None


def _last_json(text: str) -> tuple[str, list[Any] | dict[str, Any] | None]:
    """What stands before the last JSON list or object of a text, and that."""
    for block in reversed([*_FENCED.finditer(text)]):
        if (value := parsed(block["body"].strip())) is not None:
            return text[: block.start()].strip(), value
    if (value := parsed(text)) is not None:
        return "", value
    before, after = split_answer(text)
    if after and (value := parsed(after)) is not None:
        return before, value
    return _embedded(text[:_LONGEST])


def _embedded(text: str) -> tuple[str, list[Any] | dict[str, Any] | None]:
    """The last list or object among other words, from its outermost bracket on."""
    decoder, at, found = json.JSONDecoder(), 0, None
    starts = [match.start() for match in re.finditer(r"[\[{]", text)][:1000]
    for start in starts:
        if start < at:
            continue
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        at, found = end, (text[:start].strip(), value)
    return found or (text.strip(), None)
