"""Preference pairs: for one task an answer that was kept against one that was rejected, with who rejected it and why.

Enters: a run. Leaves: pairs in task order, each rejected answer in one pair at most. It is set against its own repair
where that was kept, else against an answer of the same teacher, and kept answers are used in turn. An expert's edit is
preferred to what was edited. Rejections that say nothing of the answer's worth (duplicates, leakage, balance, a check
that crashed) and answers that hold personal data make no pair; what makes none is counted by its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from imbik.core.errors import RunFolderError
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Message, Record, Sample, Sensitivity, Verdict
from imbik.exchange.rows import LeftOut, Wanted, Writer, refuse_sets
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe
from imbik.refine.named import NamedCheck, checks_of
from imbik.refine.repair import by_task
from imbik.tasks.read import REFINED, REVIEWED, read_sets

ANSWERS, EXPERT = "2_answers", "expert"
_PERSONAL = "pii"


class Pair(Record, frozen=True, kw_only=True):
    """Two answers to one conversation; `by` is the check that rejected one of them, or `expert`."""

    id: str
    task: str
    set: str
    messages: tuple[Message, ...]
    chosen: str
    rejected: str
    by: str
    reason: str
    chosen_id: str
    language: str = ""
    sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL


@dataclass(frozen=True)
class _Turned:
    """A rejected answer; `left` is why it makes no pair, '' where it may."""

    sample: Sample
    by: str
    reason: str
    left: str = ""


def pairs(run: RunFolder, recipe: Recipe, wanted: Wanted, left: LeftOut, most: int) -> Iterator[Pair]:
    """All pairs, `most` of them a task.

    Raises: RunFolderError where the run is not that far or its files are in no order; UsageError for an unknown set.
    """
    sets = read_sets(run)
    refuse_sets(wanted, set(sets.values()))
    maker = _Maker(Writer(run, recipe, wanted), left, most)
    checks = {named.name: named for named in checks_of(recipe)}
    for task, kept, turned, edited in _tasks(run, recipe, checks):
        if wanted.sets and sets[task] not in wanted.sets:
            left.reasons["of a set that was not asked for"] += len(turned) + len(edited)
        else:
            yield from maker.of_task(sets[task], kept, turned, edited)


def rejected(run: RunFolder, recipe: Recipe) -> Iterator[tuple[Sample, str, str]]:
    """Every rejected answer with the check (or `expert`) and its reason, file by file."""
    checks = {named.name: named for named in checks_of(recipe)}
    for path in _files(run, recipe)[1]:
        for sample in _read(path):
            turned = _turned(sample, checks, by_people=path.parent.name == REVIEWED)
            yield sample, turned.by, turned.reason


class _Maker:
    """Pairs of one task after another."""

    def __init__(self, writer: Writer, left: LeftOut, most: int) -> None:
        self.writer, self.left, self.most = writer, left, most

    def of_task(
        self, name: str, kept: Sequence[Sample], turned: Sequence[_Turned], edited: Sequence[tuple[Sample, Sample]]
    ) -> Iterator[Pair]:
        """Edits first: a person took the trouble."""
        used, made, seen = Counter[str](), 0, {self._said(sample) for sample in kept}
        before = [(_Turned(old, EXPERT, "edited by an expert"), new) for old, new in edited]
        for item, better in [*before, *((item, None) for item in turned)]:
            said = self._said(item.sample)
            chosen = better or _best(item.sample, kept, used)
            why = item.left or self._unfit(said, seen, chosen, made)
            if why or chosen is None:
                self.left.reasons[why] += 1
                continue
            used[chosen.id] += 1
            made += 1
            seen.add(said)
            yield self._pair(name, item, said, chosen)

    def _unfit(self, said: str, seen: set[str], chosen: Sample | None, made: int) -> str:
        if chosen is None:
            return "rejected, and no answer of the task was kept"
        if not said.strip():
            return "rejected, and empty"
        if said in seen:
            return "rejected, in the words of another answer"
        return f"rejected, beyond {self.most} of one task" if made >= self.most else ""

    def _said(self, sample: Sample) -> str:
        """The answer as the others are written; as it came where its kind could read no answer in it."""
        if sample.answer.strip():
            return self.writer.text(sample.task, sample.reasoning, sample.answer)
        return sample.completion.answer

    def _pair(self, name: str, item: _Turned, said: str, chosen: Sample) -> Pair:
        task = chosen.task
        return Pair(
            id=item.sample.id, task=task.id, set=name, messages=self.writer.messages(task), chosen=self._said(chosen),
            rejected=said, by=item.by, reason=item.reason, chosen_id=chosen.id, language=task.language,
            sensitivity=inherited(task.sensitivity, chosen.sensitivity, item.sample.sensitivity),
        )  # fmt: skip


def _best(sample: Sample, kept: Sequence[Sample], used: Counter[str]) -> Sample | None:
    """Its repair, else one of its teacher, the least used first."""
    return min(
        kept,
        key=lambda item: (item.repairs != sample.id, item.teacher != sample.teacher, used[item.id]),
        default=None,
    )


def _tasks(
    run: RunFolder, recipe: Recipe, checks: Mapping[str, NamedCheck]
) -> Iterator[tuple[str, list[Sample], list[_Turned], list[tuple[Sample, Sample]]]]:
    """Of each task: kept answers, rejected ones, and what experts edited beside what it became."""
    parts, turned_away = _files(run, recipe)
    refined = sorted(run.stage(REFINED).glob("part-*.jsonl")) if recipe.review is not None else []
    given, files = 0, [*parts, *turned_away, *refined]
    for group, found in by_task(read_parts(run.stage(ANSWERS), Sample), files):
        given += sum(map(len, found))
        kept = [sample for rows in found[: len(parts)] for sample in rows]
        turned = [
            _turned(sample, checks, by_people=path.parent.name == REVIEWED)
            for path, rows in zip(turned_away, found[len(parts) :], strict=False)
            for sample in rows
        ]
        before = {sample.id: sample for rows in found[len(parts) + len(turned_away) :] for sample in rows}
        edited = [(before[new.id], new) for new in kept if new.id in before and _differ(before[new.id], new)]
        yield group[0].task.id, kept, turned, edited
    if given < (there := sum(map(_count, files))):
        raise RunFolderError(
            f"{there - given} answers stand in another order than their tasks, so no pairs can be made",
            where=str(run.path),
            next="run again with --from refine",
        )


def _files(run: RunFolder, recipe: Recipe) -> tuple[list[Path], list[Path]]:
    """Where kept answers stand, and rejected ones.

    Raises: RunFolderError where the stage is not there.
    """
    folder = run.stage(REVIEWED if recipe.review is not None else REFINED)
    if not folder.exists():
        raise RunFolderError("this is not here yet", where=str(folder), next=f"imbik run {run.typed} makes it")
    away = sorted(run.stage(REFINED).glob("rejected-*.jsonl"))
    if recipe.review is not None:
        away += sorted(folder.glob("rejected-*.jsonl"))
    return sorted(folder.glob("part-*.jsonl")), away


def _turned(sample: Sample, checks: Mapping[str, NamedCheck], *, by_people: bool) -> _Turned:
    """Who rejected it and why; people go by no name here."""
    verdict = sample.verdicts[-1] if sample.verdicts else Verdict(by="", keep=False)
    if by_people:
        return _Turned(sample, EXPERT, verdict.reason)
    named = checks.get(verdict.by)
    if named is None:
        left = "rejected by a check that the recipe does not name"
    elif named.block.use == _PERSONAL:
        left = "rejected for personal data"
    else:
        left = "" if named.can_be_mended(verdict) else f"rejected by {verdict.by}, which says nothing of its worth"
    return _Turned(sample, verdict.by, verdict.reason, left)


def _differ(before: Sample, after: Sample) -> bool:
    return (before.answer, before.reasoning) != (after.answer, after.reasoning)


def _read(path: Path) -> Iterator[Sample]:
    with path.open("rb") as stream:
        yield from map(msgspec.json.Decoder(Sample).decode, stream)


def _count(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(1 for _ in stream)
