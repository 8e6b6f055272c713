"""One refining: the ways through the samples, and the files that they leave.

Enters: a stage's context. Leaves: kept samples in parts, rejected ones in one file a way through, each of them in task
order; leaves and counts. Memory holds a block and the sketches, never all samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from imbik.core.errors import ImbikError, raised_at
from imbik.core.files import atomic_writer, read_lines, remove
from imbik.core.lineage import Leaves, sample_leaf
from imbik.core.runfolder import read_parts, write_parts
from imbik.core.types import Outcome, Sample, Verdict
from imbik.refine.asking import Asking
from imbik.refine.books import Tally, write_counts
from imbik.refine.named import NamedCheck, checks_of
from imbik.refine.passes import Judged, Segment, blocks_between_tasks, judge_block, segments_of, with_verdict
from imbik.refine.surroundings import Surroundings
from imbik.stage import StageContext, StageResult

Verdicts = Iterator[tuple[Sample, Verdict | None]]


@dataclass(frozen=True)
class _Decided:
    """What the check that ends a segment says of each sample; None where it is still to be asked."""

    named: NamedCheck
    verdicts: Callable[[], Verdicts]


class Work:
    """Counts, and the ways through."""

    def __init__(self, context: StageContext, block_rows: int) -> None:
        self.context, self.block_rows, self.folder = context, block_rows, context.folder
        token = str(getattr(context.run.manifest("1_tasks"), "root", ""))
        self.surroundings = Surroundings(context.recipe, context.run, token)
        self.checks = checks_of(context.recipe)
        self.segments = segments_of(self.checks)
        held_out = {task.id for tasks in self.surroundings().held_out.values() for task in tasks}
        self.tally = Tally(str(context.folder), held_out)
        self.leaves = Leaves()
        self._rejected: list[Path] = []

    def result(self) -> StageResult:
        """All ways through, then books and warnings.

        Raises: ImbikError when no training sample is kept.
        """
        manifest = self.context.run.manifest("2_answers")
        self.context.progress.begin("refine", manifest.books.rows_in if manifest else 0)
        self._write_kept(self._through(self._answered()))
        for path in [*self.folder.glob(".pass-*.jsonl"), *self._rejected]:
            if path.name.startswith(".") or not path.stat().st_size:  # a way through that rejected nothing
                remove(path)
        write_counts(self.folder, self.tally.counted(self.checks, repairs=False))
        kept = len(self.leaves)
        books = self.tally.books(kept)
        return StageResult(books, self.leaves, self.tally.sensitivity, warnings=list(self.tally.warnings(kept)))

    def _answered(self) -> Iterator[Sample]:
        """Samples with an answer; the others are counted as failed."""
        for sample in read_parts(self.context.run.stage("2_answers"), Sample):
            self.tally.rows += 1
            self.context.progress.advance("refine")
            if sample.completion.outcome is Outcome.ANSWERED:
                yield sample
            else:
                self.tally.outcomes[sample.completion.outcome.value] += 1

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
        sketches = list[Any]()
        with ExitStack() as files:
            rejected = files.enter_context(atomic_writer(self._next_rejected()))
            kept = files.enter_context(atomic_writer(scratch))
            judge = partial(judge_block, segment=segment, surroundings=self.surroundings, counted_from=counted_from)
            for judged in self.context.executor.map(judge, blocks_between_tasks(rows, self.block_rows)):
                self._write(judged, kept, rejected)
                sketches.extend(judged.sketches)
        self.tally.crashes.refuse_total()

        def again() -> Iterator[Sample]:
            return read_lines(scratch, Sample)

        if segment.last is None:
            return again(), None
        if segment.sketched is not None:
            return again(), self._of_the_set(segment.sketched, sketches, again)
        return again(), self._asked(segment.last, again)

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

    def _of_the_set(self, named: NamedCheck, sketches: list[Any], rows: Callable[[], Iterator[Sample]]) -> _Decided:
        try:
            check = named.check
            found = check.decide(check.merge(sketches), self.surroundings()) if sketches else {}
        except ImbikError:
            raise
        except Exception as error:
            raise ImbikError(
                f"check '{named.name}' crashed on the whole set ({raised_at(error)})",
                where="refine",
                next="correct its settings in the recipe, or take it out of `refine:`",
            ) from error
        kept = Verdict(by=named.name, keep=True)
        return _Decided(named, lambda: ((sample, found.get(sample.id) or kept) for sample in rows()))

    def _asked(self, named: NamedCheck, rows: Callable[[], Iterator[Sample]]) -> _Decided:
        progress, label = self.context.progress, f"refine: {named.name}"
        asking = Asking(
            named, self.context.asker, self.surroundings(), self.folder, self.tally.crashes,
            lambda: progress.advance(label),
        )  # fmt: skip
        self.tally.asking.append(asking)

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
