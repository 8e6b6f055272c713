"""The records that travel through a run: small, frozen, and the same in memory and on disk.

Enters: nothing. Leaves: the nouns every stage shares (Task, Completion, Sample, Verdict); what is asked stands in
`core.questions`, what a stage says of its work in `core.results`. They are msgspec structs, so one JSON line per record
is both the file format and the type check.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

import msgspec


class Sensitivity(StrEnum):
    """How private a row is (KVKK; `special` is art. 6). Ordered by `rank`; no mark means confidential."""

    PUBLIC = "public"
    INTERNAL = "internal"
    CONFIDENTIAL = "confidential"
    SPECIAL = "special"

    @property
    def rank(self) -> int:
        """0 for public up to 3 for special."""
        return _RANKS[self]


_RANKS = {level: rank for rank, level in enumerate(Sensitivity)}


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all records: immutable, keyword-only, defaults left out of the file."""


class Message(Record, frozen=True, kw_only=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class NumberReference(Record, frozen=True, kw_only=True, tag="number"):
    """A known numeric answer as it was written (`72`, `1/2`, `1.250,5`), with the worked solution if there is one."""

    text: str
    reasoning: str = ""


class TextReference(Record, frozen=True, kw_only=True, tag="text"):
    """A known answer in words, with the worked solution if there is one."""

    text: str
    reasoning: str = ""


class LabelReference(Record, frozen=True, kw_only=True, tag="label"):
    """A known class."""

    text: str
    reasoning: str = ""


class TurnsReference(Record, frozen=True, kw_only=True, tag="turns"):
    """Known assistant turns of a conversation, in order; `text` is the last one."""

    turns: tuple[str, ...]
    reasoning: str = ""

    @property
    def text(self) -> str:
        """The last assistant turn, the one scored by default."""
        return self.turns[-1] if self.turns else ""


class Case(Record, frozen=True, kw_only=True):
    """What a program reads and what it then has to print."""

    input: str = ""
    output: str = ""


class ProgramReference(Record, frozen=True, kw_only=True, tag="program"):
    """How a program is known to be right: Python statements that pass (`assert topla(2, 3) == 5`), or inputs with
    outputs. `text` is a program that does, where one is known ('' else)."""

    tests: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    text: str = ""
    reasoning: str = ""


Reference = NumberReference | TextReference | LabelReference | TurnsReference | ProgramReference


class Source(Record, frozen=True, kw_only=True):
    """Where a row came from: file (as the user wrote it) and 1-based line or row number."""

    file: str
    line: int


class Recorded(Record, frozen=True, kw_only=True):
    """An answer somebody already has for a task; `name` tells several recorded teachers apart."""

    name: str
    text: str


class Origin(Record, frozen=True, kw_only=True):
    """How a task was made: `by` which strategy or augmentation, `how` (operation, persona, template), `of` which tasks,
    by which teacher ('' for none), and how many such steps it is away from what a person wrote. `same_as` is the task
    that an augmented one says in other words."""

    by: str
    how: str = ""
    of: tuple[str, ...] = ()
    teacher: str = ""
    depth: int = 1
    same_as: str = ""


class Task(Record, frozen=True, kw_only=True):
    """One piece of work: what is asked, what is known about its answer, and how private it is.

    `set` is a set the source prescribes (train, validation, test, or a further test set such as `B`). A task made by a
    `text_template` keeps the template (trusted text), the column values (never control tokens) and the learned column.
    `origin` is that of a task which was grown or augmented; one that a person brought has none.
    """

    id: str
    kind: str
    messages: tuple[Message, ...]
    reference: Reference | None = None
    language: str = "tr"
    group: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    passage: str = ""
    schema: str = ""
    sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL
    source: Source | None = None
    recorded: tuple[Recorded, ...] = ()
    set: str = ""
    template: str = ""
    fields: dict[str, str] = {}
    learn: str = ""
    origin: Origin | None = None

    @property
    def text(self) -> str:
        """All turns joined by newlines: what duplicates and leakage look at."""
        return "\n".join(message.content for message in self.messages)


class Outcome(StrEnum):
    """How asking ended. Only `answered` may train a student; `pending` means not asked yet."""

    ANSWERED = "answered"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    FILTERED = "filtered"
    MALFORMED = "malformed"
    FAILED = "failed"
    BLOCKED = "blocked"
    PENDING = "pending"


class Usage(Record, frozen=True, kw_only=True):
    """Tokens read and written, as the teacher counted them.

    Of the tokens read, `cached_tokens` came from the provider's cache and `written_tokens` went into it.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0


class TokenLogprob(Record, frozen=True, kw_only=True):
    """One answer token with its log-probability in nats and the alternatives the teacher offered."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Vote(Record, frozen=True, kw_only=True):
    """What one of several teachers said: how asking it ended, and its answer's normal form ('' for none).

    Its whole completion lies in the answer store.
    """

    teacher: str
    outcome: Outcome
    answer: str = ""


class Completion(Record, frozen=True, kw_only=True):
    """An answer as it came: `reasoning` and `answer` are the teacher's own fields, before any kind parses them.

    Of several teachers as one, `by` is the one whose answer this is, and `votes` are those of all.
    """

    answer: str = ""
    reasoning: str = ""
    outcome: Outcome = Outcome.ANSWERED
    reason: str = ""
    usage: Usage = Usage()
    cost: Decimal = Decimal(0)
    seconds: float = 0.0
    logprobs: tuple[TokenLogprob, ...] = ()
    by: str = ""
    votes: tuple[Vote, ...] = ()


class Span(Record, frozen=True, kw_only=True):
    """Characters [start, end) of the answer or of the reasoning, with what supports or contradicts them.

    `source` are the characters [start, end) of the task's passage that support them, where there is one that does.
    `doubted`: whoever marked them found nothing that supports them, or something that is wrong with them.
    """

    start: int
    end: int
    note: str = ""
    part: Literal["answer", "reasoning"] = "answer"
    source: tuple[int, int] | None = None
    doubted: bool = False


class Verdict(Record, frozen=True, kw_only=True):
    """What a rule, a judge or a person says of a sample: one type for all three."""

    by: str
    keep: bool
    reason: str = ""
    score: float | None = None
    spans: tuple[Span, ...] = ()


class Sample(Record, frozen=True, kw_only=True):
    """One answer to one task. `reasoning` and `answer` are what the task's kind read from the raw completion.

    `repairs` is the id of the rejected sample that its teacher was asked to do better; '' for a first answer.
    """

    task: Task
    teacher: str
    number: int
    completion: Completion
    reasoning: str = ""
    answer: str = ""
    verdicts: tuple[Verdict, ...] = ()
    sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL
    repairs: str = ""

    @property
    def id(self) -> str:
        """`TASK#TEACHER#NUMBER`: unique in a run."""
        return f"{self.task.id}#{self.teacher}#{self.number}"
