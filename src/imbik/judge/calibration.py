"""Calibration: how far a judge agrees with experts who had not seen its marks.

Enters: pairs of an expert's word and a judge's marks. Leaves: for each bar that a recipe may set (2 to 5) a confusion
table, Cohen's kappa (Cohen 1960, with its large-sample interval) and the rates at which the judge passes what experts
keep and fails what they reject (Wilson intervals, 1927). It is bound to judge, rubric and wording by a hash and kept as
`calibrations/HASH.json` beside the answer store, so that every run of the folder finds it. It holds no row's words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from imbik.core.files import digest_value, read_json, write_json
from imbik.core.results import Score
from imbik.core.types import Record
from imbik.judge.scoring import Marks
from imbik.judge.voting import vote

FOLDER = "calibrations"
BARS = (2, 3, 4, 5)
_Z = 1.959963984540054  # 97.5% of the normal distribution


class Bar(BaseModel):
    """What a calibration has to reach; each figure counts by the lower end of its 95% interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kappa: float = Field(0.4, ge=-1, le=1, description="Cohen's kappa between judge and experts")
    true_positive: float = Field(0.0, ge=0, le=1, description="share of what experts keep that the judge passes")
    true_negative: float = Field(0.0, ge=0, le=1, description="share of what experts reject that the judge fails")
    n: int = Field(50, ge=2, description="answers that both judged, at least")


class Agreement(Record, frozen=True, kw_only=True):
    """Judge and experts at one bar. Passed and kept (`tp`), passed and rejected (`fp`), failed and rejected (`tn`),
    failed and kept (`fn`); figures are None where they cannot be computed (no answer that experts reject, say)."""

    tp: int
    fp: int
    tn: int
    fn: int
    kappa: Score | None = None
    true_positive: Score | None = None
    true_negative: Score | None = None

    @property
    def n(self) -> int:
        """Answers that both judged."""
        return self.tp + self.fp + self.tn + self.fn


class Calibration(Record, frozen=True, kw_only=True):
    """`calibrations/HASH.json`: agreement by bar, how many answers the judge gave no verdict on, and what of."""

    key: str
    judges: tuple[str, ...]
    criteria: tuple[str, ...]
    at: dict[str, Agreement]
    no_verdict: int
    experts: int
    undecided: int
    labels: str
    made: str


def judge_key(identities: Iterable[str], wording: str, *, known: bool) -> str:
    """Hex SHA-256 of who judges and all the words that they are given."""
    return digest_value(["imbik judge 1", sorted(identities), wording, known])


def path_of(runs: Path, key: str) -> Path:
    """Where a calibration lies."""
    return runs / FOLDER / f"{key}.json"


def read_calibration(runs: Path, key: str) -> Calibration | None:
    """The calibration of a judge, None where there is none.

    Raises: RunFolderError for a damaged file.
    """
    path = path_of(runs, key)
    return read_json(path, Calibration) if path.exists() else None


def write_calibration(runs: Path, made: Calibration) -> Path:
    """Keep it; an earlier one of the same judge is replaced."""
    path = path_of(runs, made.key)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json(path, made)
    return path


def agreement(pairs: Iterable[tuple[bool, bool]]) -> Agreement:
    """Agreement of (expert keeps, judge passes)."""
    counts = {(expert, judge): 0 for expert in (True, False) for judge in (True, False)}
    for pair in pairs:
        counts[pair] += 1
    tp, fn, fp, tn = counts[True, True], counts[True, False], counts[False, True], counts[False, False]
    return Agreement(
        tp=tp, fp=fp, tn=tn, fn=fn, kappa=_kappa(tp, fp, tn, fn),
        true_positive=wilson(tp, tp + fn), true_negative=wilson(tn, tn + fp),
    )  # fmt: skip


def agreements(labels: Sequence[bool], marks: Sequence[Mapping[str, Marks]]) -> tuple[dict[str, Agreement], int]:
    """Agreement at every bar, and how many answers have no verdict."""
    found, missing = {}, 0
    for bar in BARS:
        votes = [vote(given, bar).passed for given in marks]
        found[str(bar)] = agreement(
            (label, told) for label, told in zip(labels, votes, strict=True) if told is not None
        )
        missing = votes.count(None)
    return found, missing


def wilson(successes: float, n: int) -> Score | None:
    """A share with its 95% Wilson interval; None of nothing. Half successes (ties) make it wider than it need be."""
    if not n:
        return None
    share, square = successes / n, _Z * _Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    reach = _Z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return Score(value=share, low=max(0.0, middle - reach), high=min(1.0, middle + reach), n=n)


def _kappa(tp: int, fp: int, tn: int, fn: int) -> Score | None:
    """Cohen's kappa with its large-sample 95% interval; None where chance alone would agree always."""
    n = tp + fp + tn + fn
    if not n:
        return None
    seen = (tp + tn) / n
    chance = ((tp + fn) * (tp + fp) + (tn + fp) * (tn + fn)) / (n * n)
    if chance == 1.0:
        return None
    value = (seen - chance) / (1 - chance)
    reach = _Z * math.sqrt(seen * (1 - seen) / n) / (1 - chance)
    return Score(value=value, low=max(-1.0, value - reach), high=min(1.0, value + reach), n=n)


def meets(found: Calibration | None, bar: Bar, at_least: int) -> str:
    """'' where a calibration reaches the bar; else why not, in words."""
    if found is None:
        return "this judge was never calibrated against experts"
    at = found.at[str(at_least)]
    if at.n < bar.n:
        return f"its calibration has {at.n} answers, and {bar.n} are asked for"
    figures = {"kappa": (at.kappa, bar.kappa), "true positive rate": (at.true_positive, bar.true_positive),
               "true negative rate": (at.true_negative, bar.true_negative)}  # fmt: skip
    for name, (score, wanted) in figures.items():
        if score is None:
            return f"its {name} cannot be told: the experts' labels are all alike"
        if score.low < wanted:
            return f"its {name} is {told(score)}, and the lower end has to reach {wanted:g}"
    return ""


def told(score: Score) -> str:
    """`0.71 (95%: 0.58 to 0.84)`."""
    return f"{score.value:.2f} (95%: {score.low:.2f} to {score.high:.2f})"
