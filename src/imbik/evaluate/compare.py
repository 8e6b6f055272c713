"""From answers to figures: means, retention and paired differences with their intervals.

Enters: every system's scored answers. Leaves: metrics by system, retention and differences by metric, for the quoted
set under the metric's own name and for other sets as METRIC@SET.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from imbik.core.results import Score
from imbik.evaluate.answers import Answer
from imbik.evaluate.bootstrap import Bootstrap
from imbik.evaluate.findings import ADAPTER
from imbik.evaluate.metrics import CorpusMetric
from imbik.evaluate.scores import Interval, MetricScore
from imbik.evaluate.tables import Corpus, Means, Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

PAIRED_WITH = ("text_only", "answers_only", "baseline", "tfidf", "teacher")


class Comparison(msgspec.Struct, frozen=True):
    """What the scored answers show: metrics by system, retention by metric, differences by pair and metric."""

    metrics: dict[str, dict[str, MetricScore]]
    retention: dict[str, Interval]
    paired: dict[str, dict[str, Interval]]


def compare(
    answers: Mapping[str, Sequence[Answer]],
    sets: Sequence[str],
    metrics: Sequence[str],
    bootstrap: Bootstrap,
    corpora: Mapping[str, CorpusMetric] = MappingProxyType({}),
) -> Comparison:
    """Every system on every set; the first set is the quoted one. `corpora` are those metrics that are no means."""
    found = Comparison({name: {} for name in answers}, {}, {})
    for key, set_name, metric in _keys(sets, metrics):
        matrices = {name: table(rows, set_name, metric, corpora.get(metric)) for name, rows in answers.items()}
        matrices = {n: (seeds, t) for n, (seeds, t) in matrices.items() if (~np.isnan(t.scores).any(axis=0)).any()}
        for name, (seeds, scores) in matrices.items():
            found.metrics[name][key] = _metric(bootstrap.mean(scores), seeds, scores)
        if "student" not in matrices:
            continue
        student = matrices["student"][1]
        if "teacher" in matrices and (kept := bootstrap.ratio(student, matrices["teacher"][1])):
            found.retention[key] = _interval(kept)
        for other in (name for name in PAIRED_WITH if name in matrices):
            if difference := bootstrap.difference(student, matrices[other][1]):
                found.paired.setdefault(f"student-{other}", {})[key] = _interval(difference)
        for name in (name for name in matrices if name.startswith(ADAPTER)):
            mine = {answer.id for answer in answers[name]}
            same = [answer for answer in answers["student"] if answer.id in mine]
            beside = table(same, set_name, metric, corpora.get(metric))[1]
            if difference := bootstrap.difference(matrices[name][1], beside):
                found.paired.setdefault(f"{name}-student", {})[key] = _interval(difference)
    return found


def matrix(answers: Sequence[Answer], set_name: str, metric: str) -> tuple[list[int], Matrix]:
    """Seeds and the (seeds, rows) scores of one system on one set; NaN where a row was not asked or cannot be scored.

    Rows stand in the order of their ids, the same for every system.
    """
    rows = [answer for answer in answers if answer.set == set_name]
    seeds = sorted({answer.seed for answer in rows})
    place = {name: index for index, name in enumerate(sorted({answer.id for answer in rows}))}
    found = np.full((max(len(seeds), 1), len(place)), np.nan)
    for answer in rows:
        found[seeds.index(answer.seed), place[answer.id]] = answer.scores.get(metric, np.nan)
    return seeds, found


def table(
    answers: Sequence[Answer], set_name: str, metric: str, corpus: CorpusMetric | None
) -> tuple[list[int], Table]:
    """Seeds and scores of one system on one set, for a corpus metric with the statistics of its rows."""
    seeds, scores = matrix(answers, set_name, metric)
    if corpus is None:
        return seeds, Means(scores)
    rows = [answer for answer in answers if answer.set == set_name and metric in answer.scores]
    names = tuple(sorted({name for answer in rows for name in answer.statistics.get(metric, {})}))
    column = {name: index for index, name in enumerate(names)}
    place = {name: index for index, name in enumerate(sorted({a.id for a in answers if a.set == set_name}))}
    statistics = np.zeros((*scores.shape, len(names)))
    for answer in rows:
        for name, value in answer.statistics.get(metric, {}).items():
            statistics[seeds.index(answer.seed), place[answer.id], column[name]] = value
    return seeds, Corpus(scores, statistics, names, corpus.value)


def _keys(sets: Sequence[str], metrics: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(key in the file, set, metric)."""
    for index, name in enumerate(sets):
        for metric in metrics:
            yield (metric if index == 0 else f"{metric}@{name}"), name, metric


def _metric(score: Score, seeds: Sequence[int], scores: Table) -> MetricScore:
    kept = scores.kept(np.logical_not(np.isnan(scores.scores).any(axis=0)))
    by_seed = {str(seed): float(value) for seed, value in zip(seeds, kept.by_seed(), strict=True) if seeds[0] >= 0}
    return MetricScore(value=score.value, low=score.low, high=score.high, n=score.n, seeds=by_seed)


def _interval(score: Score) -> Interval:
    return Interval(value=score.value, low=score.low, high=score.high, n=score.n)
