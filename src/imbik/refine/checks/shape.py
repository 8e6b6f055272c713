"""Shape: is there an answer, is it as long as it should be, and does it end without going round in circles?

Enters: one sample. Leaves: a verdict. The prompt's own `<cevap>`, given back, is no answer. Lengths are counted in
words, characters, or tokens (words and signs: the student's own tokenizer may not exist yet); 0 means no bound.
"""

from __future__ import annotations

import re

from pydantic import Field, model_validator

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Verdict
from imbik.refine.checks import CheckContext

_TOKEN = re.compile(r"\w+|[^\w\s]")
_FORM = re.compile(
    "<(cevap|sonuç|etiket|answer|result|label|odgovor|rezultat|oznaka|válasz|eredmény|címke)>", re.IGNORECASE
)
_LONGEST_LOOP = 60
_PARTS = ("reasoning", "answer")
_UNITS = ("words", "characters", "tokens")


class Shape:
    """Lengths of reasoning and answer, empty answers, repeated endings."""

    class Settings(PluginSettings):
        """Bounds by part and unit, such as `min_reasoning_tokens: 16`; 0 is no bound."""

        min_reasoning_words: int = Field(0, ge=0, description="fewest words of the reasoning")
        max_reasoning_words: int = Field(0, ge=0, description="most words of the reasoning")
        min_reasoning_characters: int = Field(0, ge=0, description="fewest characters of the reasoning")
        max_reasoning_characters: int = Field(0, ge=0, description="most characters of the reasoning")
        min_reasoning_tokens: int = Field(0, ge=0, description="fewest tokens of the reasoning")
        max_reasoning_tokens: int = Field(0, ge=0, description="most tokens of the reasoning")
        min_answer_words: int = Field(0, ge=0, description="fewest words of the final answer")
        max_answer_words: int = Field(0, ge=0, description="most words of the final answer")
        min_answer_characters: int = Field(0, ge=0, description="fewest characters of the final answer")
        max_answer_characters: int = Field(0, ge=0, description="most characters of the final answer")
        min_answer_tokens: int = Field(0, ge=0, description="fewest tokens of the final answer")
        max_answer_tokens: int = Field(0, ge=0, description="most tokens of the final answer")
        empty: bool = Field(False, description="keep samples without a final answer")
        repeats: int = Field(5, ge=0, description="an ending said this often in a row is a loop (0: do not look)")

        @model_validator(mode="after")
        def _ordered(self) -> Shape.Settings:
            for name in (f"{part}_{unit}" for part in _PARTS for unit in _UNITS):
                low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
                if high and low > high:
                    raise ValueError(f"min_{name} is larger than max_{name}")
            return self

    version = 2
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        names = [(part, unit) for part in _PARTS for unit in _UNITS]
        self._bounds = [
            (part, unit, low, high)
            for part, unit in names
            if (low := getattr(settings, f"min_{part}_{unit}")) | (high := getattr(settings, f"max_{part}_{unit}"))
        ]

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:  # noqa: ARG002 - the contract of row checks
        """Rejects with the measured length and the bound."""
        return Verdict(by="shape", keep=not (reason := self._fault(sample)), reason=reason)

    def _fault(self, sample: Sample) -> str:
        if not self.settings.empty and not sample.answer.strip():
            return "there is no final answer"
        if _FORM.fullmatch(sample.answer.strip()):
            return f"the form '{sample.answer.strip()}' was given back instead of an answer"
        for part, unit, low, high in self._bounds:
            length = _length(sample.reasoning if part == "reasoning" else sample.answer, unit)
            if length < low:
                return f"the {part} has {length} {unit}, fewer than {low}"
            if high and length > high:
                return f"the {part} has {length} {unit}, more than {high}"
        for text in (sample.reasoning, sample.answer):
            if loop := repeated_ending(text, self.settings.repeats):
                return f"it ends in a loop: '{loop:.60}' {self.settings.repeats} times or more"
        return ""


def _length(text: str, unit: str) -> int:
    if unit == "characters":
        return len(text)
    return len(text.split()) if unit == "words" else sum(1 for _ in _TOKEN.finditer(text))


def repeated_ending(text: str, times: int) -> str:
    """The shortest run of words that stands `times` times in a row at the end of a text, or ""."""
    if times < 2 or len(text) < 2 * times:
        return ""
    words = text[-12 * _LONGEST_LOOP * times :].split()
    for size in range(1, min(_LONGEST_LOOP, len(words) // times) + 1):
        unit = words[-size:]
        if words[-size * times :] == unit * times and not (size == 1 and not unit[0].strip("0123456789.,")):
            return " ".join(unit)
    return ""
