"""Answer: does the final answer mean the same as the known one?

Enters: one sample. Leaves: a verdict; a task without a known answer passes, and its verdict says so. What "the same"
means is the kind's business: exact numbers and formulas for math, folded words for classes and short answers.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Verdict
from imbik.refine.checks import CheckContext


class Answer:
    """Equality of normal forms with the task's reference."""

    class Settings(PluginSettings):
        """`without_reference: reject` drops tasks whose answer nobody knows."""

        without_reference: Literal["keep", "reject"] = Field("keep", description="tasks whose answer nobody knows")

    version = 1
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
        given = context.kind.canonical(sample.answer, sample.task)
        if not given:
            return Verdict(by="answer", keep=False, reason=f"no final answer was found to compare with {known}")
        if given == context.kind.canonical(reference.text, sample.task):
            return Verdict(by="answer", keep=True)
        return Verdict(by="answer", keep=False, reason=f"'{sample.answer:.80}' is not {known}")
