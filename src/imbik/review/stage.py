"""The review stage: apply what experts said in a numbered snapshot; with `wait: true`, wait until they have said it.

Enters: `3_refined/` and a snapshot of `reviews.sqlite`. Leaves: `4_reviewed/part-*.jsonl`, `rejected-00000.jsonl`,
`pending-00000.jsonl`, `shown.jsonl`. The majority of experts decides; a row on which they are split is pending, and
neither learned nor thrown away, until one more expert has decided it (`imbik.review.rules`). An edit is that of the
last expert who kept the row, whose verdict says so. Rows that nobody judged stay. Verdicts on answers that have changed
since are told, and do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import msgspec

from imbik.core.errors import ImbikError, WaitingError
from imbik.core.files import atomic_writer, remove
from imbik.core.lineage import sample_leaf
from imbik.core.results import Books
from imbik.core.runfolder import RunFolder, read_parts, write_parts
from imbik.core.types import Sample, Sensitivity, Verdict
from imbik.privacy.sensitivity import inherited
from imbik.recipe import Recipe
from imbik.recipe.sections import Review
from imbik.review.content import content_key
from imbik.review.rules import Fate, Rules
from imbik.review.shown import Shown, chosen, write_shown
from imbik.review.standing import missing_verdicts, told_waiting, waiting, wanted_verdicts
from imbik.review.store import ExpertVerdict, close, snapshot_number, verdicts_of
from imbik.review.unused import Unused
from imbik.stage import Asker, StageContext, StageResult

REJECTED = "rejected-00000.jsonl"
PENDING = "pending-00000.jsonl"


class ReviewStage:
    """Stage 4, where the recipe has `review:`."""

    name = "review"
    folder = "4_reviewed"
    version = 4

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
        shown = chosen(context.run, review)
        write_shown(context.run, shown)
        snapshot = snapshot_number(context.run) or self._first(context, shown, review)
        return _Applied(context, snapshot, Rules.of(review)).result(shown)

    def _first(self, context: StageContext, shown: Sequence[Shown], review: Review) -> int:
        """The first snapshot, taken now."""
        rules, verdicts = Rules.of(review), verdicts_of(context.run)
        missing = missing_verdicts(shown, verdicts, rules)
        if review.wait and missing:
            typed = context.run.typed
            who = "".join(f"\n  {line}" for line in told_waiting(waiting(context.run, rules)))
            wanted = wanted_verdicts(shown, verdicts, rules)
            raise WaitingError(
                f"{missing:,} of {wanted:,} verdicts are missing on {len(shown):,} rows{who}",
                where=f"review of {context.run.name}",
                next=f"imbik review {typed} serves the page; a link for one more person, or for who lost it: "
                f"imbik review {typed} --expert NAME [--new-links]; once they are there the same imbik run goes on; "
                f"to go on without them: imbik review {typed} --close, and the same imbik run",
            )
        return close(context.run)


class _Applied:
    """One snapshot applied to all kept samples."""

    def __init__(self, context: StageContext, snapshot: int, rules: Rules) -> None:
        self.context, self.snapshot, self.rules = context, snapshot, rules
        self.verdicts = verdicts_of(context.run, snapshot)
        self.unused = Unused(self.verdicts)
        self.rows = self.edited = self.judged = 0
        self.fates = dict.fromkeys(Fate, 0)
        self.sensitivity = Sensitivity.PUBLIC
        self.leaves: list[str] = []

    def result(self, shown: Sequence[Shown]) -> StageResult:
        folder = self.context.folder
        with atomic_writer(folder / REJECTED) as rejected, atomic_writer(folder / PENDING) as pending:
            kept = write_parts(folder, self._kept({Fate.REJECTED: rejected, Fate.SPLIT: pending}))
        rejections, split = self.fates[Fate.REJECTED], self.fates[Fate.SPLIT]
        if not kept:
            undecided = f", and are split over {split:,}" if split else ""
            raise ImbikError(
                f"experts rejected {'all ' if not split else ''}{rejections:,} samples{undecided}: none is left",
                where=str(folder),
                next=f"imbik show {self.context.run.typed} review",
            )
        for name, rows in ((REJECTED, rejections), (PENDING, split)):
            if not rows:
                remove(folder / name)
        reasons = {name: rows for name, rows in (("review", rejections), (Fate.SPLIT.value, split)) if rows}
        books = Books(rows_in=self.rows, rows_out=kept, rejected=rejections, pending=split, reasons=reasons)
        measured = {"snapshot": str(self.snapshot), "judged": str(self.judged), "edited": str(self.edited)}
        measured |= self._agreement()
        return StageResult(books, self.leaves, self.sensitivity, measured=measured, warnings=self._warnings(shown))

    def _kept(self, aside: Mapping[Fate, BinaryIO]) -> Iterator[Sample]:
        for sample in read_parts(self.context.run.stage("3_refined"), Sample):
            self.rows += 1
            given = self.verdicts.get(content := content_key(sample), ())
            self.unused.see(sample, content)
            self.judged += bool(given)
            judged, fate = apply(sample, given, self.rules)
            self.fates[fate] += 1
            if fate is Fate.KEPT:
                self.edited += (judged.answer, judged.reasoning) != (sample.answer, sample.reasoning)
                self.sensitivity = inherited(self.sensitivity, judged.sensitivity)
                self.leaves.append(sample_leaf(judged))
                yield judged
            else:
                aside[fate].write(msgspec.json.encode(judged) + b"\n")

    def _agreement(self) -> dict[str, str]:
        """How far the experts of this snapshot agree, without their names; nothing where no row was judged twice."""
        if not any(len(given) > 1 for given in self.verdicts.values()):
            return {}
        from imbik.review.agreed import agreed, told_agreed

        found = agreed(self.verdicts)
        return {"agreement": "; ".join(told_agreed(msgspec.structs.replace(found, pairs=())))}

    def _warnings(self, shown: Sequence[Shown]) -> list[str]:
        found = []
        if missing := missing_verdicts(shown, self.verdicts, self.rules):
            wanted = wanted_verdicts(shown, self.verdicts, self.rules)
            found.append(f"{missing:,} of {wanted:,} verdicts asked for are not in snapshot {self.snapshot}")
        if split := self.fates[Fate.SPLIT]:
            found.append(
                f"experts are split over {split:,} row{'s' * (split != 1)}, which are not trained on; "
                f"once they are decided: imbik review {self.context.run.typed} --close, and the same imbik run"
            )
        return [*found, told] if (told := self.unused.told()) else found


def apply(sample: Sample, given: Sequence[ExpertVerdict], rules: Rules) -> tuple[Sample, Fate]:
    """The sample with its experts' verdicts (rejecting ones last, where it does not stay) and edits, and its fate."""
    fate = rules.fate(given)
    if not given:
        return sample, fate
    keeping = [item for item in given if item.verdict.keep]
    rejecting = [item for item in given if not item.verdict.keep]
    edits = [item for item in keeping if item.word == "edit"] if fate is Fate.KEPT else []
    order = [*rejecting, *keeping] if fate is Fate.KEPT else [*keeping, *rejecting]
    said = (_edited(item) if edits and item is edits[-1] else item.verdict for item in order)
    judged = msgspec.structs.replace(sample, verdicts=(*sample.verdicts, *said))
    if not edits:
        return judged, fate
    answer, reasoning = edits[-1].answer, edits[-1].reasoning
    return msgspec.structs.replace(
        judged,
        answer=sample.answer if answer is None else answer,
        reasoning=sample.reasoning if reasoning is None else reasoning,
    ), fate


def _edited(item: ExpertVerdict) -> Verdict:
    """The verdict of the person whose words are learned, which says what he changed."""
    changed = [name for name in ("reasoning", "answer") if getattr(item, name) is not None]
    said = f"edited the {' and the '.join(changed)}"
    reason = f"{said}: {item.verdict.reason}" if item.verdict.reason else said
    return msgspec.structs.replace(item.verdict, reason=reason)
