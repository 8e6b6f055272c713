"""Answer: does the final answer mean the same as the known one?

Enters: one sample. Leaves: a verdict; a task without a known answer passes, and its verdict says so. What "the same"
means is the kind's business first: exact numbers and formulas for math, folded words for classes and short answers.
Beyond that `3000 m` is `3 km`, `29.10.1923` is `29 Ekim 1923`, `on iki` is `12`, and equal JSON is equal whatever the
order of its keys (see `tasks.meaning`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Verdict
from imbik.refine.checks import CheckContext
from imbik.tasks.meaning import Units, contains, difference


class Answer:
    """The same meaning as the task's reference."""

    class Settings(PluginSettings):
        """`without_reference: reject` drops tasks whose answer nobody knows."""

        without_reference: Literal["keep", "reject"] = Field("keep", description="tasks whose answer nobody knows")
        units: Units = Field(
            "convert",
            description="convert: 3 km is 3000 m and not 3 m, a missing unit is let pass; strict: it is not; ignore: "
            "numbers alone count",
        )
        match: Literal["whole", "contains"] = Field(
            "whole", description="contains: an answer in which the known one's words stand is right too"
        )

    version = 3
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:
        """Rejects with both answers as they were written."""
        reference = sample.task.reference
        if reference is None or not reference.text.strip():
            keep = self.settings.without_reference == "keep"
            return Verdict(by="answer", keep=keep, reason="the task has no known answer to compare with")
        known = f"the known '{reference.text:.80}'"
        if not context.kind.canonical(sample.answer, sample.task):
            return Verdict(by="answer", keep=False, reason=f"no final answer was found to compare with {known}")
        why = difference(sample.answer, reference.text, context.kind, sample.task, self.settings.units)
        if not why or (self.settings.match == "contains" and contains(sample.answer, reference.text)):
            return Verdict(by="answer", keep=True)
        told = f" ({why})" if "unit" in why else ""
        return Verdict(by="answer", keep=False, reason=f"'{sample.answer:.80}' is not {known}{told}")
