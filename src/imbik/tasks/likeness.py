"""How alike the sets are: class, length, source, and what they share.

Enters: tasks with their sets. Leaves: `likeness.json`: numbers, and a sentence for each that a person understands.
Total variation (half the sum of differences of shares) is compared with what chance alone gives for sets of these
sizes; lengths by the two-sample Kolmogorov-Smirnov statistic with its 1% bound (Smirnov 1948).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from imbik.core.types import Record, Task
from imbik.tasks.build import stratum
from imbik.tasks.normal import squeeze, words

_KS_BOUND = 1.628
_SLIGHT = 0.05
_SLIGHT_LENGTH = 0.1
_BEYOND_CHANCE = 1.5


_FORMS: tuple[Callable[[str], str], ...] = (str, squeeze, words)


class Lengths(Record, frozen=True, kw_only=True):
    """Characters of the question."""

    shortest: int
    median: int
    p95: int
    longest: int


class SetFacts(Record, frozen=True, kw_only=True):
    """One set by itself."""

    rows: int
    lengths: Lengths
    classes: dict[str, int] = {}
    sources: dict[str, int] = {}
    languages: dict[str, int] = {}


class Difference(Record, frozen=True, kw_only=True):
    """How far a set is from train in one respect; `by_chance` is what random sets of these sizes show."""

    set: str
    what: str
    measure: str
    value: float
    by_chance: float
    alike: bool
    sentence: str


class Overlap(Record, frozen=True, kw_only=True):
    """Rows of a set whose question stands where the student learns as well, under ever looser comparison.

    The student learns from train, and validation decides when it stops: test sets are compared with both.
    """

    set: str
    rows: int
    exact: int
    spaces_collapsed: int
    words_only: int
    sentence: str


class Likeness(Record, frozen=True, kw_only=True):
    """The whole of `likeness.json`."""

    sets: dict[str, SetFacts]
    differences: tuple[Difference, ...] = ()
    overlaps: tuple[Overlap, ...] = ()


def likeness(pairs: Iterable[tuple[Task, str]]) -> Likeness:
    """Compare every set with train."""
    sets: dict[str, list[Task]] = defaultdict(list)
    for task, name in pairs:
        sets[name].append(task)
    facts = {name: _facts(tasks) for name, tasks in sorted(sets.items())}
    train = sets.get("train", [])
    others = [name for name in facts if name != "train"] if train else []
    differences = tuple(item for name in others for item in _differences(name, sets[name], train))
    learned = {form: {form(task.text) for task in train} for form in _FORMS}
    overlaps = []
    for name in sorted(others, key=lambda item: item != "validation"):
        overlaps.append(_overlap(name, sets[name], learned))
        if name == "validation":
            learned = {form: known | {form(task.text) for task in sets[name]} for form, known in learned.items()}
    return Likeness(sets=facts, differences=differences, overlaps=tuple(overlaps))


def warnings(found: Likeness) -> list[str]:
    """The sentences that a person should read before trusting a figure."""
    unlike = [item.sentence for item in found.differences if not item.alike and item.set in ("validation", "test")]
    return unlike + [item.sentence for item in found.overlaps if item.words_only]


def total_variation(left: Mapping[str, int], right: Mapping[str, int]) -> float:
    """Half the sum of absolute differences of shares, in [0, 1]."""
    n, m = sum(left.values()), sum(right.values())
    return sum(abs(left.get(key, 0) / n - right.get(key, 0) / m) for key in {*left, *right}) / 2


def variation_by_chance(left: Mapping[str, int], right: Mapping[str, int]) -> float:
    """Expected total variation of two random samples of these sizes from the pooled shares (normal approximation)."""
    n, m = sum(left.values()), sum(right.values())
    shares = [(left.get(key, 0) + right.get(key, 0)) / (n + m) for key in {*left, *right}]
    return sum(math.sqrt(2 / math.pi * p * (1 - p) * (1 / n + 1 / m)) for p in shares) / 2


def kolmogorov_smirnov(left: Sequence[float], right: Sequence[float]) -> float:
    """Largest distance of the two distribution functions, in [0, 1]."""
    first, second = sorted(left), sorted(right)
    return max(
        abs(bisect_right(first, x) / len(first) - bisect_right(second, x) / len(second)) for x in {*first, *second}
    )


def _facts(tasks: Sequence[Task]) -> SetFacts:
    sizes = sorted(len(task.text) for task in tasks)
    lengths = Lengths(
        shortest=sizes[0], median=sizes[len(sizes) // 2], p95=sizes[int(len(sizes) * 0.95)], longest=sizes[-1]
    )
    classes = _counts(tasks, stratum)
    classes.pop("", None)
    languages = _counts(tasks, lambda task: task.language)
    return SetFacts(
        rows=len(tasks), lengths=lengths, classes=classes, sources=_counts(tasks, _file), languages=languages
    )


def _differences(name: str, tasks: Sequence[Task], train: Sequence[Task]) -> list[Difference]:
    found = []
    for what, form in (("class", stratum), ("source", _file)):
        left, right = (_counts(_asked_about(side, what), form) for side in (tasks, train))
        if len({*left, *right}) < 2 or (what == "source" and not {*left} & {*right}):
            continue  # one class, or a set that has files of its own
        value, chance = total_variation(left, right), variation_by_chance(left, right)
        alike = value <= max(_BEYOND_CHANCE * chance, _SLIGHT)
        found.append(_difference(name, what, "total variation", value, chance, alike))
    lengths = [[float(len(task.text)) for task in side] for side in (tasks, train)]
    value, bound = (
        kolmogorov_smirnov(*lengths),
        _KS_BOUND * math.sqrt((len(tasks) + len(train)) / (len(tasks) * len(train))),
    )
    found.append(_difference(name, "length", "Kolmogorov-Smirnov", value, bound, value <= max(bound, _SLIGHT_LENGTH)))
    return found


def _asked_about(tasks: Sequence[Task], what: str) -> Sequence[Task]:
    """The rows that are compared: of where they are from, those that people brought."""
    return [task for task in tasks if task.origin is None] if what == "source" else tasks


def _difference(name: str, what: str, measure: str, value: float, chance: float, alike: bool) -> Difference:
    limit = "the 1% bound" if what == "length" else "by chance"
    verdict = "is like train" if alike else "differs from train"
    sentence = f"{name} {verdict} in {what} ({measure} {value:.3f}; {limit} {chance:.3f})"
    return Difference(
        set=name,
        what=what,
        measure=measure,
        value=round(value, 4),
        by_chance=round(chance, 4),
        alike=alike,
        sentence=sentence,
    )


def _overlap(name: str, tasks: Sequence[Task], learned: Mapping[Callable[[str], str], set[str]]) -> Overlap:
    exact, spaces, plain = (sum(form(task.text) in learned[form] for task in tasks) for form in _FORMS)
    where = "train" if name == "validation" else "train or validation"
    sentence = (
        f"{exact} of {len(tasks)} {name} questions stand in {where} exactly, {spaces} with white space collapsed, "
        f"{plain} without regard to case and punctuation"
    )
    return Overlap(set=name, rows=len(tasks), exact=exact, spaces_collapsed=spaces, words_only=plain, sentence=sentence)


def _counts(tasks: Sequence[Task], form: Callable[[Task], str]) -> dict[str, int]:
    return dict(sorted(Counter(form(task) for task in tasks).items()))


def _file(task: Task) -> str:
    return task.source.file if task.source else ""
