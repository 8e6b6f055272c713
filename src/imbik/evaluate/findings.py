"""What an evaluation found, beside the figures: everything the report's pages are made of.

Enters: nothing. Leaves: small records that the stage fills and `words`, `report` and the templates read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from imbik.core.results import Score
from imbik.core.types import Sensitivity
from imbik.evaluate.plots import Curve
from imbik.evaluate.scores import Scores
from imbik.tasks.growth.report import GrowthReport

ADAPTER = "adapter:"
_ORDER = ("teacher", "student", "text_only", "answers_only", "baseline", "tfidf")

WHAT = {
    "teacher": "the model that is distilled, asked as it was for the training answers",
    "student": "what this run made",
    "text_only": "the same student, taught by the same text without the teacher's probabilities",
    "answers_only": "the same student, taught by final answers without reasoning",
    "baseline": "the student before training",
    "tfidf": "word counts and a linear classifier: the figure to beat before any neural model pays",
}


@dataclass(frozen=True)
class Shown:
    """One system's answer to a sample row; `right` is None where nothing says so."""

    system: str
    answer: str
    reasoning: str = ""
    right: bool | None = None


@dataclass(frozen=True)
class SampleRow:
    """A held-out row with the answers of the systems a reader wants to see side by side."""

    id: str
    question: str
    reference: str
    answers: Sequence[Shown]


@dataclass(frozen=True)
class Bar:
    """One line of `evaluate.require`: what was asked for and what was measured (None: not measured)."""

    key: str
    wanted: str
    measured: float | None
    met: bool


@dataclass(frozen=True)
class Preferred:
    """What people said when they compared two systems blind: verdicts for the first, the second and neither on `rows`
    rows; on `same` further rows both said the same. `rate` is how often the first is preferred, a tie counting half;
    `chance` how likely a result as lopsided is where people prefer neither; `on_left` how often the answer on the left
    was chosen; `preferred` the system that they prefer, '' where no difference is shown."""

    one: str
    other: str
    rows: int
    people: int
    rate: Score
    wins: int
    losses: int
    ties: int
    same: int = 0
    chance: float | None = None
    on_left: Score | None = None
    preferred: str = ""


@dataclass(frozen=True)
class Findings:
    """Everything a report says. `metric` is the one quoted ('' when nothing can be computed), on the set `quoted`.

    `pending` says what is still to come of the teacher, and why ('' where everybody has answered).
    """

    name: str
    kind: str
    sensitivity: Sensitivity
    scores: Scores
    metric: str
    quoted: str
    rows: int
    sets: Mapping[str, int] = field(default_factory=dict)
    about_sets: Mapping[str, str] = field(default_factory=dict)
    has_teacher: bool = True
    curves: Sequence[Curve] = ()
    samples: Sequence[SampleRow] = ()
    samples_withheld: bool = False
    bars: Sequence[Bar] = ()
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()
    privacy: str = ""
    command: str = ""
    date: str = ""
    growth: GrowthReport | None = None
    people: Sequence[Preferred] = ()
    pending: str = ""


def ordered(names: Sequence[str]) -> list[str]:
    """System names as a reader expects them: teacher, student, controls, baseline, then teachers apart and exports."""

    def place(name: str) -> tuple[int, str]:
        return (_ORDER.index(name), "") if name in _ORDER else (len(_ORDER) + name.startswith("export:"), name)

    return sorted(names, key=place)


def what(name: str) -> str:
    """One line on what a system is."""
    if name.startswith("export:"):
        return "the best student as it is handed over"
    if name.startswith(ADAPTER):
        return "an adapter of its own, on the rows that it is for (train.adapters)"
    if name.startswith("teacher:"):
        return "one of the teachers, on the rows that are routed to it"
    return WHAT.get(name, "")
