"""How doubtful a kept row is, from what its checks, its judges and its fellow samples say: what experts look at first.

Enters: kept samples, those of one task next to one another. Leaves: a number from 0 (nobody doubts) to 1, and who
doubts. Three things count, and the largest is taken:

- verdicts that contradict one another (a judge that only annotates gives a low mark where the checks say yes): 1;
- kept samples of the same task with other answers: the share of them;
- a check's or judge's score, by where it lies between the highest (0) and the lowest (0.9) of all kept rows: which of
  two scales is the stricter one nobody knows, so each is compared with itself alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from imbik.core.types import Sample, Verdict
from imbik.judge.voting import LOW
from imbik.tasks.normal import fold, squeeze

SAMPLES = "samples"
"""Who doubts, where it is the task's other samples."""
_BY_SCORE = 0.9


@dataclass
class Scale:
    """The lowest and highest score that each check gave."""

    low: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)

    def add(self, sample: Sample) -> None:
        """Count a sample's scores in."""
        for verdict in sample.verdicts:
            if verdict.score is not None:
                self.low[verdict.by] = min(self.low.get(verdict.by, verdict.score), verdict.score)
                self.high[verdict.by] = max(self.high.get(verdict.by, verdict.score), verdict.score)

    def doubt(self, by: str, score: float) -> float:
        """0 for the highest score, 0.9 for the lowest, 0 where all are the same."""
        span = self.high.get(by, score) - self.low.get(by, score)
        return _BY_SCORE * (self.high[by] - score) / span if span > 0 else 0.0


@dataclass(frozen=True)
class Doubt:
    """How much, and who: checks and judges by name, or `samples`."""

    value: float
    by: tuple[str, ...]


def doubts(samples: Iterable[Sample], scale: Scale) -> Iterator[tuple[Sample, Doubt]]:
    """Each sample with its doubt, in order."""
    for _, group in groupby(samples, key=lambda sample: sample.task.id):
        fellows = list(group)
        answers = Counter(_same(sample) for sample in fellows)
        for sample in fellows:
            yield sample, _doubt(sample, 1 - answers[_same(sample)] / len(fellows), scale)


def outspoken(sample: Sample) -> Sequence[str]:
    """Checks and judges that say more of this row than that it may stay."""
    said = (
        verdict.by for verdict in sample.verdicts if not verdict.keep or verdict.reason or verdict.score is not None
    )
    return list(dict.fromkeys(said))


def objects(verdict: Verdict) -> bool:
    """Whether it says no, also where it may not reject: a low mark of a judge that only annotates."""
    return not verdict.keep or verdict.reason.startswith(LOW)


def _doubt(sample: Sample, differing: float, scale: Scale) -> Doubt:
    found: dict[str, float] = {verdict.by: 1.0 for verdict in sample.verdicts if objects(verdict)}
    for verdict in sample.verdicts:
        if verdict.score is not None and (value := scale.doubt(verdict.by, verdict.score)) > 0:
            found[verdict.by] = max(value, found.get(verdict.by, 0.0))
    if differing:
        found[SAMPLES] = differing
    value = max(found.values(), default=0.0)
    return Doubt(round(value, 4), tuple(sorted(found, key=lambda name: (-found[name], name))))


def _same(sample: Sample) -> str:
    """Answers that differ in case or spaces only are one."""
    return squeeze(fold(sample.answer))
