"""Pairs of answers that people compare: two systems on the same held-out row, as the report's evaluation kept them.

Enters: `1_tasks/` and `8_report/answers/` of a run, names of systems. Leaves: a duel for each row and pair, the first
system against each other one. The rows are chosen by their hash, so they are the same every time; the duels stand in
the order of theirs, so that of three systems the first one is not known by an answer that comes twice in a row. Answers
that say the same are no question for a person; rows that one of the two was not asked are left out; both are counted. A
duel is as private as the row and as the systems that answered it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imbik.core import students
from imbik.core.errors import RunFolderError, UsageError
from imbik.core.files import digest, digest_value, read_json, read_lines
from imbik.core.misspelt import closest
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Outcome, Record, Sensitivity, Task
from imbik.privacy.sensitivity import inherited
from imbik.review.preferences import PREFIX
from imbik.review.shown import Shown

REPORT = "8_report"
_UNASKED = (Outcome.BLOCKED, Outcome.FAILED, Outcome.PENDING)
_NEVER = ("train", "validation")
_PREFIX = re.compile("^(export|teacher)_")


class Answer(Record, frozen=True, kw_only=True):
    """The part of a kept answer that a person sees, and what says which one it is."""

    id: str
    set: str
    seed: int = -1
    answer: str = ""
    reasoning: str = ""
    text: str = ""
    outcome: Outcome = Outcome.ANSWERED

    @property
    def said(self) -> tuple[str, str]:
        """Reasoning and answer; where no answer could be read, the words themselves."""
        return (self.reasoning, self.answer) if self.answer else ("", self.text)


class _Ran(Record, frozen=True, kw_only=True):
    sensitivity: Sensitivity


@dataclass(frozen=True)
class Duel:
    """One row and two answers to it by system."""

    content: str
    task: Task
    answers: Mapping[str, tuple[str, str]]
    sensitivity: Sensitivity

    @property
    def pair(self) -> tuple[str, str]:
        """Both systems, in the order that was asked for."""
        one, other = self.answers
        return one, other

    def other(self, system: str) -> str:
        """The one of the two that this is not."""
        one, other = self.pair
        return other if system == one else one


@dataclass
class Duels:
    """All pairs of answers, in the order in which they are shown; what is not shown, by pair of systems."""

    duels: list[Duel] = field(default_factory=list)
    same: dict[tuple[str, str], int] = field(default_factory=dict)
    unasked: dict[tuple[str, str], int] = field(default_factory=dict)


def compared(run: RunFolder) -> list[str]:
    """The systems whose answers a run's report kept."""
    found = (run.stage(REPORT) / "answers").glob("*.json")
    return sorted(_PREFIX.sub(r"\1:", path.stem) for path in found)


def duels(run: RunFolder, systems: Sequence[str], rows: int | None = None) -> Duels:
    """The duels of the first system with each other one, on at most so many rows (None: on all).

    Raises: UsageError for systems that the report does not know, or fewer than two.
    """
    _check(run, systems)
    found, best = Duels(), _best(run)
    given = {system: _answers(run, system, best) for system in systems}
    levels = {system: read_json(_file(run, system).with_suffix(".json"), _Ran).sensitivity for system in systems}
    chosen = _rows(given[systems[0]], rows)
    tasks = {task.id: task for task in read_parts(run.stage("1_tasks"), Task) if task.id in chosen}
    for row in (row for row in chosen if row in tasks):
        for other in systems[1:]:
            _add(found, tasks[row], (systems[0], other), given, levels)
    found.duels.sort(key=lambda duel: digest("order", duel.content))
    return found


def _add(
    found: Duels,
    task: Task,
    pair: tuple[str, str],
    given: Mapping[str, Mapping[str, Answer]],
    levels: Mapping[str, Sensitivity],
) -> None:
    """One pair of answers, where there are two that differ."""
    both = [given[system].get(task.id) for system in pair]
    answers = {system: one.said for system, one in zip(pair, both, strict=True) if one and one.outcome not in _UNASKED}
    if len(answers) < len(pair):
        found.unasked[pair] = found.unasked.get(pair, 0) + 1
    elif answers[pair[0]] == answers[pair[1]]:
        found.same[pair] = found.same.get(pair, 0) + 1
    else:
        level = inherited(task.sensitivity, *(levels[system] for system in pair))
        found.duels.append(Duel(_key(task, answers), task, answers, level))


def _key(task: Task, answers: Mapping[str, tuple[str, str]]) -> str:
    """What is judged: the question, the passage, and who said what."""
    turns = [[message.role, message.content] for message in task.messages]
    return PREFIX + digest_value(["duel", turns, task.passage, sorted([name, *said] for name, said in answers.items())])


def shown(duel: Duel) -> Shown:
    """The duel as a row of a queue."""
    return Shown(row=duel.task.id, content=duel.content, category=duel.task.category, sensitivity=duel.sensitivity)


class DuelRows:
    """The duels as rows of a desk, read again when the report has answered anew."""

    def __init__(self, run: RunFolder, systems: Sequence[str], rows: int) -> None:
        self.run, self.systems, self.most = run, tuple(systems), rows
        self.found = Duels()
        self._by_content: dict[str, Duel] = {}

    def stamp(self) -> tuple[int, ...]:
        """Changes when an answer does."""
        files = [_file(self.run, system) for system in self.systems]
        about = [path.stat() for file in files for path in (file, file.with_suffix(".json")) if path.exists()]
        return tuple(number for item in about for number in (item.st_ino, item.st_mtime_ns, item.st_size))

    def rows(self) -> Sequence[Shown]:
        """Read them. While a report is being made anew there are none."""
        try:
            self.found = duels(self.run, self.systems, self.most)
        except (UsageError, RunFolderError):
            self.found = Duels()
        self._by_content = {duel.content: duel for duel in self.found.duels}
        return [shown(duel) for duel in self.found.duels]

    def duel(self, content: str) -> Duel | None:
        """The duel of a row."""
        return self._by_content.get(content)


def _check(run: RunFolder, systems: Sequence[str]) -> None:
    there = compared(run)
    if not there:
        raise UsageError(
            "there are no answers to compare yet", where=str(run.path), next=f"imbik run {run.path / 'recipe.yaml'}"
        )
    if len(set(systems)) < 2 or len(set(systems)) < len(systems):
        raise UsageError("name two systems or more, each once", next=f"among {', '.join(there)}")
    for system in systems:
        if not _file(run, system).with_suffix(".json").exists():
            raise UsageError(f"this run's report has no system '{system}'; {closest(system, there)}")


def _file(run: RunFolder, system: str) -> Path:
    return run.stage(REPORT) / "answers" / f"{system.replace(':', '_')}.jsonl"


def _answers(run: RunFolder, system: str, best: int) -> dict[str, Answer]:
    """By row: of the best seed where there are several, else of the only one. Rows of training sets are none."""
    found = [item for item in read_lines(_file(run, system), Answer) if item.set not in _NEVER]
    seeds = {item.seed for item in found}
    seed = best if best in seeds else min(seeds, default=0)
    return {item.id: item for item in found if item.seed == seed}


def _rows(answers: Mapping[str, Answer], most: int | None) -> list[str]:
    """Rows of the quoted set, by their hash."""
    sets = {item.set for item in answers.values()}
    quoted = "test" if "test" in sets else min(sets, default="")
    rows = [item.id for item in answers.values() if item.set == quoted]
    return sorted(rows, key=lambda row: digest("compare", row))[:most]


def _best(run: RunFolder) -> int:
    try:
        return students.best_seed(run)
    except RunFolderError:
        return 0
