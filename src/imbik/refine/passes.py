"""One way through the samples: checks of a block, then the sketch of a check that looks at the whole set.

Enters: blocks of samples, cut between tasks. Leaves: per block what is kept and rejected, in the order in which it
came, the sketch of the set check that follows, what was edited, and how often each check crashed. A check that raises
rejects the row with its reason; it never loses it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import msgspec

from imbik.core.errors import ImbikError, raised_at
from imbik.core.executor import BLOCK_ROWS
from imbik.core.types import Sample, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.named import NamedCheck

_LAST = ("all", "asked")


@dataclass(frozen=True)
class Segment:
    """Checks that need one way through: those of a block, then at most one that looks at the set, or that asks."""

    checks: tuple[NamedCheck, ...]
    last: NamedCheck | None = None

    @property
    def sketched(self) -> NamedCheck | None:
        """The check of the whole set that ends it."""
        return self.last if self.last is not None and self.last.scope == "all" else None


def segments_of(checks: Sequence[NamedCheck]) -> list[Segment]:
    """Cut the recipe's checks after each one that looks at the whole set, or that asks."""
    segments, begun = [], list[NamedCheck]()
    for named in checks:
        if named.scope in _LAST:
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

    def verdict(self, name: str, error: Exception) -> Verdict:
        """The rejection of a row on which a check crashed."""
        reason = crash_reason(name, error)
        self.crashed[name] += 1
        self.reasons.setdefault(name, reason)
        return Verdict(by=name, keep=False, reason=reason)

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
    """A block after a way through; `edits` counts what edit checks changed, by (check, change)."""

    kept: list[Sample] = field(default_factory=list)
    rejected: list[Sample] = field(default_factory=list)
    sketches: list[Any] = field(default_factory=list)
    crashes: Crashes = field(default_factory=Crashes)
    edits: Counter[tuple[str, str]] = field(default_factory=Counter)


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


def judge_block(
    samples: Sequence[Sample], *, segment: Segment, surroundings: Callable[[], CheckContext], counted_from: int = 0
) -> Judged:
    """Put a block through a segment. Picklable with functools.partial, so that worker processes can do it.

    Edits are counted of samples with numbers from `counted_from` on: those below were counted in an earlier round.
    """
    context, judged = surroundings(), Judged()
    alive = list(samples)
    for named in segment.checks:
        alive = _apply(named, alive, context, judged, counted_from)
    judged.kept = alive
    if segment.sketched is not None and alive:
        _sketch(segment.sketched, context, judged)
    if judged.rejected:
        place = {sample.id: number for number, sample in enumerate(samples)}
        judged.rejected.sort(key=lambda sample: place[sample.id])
    return judged


def with_verdict(sample: Sample, name: str, verdict: Verdict) -> Sample:
    """The sample with one more verdict, signed with the check's name."""
    signed = verdict if verdict.by == name else msgspec.structs.replace(verdict, by=name)
    return msgspec.structs.replace(sample, verdicts=(*sample.verdicts, signed))


def crash_reason(name: str, error: Exception) -> str:
    """`check X crashed: KeyError at shape.py:31`."""
    return f"check {name} crashed: {raised_at(error)}"


def edit_reason(changes: Mapping[str, int]) -> str:
    """What an edit did, in words: `html 2, mojibake 1`; '' for nothing."""
    return ", ".join(f"{name} {count}" for name, count in sorted(changes.items()) if count)


def _apply(
    named: NamedCheck, samples: list[Sample], context: CheckContext, judged: Judged, counted_from: int
) -> list[Sample]:
    """Verdicts of one check on the living samples of a block; those it keeps go on."""
    if not samples:
        return samples
    judged.crashes.asked[named.name] += len(samples)
    if named.scope == "edit":
        pairs = [_edited(named, sample, context, judged, counted_from) for sample in samples]
    else:
        verdicts = (_by_group if named.scope == "group" else _by_row)(named, samples, context, judged)
        pairs = list(zip(samples, verdicts, strict=True))
    alive = list[Sample]()
    for sample, verdict in pairs:
        (alive if verdict.keep else judged.rejected).append(with_verdict(sample, named.name, verdict))
    return alive


def _by_row(named: NamedCheck, samples: list[Sample], context: CheckContext, judged: Judged) -> list[Verdict]:
    """A verdict for each: all at once where the check can, alone where that crashes."""
    many = getattr(named.check, "judge_many", None)
    if many is None:
        return [_alone(named, sample, context, judged) for sample in samples]
    try:
        return _as_many(many(samples, context), samples)
    except ImbikError:
        raise
    except Exception:
        return [_alone(named, sample, context, judged) for sample in samples]


def _alone(named: NamedCheck, sample: Sample, context: CheckContext, judged: Judged) -> Verdict:
    """What a row check says of one sample, or a rejection that says how it crashed."""
    try:
        judge = getattr(named.check, "judge", None)
        if judge is None:
            return _as_many(named.check.judge_many([sample], context), [sample])[0]
        verdict: Verdict = judge(sample, context)
        return verdict
    except ImbikError:
        raise
    except Exception as error:
        return judged.crashes.verdict(named.name, error)


def _by_group(named: NamedCheck, samples: list[Sample], context: CheckContext, judged: Judged) -> list[Verdict]:
    """What a group check says of each task's samples."""
    verdicts = list[Verdict]()
    for _, found in groupby(samples, key=lambda sample: sample.task.id):
        group = list(found)
        try:
            verdicts += _as_many(named.check.judge(group, context), group)
        except ImbikError:
            raise
        except Exception as error:
            verdicts += [judged.crashes.verdict(named.name, error) for _ in group]
    return verdicts


def _as_many(verdicts: Sequence[Verdict], samples: Sequence[Sample]) -> list[Verdict]:
    if len(verdicts) != len(samples):
        raise ValueError(f"{len(verdicts)} verdicts for {len(samples)} samples")
    return list(verdicts)


def _edited(
    named: NamedCheck, sample: Sample, context: CheckContext, judged: Judged, counted_from: int
) -> tuple[Sample, Verdict]:
    """The sample, mended, and a verdict that says what was changed."""
    try:
        edited, changes = named.check.edit(sample, context)
        if (edited.id, edited.verdicts) != (sample.id, sample.verdicts):
            raise ValueError("an edit keeps the id and the verdicts")
        reason = edit_reason(changes)
    except ImbikError:
        raise
    except Exception as error:
        return sample, judged.crashes.verdict(named.name, error)
    if sample.number >= counted_from:
        judged.edits.update({(named.name, change): count for change, count in changes.items() if count})
    return edited, Verdict(by=named.name, keep=True, reason=reason)


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
                judged.rejected.append(with_verdict(sample, named.name, judged.crashes.verdict(named.name, error)))
        judged.kept = alive
