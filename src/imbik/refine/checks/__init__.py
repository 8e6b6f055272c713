"""Checks: what makes an answer true enough to learn from. A file here is a check with one of three scopes.

Enters: samples. Leaves: verdicts with a reason a person understands. `row` checks look at one sample, `group` checks at
all samples of one task, `all` checks at the whole set through mergeable sketches, so that results depend on the rows
and never on block size or order. A set check's `decide` may leave out samples that it keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from imbik.core.types import Sample, Task, Verdict
from imbik.tasks.kinds import Kind

S = TypeVar("S")


@dataclass(frozen=True)
class CheckContext:
    """What checks may look at beside the samples: the kind, and the held-out tasks by set name."""

    kind: Kind
    held_out: Mapping[str, Sequence[Task]] = field(default_factory=dict)


class RowCheck(Protocol):
    """`scope = "row"`: one sample at a time."""

    scope: str

    def judge(self, sample: Sample, context: CheckContext) -> Verdict: ...


class GroupCheck(Protocol):
    """`scope = "group"`: all samples of one task."""

    scope: str

    def judge(self, samples: Sequence[Sample], context: CheckContext) -> list[Verdict]: ...


class SetCheck(Protocol[S]):
    """`scope = "all"`: sketch blocks, merge sketches, decide once; verdicts by sample id."""

    scope: str

    def sketch(self, samples: Sequence[Sample], context: CheckContext) -> S: ...
    def merge(self, sketches: Sequence[S]) -> S: ...
    def decide(self, sketch: S, context: CheckContext) -> dict[str, Verdict]: ...
