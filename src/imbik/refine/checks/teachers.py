"""Teachers: where several answer one task, keep what enough of them say, each teacher having one voice.

Enters: the samples of one task that earlier checks kept. Leaves: a verdict each. A teacher's voice is the answer that
it gives most often; a teacher that is divided has none. Unlike `agreement`, which counts samples, a teacher that
repeats its own mistake eight times stays one voice. Answers are compared by what they mean (see `tasks.meaning`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings
from imbik.core.types import Sample, Verdict
from imbik.refine.checks import CheckContext
from imbik.tasks.majority import majority
from imbik.tasks.meaning import normal_forms


class Teachers:
    """Most teachers' answer to one task."""

    class Settings(PluginSettings):
        """Of teachers, not of samples; a tie never wins."""

        min_teachers: int = Field(2, ge=2, description="teachers that must give an answer for it to be kept")
        at_least: float = Field(0.5, ge=0, le=1, description="share of the task's teachers that must give it")
        alone: Literal["reject", "keep"] = Field(
            "reject", description="a task that one teacher alone answered: there is nothing to compare"
        )

    version = 2
    scope = "group"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def judge(self, samples: Sequence[Sample], context: CheckContext) -> list[Verdict]:
        """One verdict a sample; `score` is the share of the teachers that say the winning answer."""
        forms = normal_forms([sample.answer for sample in samples], context.kind, samples[0].task)
        said: dict[str, list[str]] = defaultdict(list)
        for sample, form in zip(samples, forms, strict=True):
            said[sample.teacher].append(form)
        if len(said) == 1:
            return self._alone(samples)
        voices = {teacher: majority(answers)[0] for teacher, answers in said.items()}
        winner, share = majority(list(voices.values()))
        count = sum(voice == winner for voice in voices.values()) if winner else 0
        written = {form: sample.answer for form, sample in reversed(list(zip(forms, samples, strict=True)))}
        if count < self.settings.min_teachers or share < self.settings.at_least:
            reason = f"the teachers differ: {_told(voices, written)}"
            return [Verdict(by="teachers", keep=False, reason=reason, score=share) for _ in samples]
        by = ", ".join(teacher for teacher, voice in voices.items() if voice == winner)
        verdicts = []
        for sample, form in zip(samples, forms, strict=True):
            keep = form == winner
            why = "" if keep else f"'{sample.answer:.60}' where {by} say '{written[winner]:.60}'"
            verdicts.append(Verdict(by="teachers", keep=keep, reason=why, score=share))
        return verdicts

    def _alone(self, samples: Sequence[Sample]) -> list[Verdict]:
        keep = self.settings.alone == "keep"
        reason = f"only {samples[0].teacher} has an answer to this task, so no other teacher's could be compared"
        return [Verdict(by="teachers", keep=keep, reason="" if keep else reason) for _ in samples]


def _told(voices: Mapping[str, str], written: Mapping[str, str]) -> str:
    """`a says '5', b says '7'`; of many teachers the first four."""
    said = [
        f"{name} says '{written[voice]:.40}'" if voice else f"{name} has no one answer"
        for name, voice in voices.items()
    ]
    return ", ".join(said[:4]) + (f" and {len(said) - 4} more" if len(said) > 4 else "")
