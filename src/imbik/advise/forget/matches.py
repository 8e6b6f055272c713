"""Where a person was found, counted before anything is erased: by what was given, and by the field it stands in.

Enters: a plan's person and the tasks in which the person stands. Leaves: counts of rows. A single word such as `Elma`
may be a person's name and an everyday word; where it stands in many rows, whoever decides must be told that these are
perhaps not all about the person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from imbik.core.types import Task
from imbik.privacy.person import Person

MANY = 10  # rows from which a single word is doubted
_ROLES = {"user": "question", "assistant": "answer in the conversation", "system": "system turn"}
_FIELDS = {"reference": "known answer", "recorded": "recorded answer", "tags": "tag"}


class Given(NamedTuple):
    """One `--person`: its place among them (from 1), the rows it stands in, and whether it is a single word.

    `further` are answers to other rows that name one of those given.
    """

    number: int
    text: str
    rows: int
    word: bool
    further: int

    @property
    def places(self) -> int:
        """Rows, and further answers."""
        return self.rows + self.further

    @property
    def doubtful(self) -> bool:
        """Whether it may well be an everyday word."""
        return self.word and self.places > MANY


class Matches(NamedTuple):
    """Rows by what was given, and by field, most rows first; a row counts once for each."""

    given: tuple[Given, ...]
    fields: tuple[tuple[str, int], ...]

    @property
    def doubtful(self) -> tuple[Given, ...]:
        """What was given and may well be an everyday word."""
        return tuple(item for item in self.given if item.doubtful)


def matches(person: Person, tasks: Iterable[Task], further: int) -> Matches:
    """Count these rows, beside so many answers to other rows."""
    alone = [(text, Person([text])) for text in person.given]
    rows, fields = Counter[int](), Counter[str]()
    for task in tasks:
        parts = [(name, value) for name, value in _parts(task) if person.in_any(value)]
        fields.update({name for name, _ in parts})
        rows.update(number for number, (_, one) in enumerate(alone) if one.in_any([value for _, value in parts]))
    given = (
        Given(number + 1, text, rows[number], all(needle.kind == "word" for needle in one.needles), further)
        for number, (text, one) in enumerate(alone)
    )
    return Matches(tuple(given), tuple(fields.most_common()))


def _parts(task: Task) -> Iterator[tuple[str, object]]:
    """A task's content by the names that a person knows it by; where it came from says nothing of it."""
    for message in task.messages:
        yield _ROLES[message.role], message.content
    for name, value in msgspec.to_builtins(task).items():
        if name == "fields":
            yield from ((f"column '{column}'", [column, text]) for column, text in value.items())
        elif name not in {"messages", "source"}:
            yield _FIELDS.get(name, name), value
