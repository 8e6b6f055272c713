"""The review stage: apply what experts said in a numbered snapshot; with `wait: true`, wait until they have said it.

Enters: `3_refined/` and a snapshot of `reviews.sqlite`. Leaves: `4_reviewed/part-*.jsonl`, `rejected-00000.jsonl`,
`shown.jsonl`. A row is rejected when at least as many experts reject it as keep it; an edit is that of the last expert
who kept the row. Rows that nobody judged stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import msgspec

from imbik.core.errors import ImbikError, WaitingError
from imbik.core.files import atomic_writer, remove
from imbik.core.lineage import sample_leaf
from imbik.core.runfolder import RunFolder, read_parts, write_parts
from imbik.core.types import Books, Sample, Sensitivity
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe
from imbik.recipe.sections import Review
from imbik.review.content import content_key
from imbik.review.shown import Kept, Shown, missing_verdicts, pick, write_shown
from imbik.review.store import ExpertVerdict, close, snapshot_number, verdicts_of
from imbik.stage import Asker, StageContext, StageResult


class ReviewStage:
    """Stage 4, where the recipe has `review:`."""

    name = "review"
    folder = "4_reviewed"
    version = 1

    def needed(self, recipe: Recipe) -> bool:
        """Where the recipe asks experts."""
        return recipe.review is not None

    def inputs(self, recipe: Recipe) -> Sequence[str]:  # noqa: ARG002 - the contract of stages
        """What the checks kept."""
        return ("refine",)

    def settings(self, recipe: Recipe, asker: Asker) -> object:  # noqa: ARG002 - the contract of stages
        """Whom is shown what; whether to wait, and what else the page shows, shape nothing."""
        return recipe.review.model_dump(mode="json", exclude={"wait", "blind", "rubric"}) if recipe.review else {}

    def outside(self, recipe: Recipe, run: RunFolder, asker: Asker) -> Mapping[str, str]:  # noqa: ARG002 - the contract
        """The snapshot in use. The first is taken by the stage itself, so before it the answer is the same."""
        return {"reviews": str(max(snapshot_number(run), 1))}

    def run(self, context: StageContext) -> StageResult:
        """Show, wait or take the first snapshot, apply.

        Raises: WaitingError while verdicts are missing and the recipe waits; ImbikError when experts rejected all.
        """
        review = context.recipe.review or Review()
        for path in [*context.folder.glob("*.jsonl"), *context.folder.glob(".*.tmp")]:
            remove(path)
        shown = pick(Kept(context.run), review.sample, review.doubtful)
        write_shown(context.run, shown)
        snapshot = snapshot_number(context.run) or self._first(context, shown, review)
        return _Applied(context, snapshot).result(shown, review)

    def _first(self, context: StageContext, shown: Sequence[Shown], review: Review) -> int:
        """The first snapshot, taken now."""
        missing = missing_verdicts(shown, verdicts_of(context.run), review.experts)
        if review.wait and missing:
            raise WaitingError(
                f"{missing} of {len(shown) * review.experts} verdicts are missing "
                f"({len(shown)} rows are shown, each to {review.experts} experts)",
                where=f"review of {context.run.name}",
                next=f"imbik review {context.run.name}; to go on without them: imbik review {context.run.name} --close",
            )
        return close(context.run)


class _Applied:
    """One snapshot applied to all kept samples."""

    def __init__(self, context: StageContext, snapshot: int) -> None:
        self.context, self.snapshot = context, snapshot
        self.verdicts = verdicts_of(context.run, snapshot)
        self.rows = self.rejected = self.edited = self.judged = 0
        self.sensitivity = Sensitivity.PUBLIC
        self.leaves: list[str] = []

    def result(self, shown: Sequence[Shown], review: Review) -> StageResult:
        with atomic_writer(self.context.folder / "rejected-00000.jsonl") as stream:
            kept = write_parts(self.context.folder, self._kept(stream))
        if not kept:
            raise ImbikError(
                f"experts rejected all {self.rows} samples",
                where=str(self.context.folder),
                next="imbik show RUN review",
            )
        if not self.rejected:
            remove(self.context.folder / "rejected-00000.jsonl")
        books = Books(
            rows_in=self.rows, rows_out=kept, rejected=self.rejected,
            reasons={"review": self.rejected} if self.rejected else {},
        )  # fmt: skip
        measured = {"snapshot": str(self.snapshot), "judged": str(self.judged), "edited": str(self.edited)}
        return StageResult(
            books, self.leaves, self.sensitivity, measured=measured, warnings=self._warnings(shown, review)
        )

    def _kept(self, rejected: BinaryIO) -> Iterator[Sample]:
        for sample in read_parts(self.context.run.stage("3_refined"), Sample):
            self.rows += 1
            given = self.verdicts.get(content_key(sample), ())
            self.judged += bool(given)
            judged, keep = apply(sample, given)
            if keep:
                self.edited += (judged.answer, judged.reasoning) != (sample.answer, sample.reasoning)
                self.sensitivity = inherited(self.sensitivity, judged.sensitivity)
                self.leaves.append(sample_leaf(judged))
                yield judged
            else:
                self.rejected += 1
                rejected.write(msgspec.json.encode(judged) + b"\n")

    def _warnings(self, shown: Sequence[Shown], review: Review) -> list[str]:
        found = []
        if missing := missing_verdicts(shown, self.verdicts, review.experts):
            found.append(
                f"{missing} of {len(shown) * review.experts} verdicts asked for are not in snapshot {self.snapshot}"
            )
        return found


def apply(sample: Sample, given: Sequence[ExpertVerdict]) -> tuple[Sample, bool]:
    """The sample with its experts' verdicts (rejecting ones last) and edits, and whether it stays."""
    if not given:
        return sample, True
    keeping = [item for item in given if item.verdict.keep]
    rejecting = [item for item in given if not item.verdict.keep]
    keep = len(keeping) > len(rejecting)
    order = [*rejecting, *keeping] if keep else [*keeping, *rejecting]
    judged = msgspec.structs.replace(sample, verdicts=(*sample.verdicts, *(item.verdict for item in order)))
    edits = [item for item in keeping if item.answer is not None or item.reasoning is not None]
    if not keep or not edits:
        return judged, keep
    answer, reasoning = edits[-1].answer, edits[-1].reasoning
    return msgspec.structs.replace(
        judged,
        answer=sample.answer if answer is None else answer,
        reasoning=sample.reasoning if reasoning is None else reasoning,
    ), keep
