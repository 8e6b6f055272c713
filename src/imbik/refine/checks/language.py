"""Language: is the reasoning in the language that was asked for, and the answer too, from their first to last sentence?

Enters: one sample. Leaves: a verdict that names the language found and shows some words in it; `score` is the share of
passages in the right language. Short answers, labels, JSON, programs and formulas are not judged. The language is the
task's own where the recipe names none; a translation's is the one translated into.
"""

from __future__ import annotations

from pydantic import ConfigDict, Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import ProgramReference, Sample, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.tongue import Passages, knows, passages

_NAMES = {"tr": "Turkish", "en": "English", "sl": "Slovenian", "hu": "Hungarian", "de": "German", "fr": "French",
          "es": "Spanish", "it": "Italian", "ru": "Russian", "ar": "Arabic", "az": "Azerbaijani", "ku": "Kurdish",
          "fa": "Persian", "nl": "Dutch", "hr": "Croatian", "zh": "Chinese", "ja": "Japanese"}  # fmt: skip
_CODE = r"^([a-z]{2,3})?$"


class Language:
    """Rejects texts in another language, or partly in one."""

    class Settings(PluginSettings):
        """Which language, and how much of another may be there."""

        model_config = ConfigDict(populate_by_name=True)

        wanted: str = Field(
            "", alias="is", pattern=_CODE, description="language of reasoning and answer (ISO 639-1; empty: the task's)"
        )
        reasoning: str = Field("", pattern=_CODE, description="language of the reasoning, where it is another")
        answer: str = Field("", pattern=_CODE, description="language of the answer, where it is another")
        at_least: float = Field(0.8, gt=0, le=1, description="share of passages that must be in the language")
        fewest_words: int = Field(8, ge=4, description="words that a text needs to be judged")

    version = 2
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:
        """Rejects with the language found."""
        own = sample.task.language.split("-")[0].lower()
        settings = self.settings
        target = str(getattr(getattr(context.kind, "settings", None), "target", ""))
        texts = [("reasoning", sample.reasoning, settings.reasoning or settings.wanted or own)]
        if settings.answer or not _is_form(sample, context):
            texts.append(("answer", sample.answer, settings.answer or settings.wanted or target or own))
        score = None
        for part, text, wanted in texts:
            if len(text) < 2 * settings.fewest_words or not knows(wanted):
                continue
            found = passages(text, wanted, settings.fewest_words)
            if found.wanted + found.others:
                score = min(found.share, 1.0 if score is None else score)
            if found.share < settings.at_least:
                return Verdict(by="language", keep=False, reason=_told(part, found, wanted), score=found.share)
        return Verdict(by="language", keep=True, score=score)


def _is_form(sample: Sample, context: CheckContext) -> bool:
    """Whether the answer is no prose: a label, JSON or a program."""
    form = isinstance(sample.task.reference, ProgramReference) or bool(sample.task.schema)
    return form or bool(getattr(context.kind, "json", False)) or bool(context.kind.choices(sample.task))


def _told(part: str, found: Passages, wanted: str) -> str:
    language, name = _NAMES.get(found.language, f"'{found.language}'"), _NAMES.get(wanted, f"'{wanted}'")
    if not found.wanted:
        return f"the {part} is in {language}, not in {name}: '{found.shown:.80}'"
    judged = found.wanted + found.others
    return f"{found.others} of {judged} passages of the {part} are in {language}, not in {name}: '{found.shown:.80}'"
