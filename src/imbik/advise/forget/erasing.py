"""What is being erased: the one question every eraser asks of a record.

Enters: a person, ids of tasks and samples. Leaves: whether a task, a sample, an answer or any JSON value goes. A record
goes when its row was chosen or when the person stands in it; who judged a row (`by`) and the file it came from say
nothing of what the row is about, so they alone make no row go.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from imbik.core.types import Record, Sample, Task
from imbik.privacy.person import Person

ERASED = "[erased]"


class Remains(Record, frozen=True, kw_only=True):
    """One thing that is not clean: where it lies, why, and what to type. Never content."""

    path: str
    why: str
    next: str = ""


class OtherRun(Record, frozen=True, kw_only=True):
    """Another run of the folder that holds the same rows or names the person, or did when it asked about them."""

    run: str
    rows: int
    how: str
    next: str


class Journal(Record, frozen=True, kw_only=True):
    """`.forgetting.json`: what was decided, written before anything is erased and removed when all of it is.

    It names the person, as nothing else does afterwards, so that a killed erasure can be finished.
    """

    receipt: str
    why: Literal["forget", "retain"]
    begun: str
    given: tuple[str, ...]
    tasks: tuple[str, ...]
    samples: tuple[str, ...]
    contents: tuple[str, ...]
    keys: tuple[str, ...]
    learned: int
    held_out: int
    suppressed: int = 0
    named_before: int = 0
    others: tuple[OtherRun, ...] = ()
    students: tuple[Remains, ...] = ()
    notes: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass
class Erasing:
    """One erasure under way; `counts` is what was taken out, by kind of place."""

    receipt: str
    person: Person
    tasks: set[str]
    samples: set[str]
    contents: set[str]
    keys: set[bytes] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, journal: Journal) -> Erasing:
        """As the journal says."""
        return cls(
            receipt=journal.receipt,
            person=Person(journal.given),
            tasks=set(journal.tasks),
            samples=set(journal.samples),
            contents=set(journal.contents),
            keys={bytes.fromhex(key) for key in journal.keys},
        )

    def task(self, task: Task) -> bool:
        """Whether a task goes."""
        return task.id in self.tasks or mentions_task(self.person, task)

    def sample(self, sample: Sample) -> bool:
        """Whether a sample goes: with its task, with another stage's copy of it, or for what itself says."""
        return sample.task.id in self.tasks or sample.id in self.samples or mentions(self.person, sample)

    def row(self, name: str) -> bool:
        """Whether an id, of a task or of a sample, is one that goes."""
        return name in self.tasks or name in self.samples or name.partition("#")[0] in self.tasks

    def redacted(self, value: Any) -> tuple[Any, int]:
        """A JSON value with every string in which the person stands replaced, and how many that were."""
        return redact(self.person, value)


def mentions_task(person: Person, task: Task) -> bool:
    """Whether the person stands in a task."""
    return bool(person) and person.in_any(_task_content(msgspec.to_builtins(task)))


def mentions(person: Person, sample: Sample) -> bool:
    """Whether the person stands in a sample: its task, what was answered, or what checks and people said of it."""
    if not person:
        return False
    content = msgspec.to_builtins(sample)
    content["task"] = _task_content(content["task"])
    content["verdicts"] = [{k: v for k, v in verdict.items() if k != "by"} for verdict in content.get("verdicts", ())]
    return person.in_any(content)


def redact(person: Person, value: Any) -> tuple[Any, int]:
    """A JSON value with every string in which the person stands replaced by ERASED, and how many that were."""
    if isinstance(value, str):
        return (ERASED, 1) if person.in_text(value) else (value, 0)
    if isinstance(value, dict):
        pairs = [(redact(person, key), redact(person, item)) for key, item in value.items()]
        return {key: item for (key, _), (item, _) in pairs}, sum(first + second for (_, first), (_, second) in pairs)
    if isinstance(value, list | tuple):
        items = [redact(person, item) for item in value]
        return [item for item, _ in items], sum(count for _, count in items)
    return value, 0


def pseudonym(by: str, receipt: str) -> str:
    """Another name for an expert who is erased: the same one within an erasure."""
    from imbik.core.files import digest

    return f"expert-{digest(receipt, by)[:8]}"


def _task_content(task: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in task.items() if key != "source"}
