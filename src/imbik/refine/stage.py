"""The refine stage: every check of the recipe, in order, on every answered sample.

Enters: `2_answers/`. Leaves: `3_refined/part-*.jsonl` (kept), `rejected-*.jsonl` (one file a way through the samples),
and books that balance: answered samples are kept or rejected, all others count as failed under their outcome. Memory
holds a block and the sketches, never all samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from imbik.core.errors import ImbikError, raised_at
from imbik.core.executor import BLOCK_ROWS
from imbik.core.files import atomic_writer, read_lines, remove
from imbik.core.lineage import sample_leaf
from imbik.core.plugins import PluginBlock, identity, make
from imbik.core.runfolder import read_parts, write_parts
from imbik.core.types import Books, Outcome, Sample, Sensitivity, Verdict
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe
from imbik.refine.passes import (
    Crashes,
    Judged,
    NamedCheck,
    blocks_between_tasks,
    judge_block,
    segments_of,
    with_verdict,
)
from imbik.refine.surroundings import Surroundings
from imbik.stage import Asker, StageContext, StageResult


class RefineStage:
    """Stage 3: keep what holds, say why the rest does not."""

    name = "refine"
    folder = "3_refined"
    version = 1

    def __init__(self, block_rows: int = BLOCK_ROWS) -> None:
        self.block_rows = block_rows

    def needed(self, recipe: Recipe) -> bool:  # noqa: ARG002 - the contract of stages
        """Always: without checks it passes answered samples on."""
        return True

    def inputs(self, recipe: Recipe) -> Sequence[str]:  # noqa: ARG002 - the contract of stages
        """Answers, and the held-out tasks that leakage looks at."""
        return ("tasks", "generate")

    def settings(self, recipe: Recipe, asker: Asker) -> object:  # noqa: ARG002 - the contract of stages
        """The checks with their settings and versions, and the kind."""
        checks = [
            {"use": block.use, "raw": block.raw, "version": getattr(named.check, "version", 1)}
            for block, named in zip(_blocks(recipe), _checks(recipe), strict=True)
        ]
        return {"kind": identity("tasks/kinds", recipe.tasks.kind), "checks": checks}

    def run(self, context: StageContext) -> StageResult:
        """Refine from the start; partial work is cheap to do again.

        Raises: ImbikError when nothing is left to learn from, or when a check crashes on every sample.
        """
        for path in [*context.folder.glob("*.jsonl"), *context.folder.glob(".*.jsonl*")]:
            remove(path)
        work = _Work(context, self.block_rows)
        work.progress_begin()
        leaves = work.run()
        context.progress.end(self.name)
        return work.result(leaves)


class _Work:
    """One refining: counts, and the ways through."""

    def __init__(self, context: StageContext, block_rows: int) -> None:
        self.context, self.block_rows = context, block_rows
        token = str(getattr(context.run.manifest("1_tasks"), "root", ""))
        self.surroundings = Surroundings(context.recipe, context.run, token)
        self.segments = segments_of(_checks(context.recipe))
        self.crashes, self.outcomes, self.reasons = Crashes(), Counter[str](), Counter[str]()
        self.rows, self.kept_training, self.kept_validation = 0, 0, 0
        self.sensitivity = Sensitivity.PUBLIC
        self.validation = {task.id for tasks in self.surroundings().held_out.values() for task in tasks}

    def progress_begin(self) -> None:
        manifest = self.context.run.manifest("2_answers")
        rows = manifest.books.rows_in if manifest else 0
        self.context.progress.begin("refine", rows)

    def run(self) -> list[str]:
        """All ways through; returns the leaves of what is kept."""
        rows: Iterable[Sample] = self._answered()
        decided: tuple[NamedCheck, dict[str, Verdict]] | None = None
        for number, segment in enumerate(self.segments):
            scratch = self.context.folder / f".pass-{number}.jsonl"
            with ExitStack() as files:
                rejected = files.enter_context(atomic_writer(self.context.folder / f"rejected-{number:05d}.jsonl"))
                kept = files.enter_context(atomic_writer(scratch))
                blocks = blocks_between_tasks(self._settle(rows, decided, rejected), self.block_rows)
                judge = partial(judge_block, segment=segment, surroundings=self.surroundings)
                sketches = list[Any]()
                for judged in self.context.executor.map(judge, blocks):
                    self._write(judged, kept, rejected)
                    sketches.extend(judged.sketches)
            self.crashes.refuse_total()
            decided = self._decide(segment.sketched, sketches)
            rows = read_lines(scratch, Sample)
        return self._finish(rows, decided)

    def _answered(self) -> Iterator[Sample]:
        """Samples with an answer; the others are counted as failed."""
        for sample in read_parts(self.context.run.stage("2_answers"), Sample):
            self.rows += 1
            self.context.progress.advance("refine")
            if sample.completion.outcome is Outcome.ANSWERED:
                yield sample
            else:
                self.outcomes[sample.completion.outcome.value] += 1

    def _settle(
        self, rows: Iterable[Sample], decided: tuple[NamedCheck, dict[str, Verdict]] | None, rejected: BinaryIO
    ) -> Iterator[Sample]:
        """Apply what a check of the whole set decided."""
        for sample in rows:
            if decided is None:
                yield sample
                continue
            named, verdicts = decided
            judged = with_verdict(sample, named.name, verdicts.get(sample.id) or Verdict(by=named.name, keep=True))
            if judged.verdicts[-1].keep:
                yield judged
            else:
                self._reject(judged, rejected)

    def _write(self, judged: Judged, kept: BinaryIO, rejected: BinaryIO) -> None:
        self.crashes.add(judged.crashes)
        for sample in judged.rejected:
            self._reject(sample, rejected)
        for sample in judged.kept:
            kept.write(msgspec.json.encode(sample) + b"\n")

    def _reject(self, sample: Sample, stream: BinaryIO) -> None:
        self.reasons[sample.verdicts[-1].by] += 1
        stream.write(msgspec.json.encode(sample) + b"\n")

    def _decide(self, named: NamedCheck | None, sketches: list[Any]) -> tuple[NamedCheck, dict[str, Verdict]] | None:
        if named is None:
            return None
        try:
            check = named.check
            return named, check.decide(check.merge(sketches), self.surroundings()) if sketches else {}
        except ImbikError:
            raise
        except Exception as error:
            raise ImbikError(
                f"check '{named.name}' crashed on the whole set ({raised_at(error)})",
                where="refine",
                next="correct its settings in the recipe, or take it out of `refine:`",
            ) from error

    def _finish(self, rows: Iterable[Sample], decided: tuple[NamedCheck, dict[str, Verdict]] | None) -> list[str]:
        """Write what is kept as parts."""
        leaves = list[str]()

        def kept(rejected: BinaryIO) -> Iterator[Sample]:
            for sample in self._settle(rows, decided, rejected):
                leaves.append(sample_leaf(sample))
                self.sensitivity = inherited(self.sensitivity, sample.sensitivity)
                training = sample.task.id not in self.validation
                self.kept_training += training
                self.kept_validation += not training
                yield sample

        with atomic_writer(self.context.folder / f"rejected-{len(self.segments):05d}.jsonl") as rejected:
            write_parts(self.context.folder, kept(rejected))
        for path in self.context.folder.glob(".pass-*.jsonl"):
            remove(path)
        _remove_empty(self.context.folder)
        return leaves

    def result(self, leaves: list[str]) -> StageResult:
        """Books and warnings.

        Raises: ImbikError when no training sample is kept.
        """
        pending = self.outcomes.pop(Outcome.PENDING.value, 0)
        failed, rejected = self.outcomes.total(), self.reasons.total()
        books = Books(
            rows_in=self.rows, rows_out=len(leaves), rejected=rejected, failed=failed, pending=pending,
            reasons=dict(self.reasons + self.outcomes),
        )  # fmt: skip
        if not self.kept_training:
            raise ImbikError(
                f"no training sample is left: of {self.rows} samples {_told(self.reasons, 'rejected by')}"
                f"{', ' if self.reasons and self.outcomes else ''}{_told(self.outcomes, 'ended')}",
                where=str(self.context.folder),
                next="`imbik show RUN refine` shows rejected rows with their reasons; loosen the check, or ask better",
            )
        return StageResult(books, leaves, self.sensitivity, warnings=self._warnings(len(leaves)))

    def _warnings(self, kept: int) -> list[str]:
        found = []
        judged = kept + self.reasons.total()
        if kept < 0.5 * judged:
            name, count = self.reasons.most_common(1)[0]
            found.append(f"only {kept} of {judged} answered samples are kept; '{name}' rejects {count}")
        if not self.kept_validation and self.validation:
            found.append("no validation sample is kept, so training cannot stop early or choose its best step")
        for name, count in self.crashes.crashed.items():
            found.append(f"{count} samples rejected because {self.crashes.reasons[name]}")
        return found


def _blocks(recipe: Recipe) -> list[PluginBlock]:
    if recipe.refine:
        return list(recipe.refine)
    return [PluginBlock(use=name) for name in make("tasks/kinds", recipe.tasks.kind).checks]


def _checks(recipe: Recipe) -> list[NamedCheck]:
    """The checks, built; a second one of the same name is told apart by its number."""
    named, seen = [], Counter[str]()
    for block in _blocks(recipe):
        seen[block.use] += 1
        name = block.use if seen[block.use] == 1 else f"{block.use}-{seen[block.use]}"
        named.append(NamedCheck(name, make("refine/checks", block)))
    return named


def _told(counts: Counter[str], verb: str) -> str:
    return ", ".join(f"{count} {verb} {name}" for name, count in counts.most_common())


def _remove_empty(folder: Path) -> None:
    """A way through that rejected nothing leaves no file."""
    for path in folder.glob("rejected-*.jsonl"):
        if not path.stat().st_size:
            remove(path)
