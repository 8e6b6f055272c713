"""Score: a local reward model or classifier gives the answer enough.

Enters: one sample, or a block of them. Leaves: a verdict with the model's score. One label: the reward, on the scale
the model was trained on. Several: the probability of the one that is named. The model runs in this process; nothing
leaves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from imbik.core.plugins import PluginSettings, RecipePath
from imbik.core.types import Sample, Verdict
from imbik.refine.checks import CheckContext

if TYPE_CHECKING:
    from imbik.models.scorer import Scorer


class Score:
    """Rejects answers below a threshold."""

    class Settings(PluginSettings):
        """Which model, and how much is enough."""

        model: RecipePath = Field(description="folder of a local reward model or sequence classifier")
        min: float = Field(description="least score that stays: a reward, or a probability from 0 to 1")
        label: str = Field("", description="the label whose probability counts; empty for a reward model")
        reads: Literal["all", "answer"] = Field(
            "all", description="what is scored: reasoning and answer, or the answer"
        )

    version = 1
    scope = "row"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def verify(self, base: Path) -> None:
        """Raises: ModelError for a folder without such a model, and a label that it does not have."""
        from imbik.models.scorer import check_scorer

        check_scorer(self._folder(base), self.settings.label)

    def shaped_by(self, base: Path) -> str:
        """The model's weights and tokenizer; '' where there is none."""
        from imbik.models.folder import files_fingerprint

        folder = self._folder(base)
        return files_fingerprint(folder) if folder.is_dir() else ""

    def judge(self, sample: Sample, context: CheckContext) -> Verdict:
        """One sample."""
        return self.judge_many([sample], context)[0]

    def judge_many(self, samples: Sequence[Sample], context: CheckContext) -> list[Verdict]:
        """A block, in batches; scores are rounded to four places, so that batches change no verdict."""
        scorer = _scorer(self._folder(context.base), self.settings.label)
        whole = self.settings.reads == "all"
        texts = [
            context.kind.render(sample.reasoning if whole else "", sample.answer, sample.task) for sample in samples
        ]
        scores = scorer.score([sample.task for sample in samples], texts)
        return [self._verdict(score, scorer.longest) for score in scores]

    def _verdict(self, score: float | None, longest: int) -> Verdict:
        if score is None:
            reason = f"question and answer are longer than the {longest} tokens that the score model reads"
            return Verdict(by="score", keep=False, reason=reason)
        least, value = self.settings.min, round(score, 4)
        what = f"'{self.settings.label}' has the probability" if self.settings.label else "the score model gives"
        keep = value >= least
        return Verdict(by="score", keep=keep, score=value, reason="" if keep else f"{what} {value:g}, below {least:g}")

    def _folder(self, base: Path) -> Path:
        return base / Path(self.settings.model).expanduser()


@lru_cache(maxsize=2)
def _scorer(folder: Path, label: str) -> Scorer:
    from imbik.models.scorer import Scorer

    return Scorer(folder, label)
