"""One refining: the ways through the samples, and the files that they leave.

Enters: a stage's context. Leaves: kept samples in parts, rejected ones in one file a way through, each of them in task
order; leaves and counts. Memory holds a block and the sketches, never all samples.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from imbik.core.errors import ImbikError, raised_at
from imbik.core.files import atomic_writer, read_lines, remove, write_lines
from imbik.core.lineage import Leaves, sample_leaf
from imbik.core.runfolder import read_parts, write_parts
from imbik.core.types import Outcome, Sample, Verdict
from imbik.refine.asking import Asking, Ended
from imbik.refine.books import Tally, write_counts
from imbik.refine.named import NamedCheck, checks_of
from imbik.refine.passes import Judged, Segment, blocks_between_tasks, judge_block, segments_of, with_verdict
from imbik.refine.repair import Repair, by_task
from imbik.refine.surroundings import Surroundings
from imbik.stage import StageContext, StageResult

Verdicts = Iterator[tuple[Sample, Verdict | None]]


@dataclass(frozen=True)
class _Decided:
    """What the check that ends a segment says of each sample; None where it is still to be asked."""

    named: NamedCheck
    verdicts: Callable[[], Verdicts]


class _Stream:
    """Sketches on their way to a check; `failed` is what went wrong in making them, which is no fault of that check."""

    def __init__(self, sketches: Iterator[Any]) -> None:
        self._sketches = sketches
        self.failed: Exception | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._sketches)
        except StopIteration:
            raise
        except Exception as error:
            self.failed = error
            raise


class Work:
    """Counts, and the ways through."""

    def __init__(self, context: StageContext, block_rows: int) -> None:
        self.context, self.block_rows, self.folder = context, block_rows, context.folder
        token = str(getattr(context.run.manifest("1_tasks"), "root", ""))
        self.surroundings = Surroundings(context.recipe, context.run, token)
        self.checks = checks_of(context.recipe)
        self.segments = segments_of(self.checks)
        held_out = {task.id for tasks in self.surroundings().held_out.values() for task in tasks}
        self.tally = Tally(str(context.folder), context.run.typed, held_out)
        self.leaves = Leaves()
        self._rejected: list[Path] = []
        self._repairs: list[Path] = []
        self._seen = 0  # files of rejected samples that an earlier round of repair has looked through
        self._span = 1

    def result(self) -> StageResult:
        """All ways through, then books and warnings.

        Raises: ImbikError when no training sample is kept.
        """
        manifest, repair = self.context.run.manifest("2_answers"), self.context.recipe.repair
        self.context.progress.begin("refine", manifest.books.rows_in if manifest else 0)
        kept = self._through(self._answered())
        for number in range(1, repair.rounds + 1 if repair else 1):
            kept = self._repaired(kept, number)
        self._write_kept(kept)
        hidden = [path for name in (".pass", ".kept") for path in self.folder.glob(f"{name}-*.jsonl")]
        for path in [*hidden, *self._rejected]:
            if path in hidden or not path.stat().st_size:  # a way through that rejected nothing
                remove(path)
        write_counts(self.folder, self.tally.counted(self.checks, repairs=repair is not None))
        out = len(self.leaves)
        books = self.tally.books(out)
        return StageResult(books, self.leaves, self.tally.sensitivity, warnings=list(self.tally.warnings(out)))

    def _answered(self) -> Iterator[Sample]:
        """Samples with an answer; the others are counted as failed."""
        for sample in read_parts(self.context.run.stage("2_answers"), Sample):
            self.tally.rows += 1
            self._span = max(self._span, sample.number + 1)
            self.context.progress.advance("refine")
            if sample.completion.outcome is Outcome.ANSWERED:
                yield sample
            else:
                self.tally.outcomes[sample.completion.outcome.value] += 1

    def _raw(self) -> Iterator[Sample]:
        """All samples as they came, first answers and repairs, in task order."""
        first = read_parts(self.context.run.stage("2_answers"), Sample)
        for group, repairs in by_task(first, self._repairs):
            yield from group
            yield from (sample for found in repairs for sample in found)

    def _repaired(self, rows: Iterator[Sample], number: int) -> Iterator[Sample]:
        """One round: what was rejected is asked for again, and passes all checks with what was kept.

        Rejections stand; what was kept is judged again, for a check of the group or the set looks at all of them. Rows
        that wait for a judge keep the round from beginning: the same command goes on with them first.
        """
        scratch = self.folder / f".kept-{number}.jsonl"
        write_lines(scratch, rows)
        if self.tally.pending:
            return read_lines(scratch, Sample)
        rejected, self._seen = self._rejected[self._seen :], len(self._rejected)
        context, checks = self.context, {named.name: named for named in self.checks}
        repair = Repair(
            context.recipe, self.surroundings().kind, context.asker, checks, self._raw, rejected, self._span, number
        )
        made = repair.write(self.folder)
        self._repairs += made
        new = {sample.id for path in made for sample in read_lines(path, Sample) if self._counts(sample)}
        return self._through(self._again(scratch, new), number * self._span) if new else read_lines(scratch, Sample)

    def _counts(self, sample: Sample) -> bool:
        """Count a new sample in; whether it was answered."""
        self.tally.rows += 1
        self.tally.repairs_asked += 1
        answered = sample.completion.outcome is Outcome.ANSWERED
        self.tally.repairs_answered += answered
        if not answered:
            self.tally.outcomes[sample.completion.outcome.value] += 1
        return answered

    def _again(self, scratch: Path, new: set[str]) -> Iterator[Sample]:
        """What was kept, as it came, and what is new, in task order."""
        for group, (kept,) in by_task(self._raw(), [scratch]):
            wanted = {sample.id for sample in kept}
            yield from (sample for sample in group if sample.id in wanted or sample.id in new)

    def _through(self, rows: Iterable[Sample], counted_from: int = 0) -> Iterator[Sample]:
        """All segments; what the last of them leaves is given out."""
        decided: _Decided | None = None
        for segment in self.segments:
            rows, decided = self._pass(segment, self._settled(rows, decided), counted_from)
        yield from self._settled(rows, decided)

    def _pass(
        self, segment: Segment, rows: Iterable[Sample], counted_from: int
    ) -> tuple[Iterable[Sample], _Decided | None]:
        """One way through: what is kept lies in a hidden file, and the segment's last check has looked at it."""
        scratch = self.folder / f".pass-{len(self._rejected):05d}.jsonl"

        def again() -> Iterator[Sample]:
            return read_lines(scratch, Sample)

        sketches = self._sketches(segment, rows, counted_from, scratch)
        if segment.sketched is not None:
            return again(), self._of_the_set(segment.sketched, sketches, again)
        for _ in sketches:
            pass
        self.tally.crashes.refuse_total()
        return again(), self._asked(segment.last, again, counted_from) if segment.last is not None else None

    def _sketches(
        self, segment: Segment, rows: Iterable[Sample], counted_from: int, scratch: Path
    ) -> Generator[Any, None, None]:
        """Sketches as blocks are judged; what is kept and rejected is written beside."""
        with ExitStack() as files:
            rejected = files.enter_context(atomic_writer(self._next_rejected()))
            kept = files.enter_context(atomic_writer(scratch))
            judge = partial(judge_block, segment=segment, surroundings=self.surroundings, counted_from=counted_from)
            for judged in self.context.executor.map(judge, blocks_between_tasks(rows, self.block_rows)):
                self._write(judged, kept, rejected)
                yield from judged.sketches

    def _settled(self, rows: Iterable[Sample], decided: _Decided | None) -> Iterator[Sample]:
        """Apply what a segment's last check decided."""
        if decided is None:
            yield from rows
            return
        name = decided.named.name
        with atomic_writer(self._next_rejected()) as rejected:
            for sample, verdict in decided.verdicts():
                if verdict is None:
                    self.tally.pending += 1
                    continue
                judged = with_verdict(sample, name, verdict)
                if verdict.keep:
                    yield judged
                else:
                    self._reject(judged, rejected)
        self.tally.crashes.refuse_total()

    def _of_the_set(self, named: NamedCheck, sketches: Iterator[Any], rows: Callable[[], Iterator[Sample]]) -> _Decided:
        stream, check = _Stream(sketches), named.check
        try:
            merged = [check.merge(chain([first], stream)) for first in islice(stream, 1)]
            for _ in stream:  # a check that does not look at all of them
                pass
            self.tally.crashes.refuse_total()
            found = check.decide(merged[0], self.surroundings()) if merged else {}
        except ImbikError:
            raise
        except Exception as error:
            if stream.failed is not None:
                raise stream.failed from None
            raise ImbikError(
                f"check '{named.name}' crashed on the whole set ({raised_at(error)})",
                where="refine",
                next="correct its settings in the recipe, or take it out of `refine:`",
            ) from error
        kept = Verdict(by=named.name, keep=True)
        return _Decided(named, lambda: ((sample, found.get(sample.id) or kept) for sample in rows()))

    def _asked(self, named: NamedCheck, rows: Callable[[], Iterator[Sample]], counted_from: int) -> _Decided:
        progress, label = self.context.progress, f"refine: {named.name}"
        ended = self.tally.ended.setdefault(named.name, Ended())
        asking = Asking(
            named, self.context.asker, self.surroundings(), self.folder, self.tally.crashes,
            lambda: progress.advance(label), ended, counted_from,
        )  # fmt: skip

        def verdicts() -> Verdicts:
            progress.begin(label, sum(1 for _ in rows()))
            yield from asking.verdicts(rows)
            progress.end(label)

        return _Decided(named, verdicts)

    def _write(self, judged: Judged, kept: BinaryIO, rejected: BinaryIO) -> None:
        self.tally.crashes.add(judged.crashes)
        self.tally.edits.update(judged.edits)
        for sample in judged.rejected:
            self._reject(sample, rejected)
        for sample in judged.kept:
            kept.write(msgspec.json.encode(sample) + b"\n")

    def _reject(self, sample: Sample, stream: BinaryIO) -> None:
        self.tally.reject(sample)
        stream.write(msgspec.json.encode(sample) + b"\n")

    def _write_kept(self, rows: Iterable[Sample]) -> None:
        """Write what is kept as parts."""

        def kept() -> Iterator[Sample]:
            for sample in rows:
                self.leaves.append(sample_leaf(sample))
                self.tally.keep(sample)
                yield sample

        write_parts(self.folder, kept())

    def _next_rejected(self) -> Path:
        """The file of the next way through: checks of a block, and those that look at all or ask, write one each."""
        self._rejected.append(self.folder / f"rejected-{len(self._rejected):05d}.jsonl")
        return self._rejected[-1]
