"""Kinds of task: how to ask, how to read the answer, which checks and metrics fit. A file here is a kind.

Enters: a Task and a raw completion. Leaves: messages for a teacher, reasoning and final answer apart, the text a
student learns, and whether two answers mean the same.

`fields` are the row shapes that a kind understands, role -> column (see `tasks.columns`, whose QUESTION_SHAPES and
LABEL_SHAPES most kinds share). `reference` is handed the texts of `answer` or `label`, and of `reasoning`; it raises
`tasks.rows.BadRowError` where they cannot be a reference, and the row goes to quarantine. `version` is raised when the
same row would give another task. A kind with `json = True` answers in JSON: its normal form alone says what is equal,
and its own words are put to a teacher beside a schema too. A kind of which two good answers are hardly ever one text
has `open_text = True`: agreement with the teacher is then never shown in place of a metric. A kind of which one row may
give several tasks has `parts(task) -> Sequence[Task]` (see `tasks.turns`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from imbik.core.types import Completion, Message, Reference, Task


class Reading(NamedTuple):
    """What a kind reads from an answer. An empty `answer` means none was found."""

    reasoning: str
    answer: str


class Kind(Protocol):
    """The contract of a kind; built as `Kind(settings)` with its own `Settings`."""

    version: int
    fields: Sequence[Mapping[str, str]]
    checks: Sequence[str]
    metrics: Sequence[str]

    def reference(self, fields: Mapping[str, str]) -> Reference | None:
        """The reference in a row's fields (`answer`, `label`, `reasoning` …), or None."""
        ...

    def question(self, task: Task, *, reasoning: bool, instruction: str | None) -> tuple[Message, ...]:
        """Messages to a teacher, in the task's language; `instruction` replaces the kind's own ('' for none)."""
        ...

    def choices(self, task: Task) -> tuple[str, ...]:
        """The allowed answers, or () when any text may be one."""
        ...

    def read(self, completion: Completion, task: Task) -> Reading:
        """Reasoning and final answer apart."""
        ...

    def render(self, reasoning: str, answer: str, task: Task) -> str:
        """The assistant's text that a student learns; `read` of it gives back the same reasoning and answer."""
        ...

    def canonical(self, answer: str, task: Task) -> str:
        """A normal form: two answers mean the same exactly when their normal forms are equal ('' is no answer)."""
        ...
