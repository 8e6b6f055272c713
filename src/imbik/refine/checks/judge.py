"""Judge: teachers of the recipe mark every answer from 1 to 5 by a rubric in the user's words.

Enters: samples that the checks before it kept. Leaves: a verdict with the marks and their grounds. A judge is an
opinion: by default it only annotates. `on_low: reject` rejects where a calibration against blind expert labels exists
and reaches the recipe's bar (`imbik judge calibrate`), and annotates where not; `reject_uncalibrated` rejects
regardless. It is asked only about what the checks before it kept, and what it keeps the checks after it may still
reject: no judge overturns a rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from imbik.core.plugins import PluginSettings, RecipePath
from imbik.core.questions import Question
from imbik.core.types import Completion, Sample, Verdict
from imbik.judge.calibration import Bar, judge_key, meets, path_of, read_calibration
from imbik.judge.fence import secret_of
from imbik.judge.rubric import Rubric, rubric_of
from imbik.judge.scoring import Marks, read_marks, scoring_question, wording
from imbik.judge.voting import LOW, vote
from imbik.refine.checks import CheckContext

_ANCHORS = 90.0  # tokens of a criterion with its anchors
_FRAME = 260.0  # tokens of the instructions around the content
_WRITTEN = 120.0  # tokens of the grounds and the marks


class Judge:
    """Marks from 1 to 5 by one or several teachers, with vote."""

    class Settings(PluginSettings):
        """Who judges, by what, and what a low mark does."""

        teacher: str = Field("", description="the judge, a name under `teachers:`")
        teachers: list[str] = Field([], description="several judges, of whom the majority decides")
        rubric: RecipePath | list[str] | dict[str, Any] = Field(
            ["doğruluk"],
            description="criteria: names ([doğruluk, kültürel uygunluk]), your own ({name: {what: …, anchors: {1: …, "
            "5: …}}}), or a YAML file with such",
        )
        at_least: int = Field(4, ge=2, le=5, description="mark that every criterion has to reach; lower is low")
        on_low: Literal["annotate", "reject", "reject_uncalibrated"] = Field(
            "annotate",
            description="what a low mark does: annotate keeps the row; reject needs a calibration that reaches "
            "`calibrated` and annotates without; reject_uncalibrated rejects regardless",
        )
        calibrated: Bar = Field(
            default_factory=Bar, description="what a calibration has to reach before `on_low: reject` rejects"
        )
        unjudged: Literal["", "keep", "reject"] = Field(
            "",
            description="rows without a verdict (held back by the gate, no JSON after asking again): keep or reject; "
            "default: reject where the judge rejects, else keep with a note",
        )
        known_answer: bool = Field(True, description="show the judge the task's known answer, where there is one")
        max_tokens: int = Field(700, ge=50, description="longest answer of a judge; a cut-off one is asked for again")

        @model_validator(mode="after")
        def _somebody_judges(self) -> Judge.Settings:
            if bool(self.teacher) == bool(self.teachers):
                raise ValueError("name one judge (teacher: NAME) or several (teachers: [A, B, C])")
            if len(set(self.teachers)) < len(self.teachers):
                raise ValueError("a judge is named twice under `teachers`, and has one vote")
            return self

    version = 1
    scope = "asked"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._rubrics: dict[Path, Rubric] = {}
        self._rejects: bool | None = None

    @property
    def teachers(self) -> Sequence[str]:
        """The judges."""
        return tuple(self.settings.teachers) or (self.settings.teacher,)

    def files(self, base: Path) -> Sequence[Path]:
        """The rubric's file, where it is one."""
        named = self.settings.rubric
        return [base / Path(named).expanduser()] if isinstance(named, str) else []

    def verify(self, base: Path) -> None:
        """A rubric that cannot be one is refused before a run."""
        self.rubric(base)

    def outside(self, identities: Mapping[str, str], base: Path, runs: Path) -> Sequence[Path]:
        """The calibration, where it decides anything."""
        return [path_of(runs, self.key(identities, base))] if self.settings.on_low == "reject" else []

    def load(self, prompt: float, answer: float) -> tuple[int, float, float]:
        """One question about each sample."""
        criteria = 1 if isinstance(self.settings.rubric, str) else max(len(self.settings.rubric), 1)
        return 1, _FRAME + _ANCHORS * criteria + prompt + answer, _WRITTEN

    def rubric(self, base: Path) -> Rubric:
        """The rubric, read once."""
        if base not in self._rubrics:
            self._rubrics[base] = rubric_of(self.settings.rubric, base)
        return self._rubrics[base]

    def key(self, identities: Mapping[str, str], base: Path) -> str:
        """What a calibration of this judge is bound to: who judges, by what, in which words."""
        return judge_key(
            [identities[name] for name in self.teachers], wording(self.rubric(base)), known=self.settings.known_answer
        )

    def question(self, sample: Sample, base: Path, secret: bytes) -> Question:
        """What is asked about one sample."""
        return scoring_question(
            sample.task, sample.reasoning, sample.answer, rubric=self.rubric(base), secret=secret,
            sensitivity=sample.sensitivity, known=self.settings.known_answer, max_tokens=self.settings.max_tokens,
        )  # fmt: skip

    def questions(self, sample: Sample, context: CheckContext) -> Sequence[Question]:
        """One, with everything that is judged behind a fence."""
        return [self.question(sample, context.base, secret_of(context.run.parent))]

    def marks(self, completions: Mapping[str, Sequence[Completion]], base: Path) -> dict[str, Marks]:
        """What each judge said."""
        names = self.rubric(base).names
        return {name: read_marks(found[0], names) for name, found in completions.items()}

    def decide(
        self,
        sample: Sample,  # noqa: ARG002 - the contract of asked checks
        completions: Mapping[str, Sequence[Completion]],
        context: CheckContext,
    ) -> Verdict:
        """The judges' vote; what a low one does is the recipe's and the calibration's business."""
        found = vote(self.marks(completions, context.base), self.settings.at_least)
        rejects = self._may_reject(context)
        if found.passed is None:
            keep = self.settings.unjudged != "reject" and not (rejects and self.settings.unjudged != "keep")
            return Verdict(by="judge", keep=keep, reason=f"not judged: {found.words}")
        if found.passed:
            return Verdict(by="judge", keep=True, reason=found.words, score=found.score)
        said = f"{LOW}{self.settings.at_least}): {found.words}"
        why = "" if rejects else "; annotated only" + ("" if self.settings.on_low == "annotate" else ", not calibrated")
        return Verdict(by="judge", keep=not rejects, reason=said + why, score=found.score)

    def judged(self, verdict: Verdict) -> bool:
        """A rejection without a score says nothing about the answer."""
        return verdict.score is not None

    def notes(self, context: CheckContext) -> Sequence[str]:
        """What a person should know of this judge, once a run."""
        if self.settings.on_low == "reject_uncalibrated":
            return ["it rejects whether or not it was calibrated against experts (on_low: reject_uncalibrated)"]
        if self.settings.on_low == "annotate":
            return []
        key = self.key(context.identities, context.base)
        short = meets(read_calibration(context.run.parent, key), self.settings.calibrated, self.settings.at_least)
        return (
            [f"it annotates and rejects nothing: {short} (imbik judge calibrate {context.run.name})"] if short else []
        )

    def _may_reject(self, context: CheckContext) -> bool:
        if self._rejects is None:
            self._rejects = self.settings.on_low == "reject_uncalibrated" or (
                self.settings.on_low == "reject" and not self.notes(context)
            )
        return self._rejects
