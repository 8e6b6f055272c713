"""Agreement: of several answers to one task, keep those that most of them give (self-consistency, Wang et al. 2022).

Enters: the samples of one task that earlier checks kept, of all its teachers. Leaves: a verdict each. Only final
answers are compared, by what they mean (`3 km` and `3000 m` agree; see `tasks.meaning`). A majority is not truth:
without references the report says what was kept, not that it is right.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Verdict
from imbik.refine.checks import CheckContext
from imbik.tasks.majority import majority
from imbik.tasks.meaning import normal_forms


class Agreement:
    """Majority of the final answers to one task."""

    class Settings(PluginSettings):
        """`at_least` is the majority's share of the task's samples; a tie never wins."""

        at_least: float = Field(0.5, ge=0, le=1, description="share of the samples that must agree")
        min_answers: int = Field(1, ge=1, description="fewer samples than this agree on nothing")

    version = 3
    scope = "group"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def judge(self, samples: Sequence[Sample], context: CheckContext) -> list[Verdict]:
        """One verdict a sample; `score` is the majority's share."""
        answers = normal_forms([sample.answer for sample in samples], context.kind, samples[0].task)
        winner, share = majority(answers)
        reason = self._fault(len(samples), winner, share)
        if reason:
            return [Verdict(by="agreement", keep=False, reason=reason, score=share) for _ in samples]
        most = next(sample.answer for sample, answer in zip(samples, answers, strict=True) if answer == winner)
        verdicts = []
        for sample, answer in zip(samples, answers, strict=True):
            keep = answer == winner
            why = "" if keep else f"'{sample.answer:.60}' where most say '{most:.60}'"
            verdicts.append(Verdict(by="agreement", keep=keep, reason=why, score=share))
        return verdicts

    def _fault(self, count: int, winner: str, share: float) -> str:
        if count < self.settings.min_answers:
            return f"{count} answers to this task, and {self.settings.min_answers} are needed to agree"
        if not winner:
            return f"no answer has a majority among {count}"
        if share < self.settings.at_least:
            return f"the most frequent answer has {share:.0%} of {count}, less than {self.settings.at_least:.0%}"
        return ""
