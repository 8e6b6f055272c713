"""Refusal: the answer declines to answer, or says that a machine wrote it ("as an AI", "bir yapay zekâ modeli olarak").

Enters: one sample. Leaves: a verdict that shows the sentence, with a span on it. A student that learns such sentences
says them where its teacher would not. Only the first person refuses: a text about refusing, or one that quotes it, is
let pass (see `refine.phrases.refusals`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Span, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.phrases.refusals import find

_SHOWN = 90


class Refusal:
    """Sentences that refuse, and sentences in which a machine speaks of itself."""

    class Settings(PluginSettings):
        """Which of the two are looked for, and where."""

        refuses: bool = Field(True, description="sentences that decline to help or to answer")
        machine: bool = Field(True, description="sentences in which the writer says that it is a machine")
        where: Literal["both", "answer", "reasoning"] = Field("both", description="parts that are looked at")

    version = 2
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:  # noqa: ARG002 - the contract of row checks
        """Rejects with the sentence."""
        settings = self.settings
        parts: tuple[tuple[Literal["answer", "reasoning"], str], ...] = (
            ("reasoning", sample.reasoning),
            ("answer", sample.answer),
        )
        for part, text in parts:
            if settings.where not in (part, "both"):
                continue
            if found := find(text, refuses=settings.refuses, machine=settings.machine):
                shown = " ".join(text[found.start : found.end].split())
                span = Span(start=found.start, end=found.end, note=found.why, part=part, doubted=True)
                reason = f"the {part} {found.why}: '{shown:.{_SHOWN}}'"
                return Verdict(by="refusal", keep=False, reason=reason, spans=(span,))
        return Verdict(by="refusal", keep=True)
