"""One way through the samples: row and group checks on blocks, then the sketch of a check that looks at the whole set.

Enters: blocks of samples, cut between tasks. Leaves: per block what is kept and rejected, the sketch of the set check
that follows, and how often each check crashed. A check that raises rejects the row with its reason; it never loses it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import msgspec

from imbik.core.errors import ImbikError, raised_at
from imbik.core.executor import BLOCK_ROWS
from imbik.core.types import Sample, Verdict
from imbik.refine.checks import CheckContext


@dataclass(frozen=True)
class NamedCheck:
    """A check as the recipe names it, built."""

    name: str
    check: Any

    @property
    def scope(self) -> str:
        """row, group or all."""
        return str(self.check.scope)


@dataclass(frozen=True)
class Segment:
    """Checks that need one way through: row and group checks, then at most one set check to be sketched."""

    checks: tuple[NamedCheck, ...]
    sketched: NamedCheck | None = None


def segments_of(checks: Sequence[NamedCheck]) -> list[Segment]:
    """Cut the recipe's checks after each one that looks at the whole set."""
    segments, begun = [], list[NamedCheck]()
    for named in checks:
        if named.scope == "all":
            segments.append(Segment(tuple(begun), named))
            begun = []
        else:
            begun.append(named)
    return [*segments, Segment(tuple(begun))] if begun or not segments else segments


@dataclass
class Crashes:
    """How many samples a check was asked about, how many it crashed on, and one of the reasons."""

    asked: Counter[str] = field(default_factory=Counter)
    crashed: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, str] = field(default_factory=dict)

    def add(self, other: Crashes) -> None:
        """Count another block's in."""
        self.asked.update(other.asked)
        self.crashed.update(other.crashed)
        self.reasons.update({name: reason for name, reason in other.reasons.items() if name not in self.reasons})

    def refuse_total(self) -> None:
        """Raise ImbikError for a check that crashed on everything: that is a broken check, not bad rows."""
        for name, count in self.crashed.items():
            if count == self.asked[name]:
                raise ImbikError(
                    f"check '{name}' crashed on all {count} samples it was asked about ({self.reasons[name]})",
                    where="refine",
                    next="correct its settings in the recipe, or take it out of `refine:`",
                )


@dataclass
class Judged:
    """A block after a way through."""

    kept: list[Sample] = field(default_factory=list)
    rejected: list[Sample] = field(default_factory=list)
    sketches: list[Any] = field(default_factory=list)
    crashes: Crashes = field(default_factory=Crashes)


def blocks_between_tasks(samples: Iterable[Sample], size: int = BLOCK_ROWS) -> Iterator[list[Sample]]:
    """Blocks of at least `size` samples (the last may be smaller) that never part samples of one task."""
    block: list[Sample] = []
    for _, group in groupby(samples, key=lambda sample: sample.task.id):
        block.extend(group)
        if len(block) >= size:
            yield block
            block = []
    if block:
        yield block


def judge_block(samples: Sequence[Sample], *, segment: Segment, surroundings: Callable[[], CheckContext]) -> Judged:
    """Put a block through a segment. Picklable with functools.partial, so that worker processes can do it."""
    context, judged = surroundings(), Judged()
    for _, group in groupby(samples, key=lambda sample: sample.task.id):
        alive = list(group)
        for named in segment.checks:
            alive = _apply(named, alive, context, judged)
        judged.kept.extend(alive)
    if segment.sketched is not None and judged.kept:
        _sketch(segment.sketched, context, judged)
    return judged


def with_verdict(sample: Sample, name: str, verdict: Verdict) -> Sample:
    """The sample with one more verdict, signed with the check's name."""
    signed = verdict if verdict.by == name else msgspec.structs.replace(verdict, by=name)
    return msgspec.structs.replace(sample, verdicts=(*sample.verdicts, signed))


def crash_reason(name: str, error: Exception) -> str:
    """`check X crashed: KeyError at shape.py:31`."""
    return f"check {name} crashed: {raised_at(error)}"


def _apply(named: NamedCheck, samples: list[Sample], context: CheckContext, judged: Judged) -> list[Sample]:
    """Verdicts of one check on the living samples of a task; those it keeps go on."""
    if not samples:
        return samples
    judged.crashes.asked[named.name] += len(samples)
    if named.scope == "row":
        verdicts = [_verdicts(named, [sample], context, judged)[0] for sample in samples]
    else:
        verdicts = _verdicts(named, samples, context, judged)
    alive = list[Sample]()
    for sample, verdict in zip(samples, verdicts, strict=True):
        (alive if verdict.keep else judged.rejected).append(with_verdict(sample, named.name, verdict))
    return alive


def _verdicts(named: NamedCheck, samples: list[Sample], context: CheckContext, judged: Judged) -> list[Verdict]:
    """What the check says, or a rejection that says how it crashed."""
    try:
        if named.scope == "row":
            return [named.check.judge(samples[0], context)]
        verdicts: list[Verdict] = named.check.judge(samples, context)
        if len(verdicts) != len(samples):
            raise ValueError(f"{len(verdicts)} verdicts for {len(samples)} samples")
        return verdicts
    except ImbikError:
        raise
    except Exception as error:
        return [_crashed(named, error, judged) for _ in samples]


def _crashed(named: NamedCheck, error: Exception, judged: Judged) -> Verdict:
    reason = crash_reason(named.name, error)
    judged.crashes.crashed[named.name] += 1
    judged.crashes.reasons.setdefault(named.name, reason)
    return Verdict(by=named.name, keep=False, reason=reason)


def _sketch(named: NamedCheck, context: CheckContext, judged: Judged) -> None:
    """Sketch the block; where that crashes, sketch each sample alone, so that only the bad ones are rejected."""
    judged.crashes.asked[named.name] += len(judged.kept)
    try:
        judged.sketches.append(named.check.sketch(judged.kept, context))
    except ImbikError:
        raise
    except Exception:
        alive = []
        for sample in judged.kept:
            try:
                judged.sketches.append(named.check.sketch([sample], context))
                alive.append(sample)
            except Exception as error:
                judged.rejected.append(with_verdict(sample, named.name, _crashed(named, error, judged)))
        judged.kept = alive
