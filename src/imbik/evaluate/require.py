"""`evaluate.require`: the bars a run must reach, written as `{retention: ">= 0.95", accuracy.low: ">= 90%"}`.

Enters: the recipe's mapping and the measured scores. Leaves: one Bar a line. A key is `retention` or a metric (of the
student), with `@SET` for another test set and `.low` or `.high` for an end of the interval; plain keys mean the
value.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence

from imbik.core.errors import BarNotMetError, RecipeError
from imbik.core.misspelt import closest
from imbik.core.plugins import PluginBlock, load_plugin, make
from imbik.core.types import Record
from imbik.evaluate.findings import Bar
from imbik.evaluate.scores import Interval, MetricScore, Scores
from imbik.recipe import Recipe

AGREEMENT = "agreement"  # with the teacher: what is measured where no row has a known answer
SYSTEMS = ("teacher", "student", "baseline", "answers_only", "text_only", "tfidf")
_KEY = re.compile(r"^(?P<name>\w+)(?P<set>@[\w.-]+?)?(?:\.(?P<end>low|high|value))?$")
_WANTED = re.compile(r"^\s*(?P<sign>>=|<=|>|<|==)?\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<percent>%)?\s*$")
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}


class Requirement(Record, frozen=True, kw_only=True):
    """One parsed bar; `end` is value, low or high."""

    key: str
    name: str
    end: str
    sign: str
    number: float
    wanted: str


def parse(require: Mapping[str, str]) -> list[Requirement]:
    """Read the recipe's bars; a bare number means at least.

    Raises: RecipeError naming the line that cannot be read.
    """
    found = []
    for key, wanted in require.items():
        name, number = _KEY.match(key), _WANTED.match(str(wanted))
        if name is None or number is None:
            raise RecipeError(
                f"the bar '{key}: {wanted}' cannot be read",
                where="evaluate.require",
                next="write {retention: '>= 0.95'}, {retention.low: '>= 90%'} or {accuracy@B: '> 0.5'}",
            )
        share = float(number["number"]) / (100 if number["percent"] else 1)
        sign = number["sign"] or ">="
        field = name["name"] + (name["set"] or "")
        found.append(
            Requirement(key=key, name=field, end=name["end"] or "value", sign=sign, number=share, wanted=str(wanted))
        )
    return found


def check(recipe: Recipe) -> None:
    """What can be known wrong of `evaluate:` before anything is bought: bars, the names of systems, and what a metric
    itself needs (`verify()`, where it has one).

    Raises: RecipeError naming the key and what was meant; whatever a metric's `verify` raises.
    """
    for block in metric_blocks(recipe):
        if hasattr(load_plugin("evaluate/metrics", block.use), "verify"):
            make("evaluate/metrics", block).verify()
    known = ["retention", *(block.use for block in metric_blocks(recipe)), AGREEMENT]
    for bar in parse(recipe.evaluate.require):
        name = bar.name.partition("@")[0]
        if name not in known:
            raise RecipeError(
                f"there is no figure '{name}' to hold a bar against; {closest(name, known)}",
                where="evaluate.require",
                next="a bar is on `retention` or on a metric of the student; evaluate.metrics says which are computed",
            )
    for name in recipe.evaluate.against:
        if name not in SYSTEMS:
            raise RecipeError(f"there is no system '{name}'; {closest(name, list(SYSTEMS))}", where="evaluate.against")


def metric_blocks(recipe: Recipe) -> list[PluginBlock]:
    """The recipe's metrics, else those that fit its kind; the first is the one quoted."""
    kind = load_plugin("tasks/kinds", recipe.tasks.kind.use)
    return recipe.evaluate.metrics or [PluginBlock(use=name) for name in kind.metrics]


def judge(require: Mapping[str, str], scores: Scores, metric: str) -> list[Bar]:
    """Each bar against the student's scores; what was not measured is not met."""
    bars = []
    for item in parse(require):
        figure = _figure(item, scores, metric)
        measured = None if figure is None else float(getattr(figure, item.end))
        met = measured is not None and _SIGNS[item.sign](measured, item.number)
        bars.append(Bar(item.key, item.wanted, measured, met))
    return bars


def refuse_unmet(bars: Sequence[Bar], report: str) -> None:
    """Stop with the bar-not-met exit code, once the report is written.

    Raises: BarNotMetError naming every bar that was missed.
    """
    missed = [bar for bar in bars if not bar.met]
    if missed:
        told = "; ".join(
            f"{bar.key} {bar.wanted} was asked for and "
            + ("nothing was measured" if bar.measured is None else f"{bar.measured:.4g} was measured")
            for bar in missed
        )
        raise BarNotMetError(told, where="evaluate.require", next=f"the report says more: {report}")


def _figure(item: Requirement, scores: Scores, metric: str) -> Interval | MetricScore | None:
    if item.name.partition("@")[0] == "retention":
        return scores.retention.get(item.name.replace("retention", metric, 1))
    student = scores.systems.get("student")
    return student.metrics.get(item.name) if student else None
