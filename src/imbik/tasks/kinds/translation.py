"""Translation from one language into another.

Enters: a text and an assistant's text. Leaves: the translation, without a title such as `Çeviri:` or quotation marks
that the source does not have. Rows have `source` and `target` columns, or columns named by their languages (`tr` and
`en`, `Türkçe` and `İngilizce`); the recipe's `language` is the source's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Completion, Message, Task, TextReference
from imbik.tasks.asking import with_instruction
from imbik.tasks.columns import Shape
from imbik.tasks.kinds import Reading
from imbik.tasks.markers import split_thought
from imbik.tasks.normal import squeeze, words

# Names as columns have them: in the language itself, in Turkish, in English.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "tr": ("türkçe", "turkish"),
    "en": ("english", "ingilizce"),
    "de": ("deutsch", "almanca", "german"),
    "fr": ("français", "fransızca", "french"),
    "es": ("español", "ispanyolca", "spanish"),
    "it": ("italiano", "italyanca", "italian"),
    "ar": ("arapça", "arabic"),
    "ru": ("rusça", "russian"),
    "fa": ("farsça", "persian"),
    "ku": ("kurdî", "kürtçe", "kurdish"),
    "sl": ("slovenščina", "slovence", "slovenian"),
    "hu": ("magyar", "macarca", "hungarian"),
}
_INTO: Mapping[str, Mapping[str, str]] = {
    "tr": {
        "tr": "Türkçeye", "en": "İngilizceye", "de": "Almancaya", "fr": "Fransızcaya", "es": "İspanyolcaya",
        "it": "İtalyancaya", "ar": "Arapçaya", "ru": "Rusçaya", "fa": "Farsçaya", "ku": "Kürtçeye", "sl": "Slovenceye",
        "hu": "Macarcaya",
    },
    "en": {
        "tr": "Turkish", "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian",
        "ar": "Arabic", "ru": "Russian", "fa": "Persian", "ku": "Kurdish", "sl": "Slovenian", "hu": "Hungarian",
    },
    "sl": {
        "tr": "turščino", "en": "angleščino", "de": "nemščino", "fr": "francoščino", "es": "španščino",
        "it": "italijanščino", "ar": "arabščino", "ru": "ruščino", "fa": "perzijščino", "ku": "kurdščino",
        "sl": "slovenščino", "hu": "madžarščino",
    },
    "hu": {
        "tr": "törökre", "en": "angolra", "de": "németre", "fr": "franciára", "es": "spanyolra", "it": "olaszra",
        "ar": "arabra", "ru": "oroszra", "fa": "perzsára", "ku": "kurdra", "sl": "szlovénre", "hu": "magyarra",
    },
}  # fmt: skip
_OTHER = {"tr": "'{code}' diline", "en": "the language '{code}'", "sl": "jezik '{code}'", "hu": "'{code}' nyelvre"}
_ASK = {
    "tr": "Yukarıdaki metni {into} çevir. Anlamı, sayıları ve özel adları koru; yalnızca çeviriyi yaz.",
    "en": "Translate the text above into {into}. Keep its meaning, numbers and names; write only the translation.",
    "sl": "Prevedi zgornje besedilo v {into}. Ohrani pomen, števila in imena; napiši samo prevod.",
    "hu": "Fordítsd le a fenti szöveget {into}. Őrizd meg a jelentést, a számokat és a neveket; csak a fordítást írd "
    "le.",
}
_TITLE = re.compile(
    r"\A[ \t>*_#-]*(?:(?:t(?:ü|u\u0308)rk(?:ç|c\u0327)e|(?:[iİ]|I\u0307)ngilizce|turkish|english)[ \t]+)?"
    r"(?:(?:ç|c\u0327)eviri(?:si)?|terc(?:ü|u\u0308)me|translation|prevod|ford(?:í|i\u0301)t(?:á|a\u0301)s|cevap|answer|"
    r"odgovor|v(?:á|a\u0301)lasz)[ \t]*[*_]*[ \t]*[:：][ \t*_]*\s*",
    re.IGNORECASE,
)
_QUOTES = ('""', "“”", "«»", "''", "„“", "„”")
_CODE = r"^[a-z]{2,3}$"


class Translation:
    """A text in another language."""

    class Settings(PluginSettings):
        """From which language into which."""

        source: str = Field(
            "tr", pattern=_CODE, description="code of the source's language: rows may have such a column"
        )
        target: str = Field("en", pattern=_CODE, description="code of the language to translate into")

    version = 1
    fields: tuple[Shape, ...] = (
        {"prompt": "source", "answer": "target"},
        {"prompt": "source", "answer": "translation"},
        {"prompt": "text", "answer": "translation"},
        {"instruction": "instruction", "prompt": "input", "answer": "output"},
        {"prompt": "input", "answer": "output"},
        {"prompt": "prompt", "answer": "response"},
    )
    checks = ("shape", "duplicates", "leakage")
    metrics = ("chrf", "bleu")
    open_text = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        pairs = product(_columns(settings.source), _columns(settings.target))
        named: tuple[Shape, ...] = tuple({"prompt": one, "answer": other} for one, other in pairs if one != other)
        self.fields = (*named, *Translation.fields)

    def reference(self, fields: Mapping[str, str]) -> TextReference | None:
        """The known translation, as it stands."""
        text = (fields.get("answer") or fields.get("label") or "").strip()
        return TextReference(text=text) if text else None

    def question(self, task: Task, *, reasoning: bool, instruction: str | None) -> tuple[Message, ...]:  # noqa: ARG002
        """The text, then the language to put it into; steps are not asked for."""
        if instruction is None:
            language = task.language.split("-")[0]
            language = language if language in _ASK else "en"
            target = self.settings.target
            into = _INTO[language].get(target) or _OTHER[language].format(code=target)
            instruction = _ASK[language].format(into=into)
        return with_instruction(task.messages, instruction)

    def choices(self, task: Task) -> tuple[str, ...]:  # noqa: ARG002
        """Any text is allowed."""
        return ()

    def read(self, completion: Completion, task: Task) -> Reading:
        """The text without a title, and without quotation marks around all of it that the source does not have."""
        _, shown = split_thought(completion.answer)
        text = _TITLE.sub("", shown).strip()
        if _quoted(text) and not _quoted(task.messages[-1].content.strip()):
            text = text[1:-1].strip()
        return Reading("", text)

    def render(self, reasoning: str, answer: str, task: Task) -> str:  # noqa: ARG002
        """The translation alone."""
        return answer

    def canonical(self, answer: str, task: Task) -> str:  # noqa: ARG002
        """Words without case and punctuation."""
        return words(answer) or squeeze(answer)


def _quoted(text: str) -> bool:
    """Whether one pair of quotation marks stands around all of a text."""
    return len(text) > 2 and text[0] + text[-1] in _QUOTES and not set(text[1:-1]) & {text[0], text[-1]}


def _columns(code: str) -> tuple[str, ...]:
    """What a column of a language may be called, in the form in which columns are compared."""
    return tuple(dict.fromkeys([code, *(words(name) for name in _NAMES.get(code, ()))]))
