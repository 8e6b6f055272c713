"""Strategies: how tasks are made of others. A file here is a strategy.

Enters: the ground that growing stands on (training seeds, what was grown by now, the recipe's folder). Leaves: ideas,
one at a time: either a prompt that a teacher answers with tasks, or rows that are tasks already (`rows`).

A strategy is built from its `Settings` (below StrategySettings, or AskingSettings where it asks a teacher), is told its
ground by `prepare`, which returns the categories that it can grow, and then makes idea `number` of a category: None
once it has no more. An idea depends on the ground, the category and the number, never on time or on the process, so
that a run which was killed asks the same questions again and finds their answers stored. `version` is raised when the
same ground would give other ideas. `files` are those whose content shapes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol

from pydantic import Field

from imbik.core.files import digest
from imbik.core.plugins import PluginSettings
from imbik.core.types import LabelReference, Sensitivity, Source, Task


class StrategySettings(PluginSettings):
    """What every strategy takes."""

    share: float = Field(1.0, gt=0, description="its part of what is grown, beside the shares of the other strategies")


class AskingSettings(StrategySettings):
    """What a strategy that asks a teacher takes."""

    teacher: str = Field("", description="who is asked (default: grow.teacher)")
    per_answer: int = Field(5, ge=1, le=50, description="tasks asked for in one question")


@dataclass(frozen=True)
class Idea:
    """What one question, or one making, is about; all tasks that come of it carry this.

    `made_of` are ids of the tasks shown in the prompt, `family` holds what belongs together in one set, `sensitivity`
    is the highest of whatever the prompt holds. `rows` are tasks that need no teacher.
    """

    category: str
    family: str
    sensitivity: Sensitivity
    language: str
    prompt: str = ""
    wanted: int = 1
    how: str = ""
    made_of: tuple[str, ...] = ()
    passage: str = ""
    source: Source | None = None
    depth: int = 1
    rows: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class Ground:
    """What a strategy may look at.

    `seeds` are training tasks whose family is in no held-out set; `fields` the columns of a task of this kind, the
    question's first, and `labels` the classes of tasks that have one; `grown` gives the training tasks grown in a
    category that may go to the strategy's teacher; `may_show` is False for a text that stands in a held-out set.
    """

    seeds: Sequence[Task]
    fields: Sequence[str]
    base: Path
    language: str
    level: Sensitivity
    seed: int = 0
    labels: Sequence[str] = ()
    grown: Callable[[str], Sequence[Task]] = lambda category: ()
    may_show: Callable[[str], bool] = lambda text: True
    _drawn: dict[str, list[Task]] = field(default_factory=dict)

    def seeds_of(self, category: str) -> Sequence[Task]:
        """The seeds of a category."""
        if not self._drawn:
            for task in self.seeds:
                self._drawn.setdefault(category_of(task), []).append(task)
        return self._drawn.get(category, ())

    def categories(self) -> list[str]:
        """The categories of the seeds, in order of their first."""
        return list(dict.fromkeys(category_of(task) for task in self.seeds))

    def draw(self, *parts: object) -> Random:
        """Randomness that depends on the recipe's seed and these parts alone."""
        return Random(int(digest("grow", str(self.seed), *map(str, parts))[:16], 16))


class Strategy(Protocol):
    """The contract; built as `Strategy(settings)`."""

    version: int
    asks: bool

    def files(self, base: Path) -> Sequence[Path]:
        """Files and folders whose content shapes its ideas. Raises InputError where they are missing."""
        ...

    def prepare(self, ground: Ground) -> Sequence[str]:
        """Look at the ground; the categories that ideas can be had for, in a stable order."""
        ...

    def idea(self, category: str, number: int) -> Idea | None:
        """Idea `number` (from 0) of a category; None where there are no more."""
        ...


def category_of(task: Task) -> str:
    """What coverage counts a task under: its category, else its class."""
    return task.category or (task.reference.text if isinstance(task.reference, LabelReference) else "")


def family_of(task: Task) -> str:
    """What holds a task and all that is made of it together."""
    return task.group or task.id
