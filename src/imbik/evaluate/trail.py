"""Where every row went, what was spent, what left this machine, and what the report was made of.

Enters: a run folder. Leaves: the funnel, the spend, one sentence on privacy, and lineage hashes, from the stages' own
manifests, the ledger of the answer store and the audit chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from imbik.ask import ledger
from imbik.core.files import read_lines
from imbik.core.money import ANSWERS, SpendLine, totals
from imbik.core.runfolder import Manifest, RunFolder, begun_hash, read_parts
from imbik.core.types import Record, Usage
from imbik.evaluate.answers import Answer
from imbik.evaluate.scores import FOLDER, FunnelStage, Spend
from imbik.privacy.account import NOBODY_ASKED, what_left
from imbik.recipe import Recipe
from imbik.stage import Asker, Paying
from imbik.tasks.growth.report import read_growth

_UNITS = (
    ("1_tasks", "rows of the source"),
    ("2_answers", "answers asked for"),
    ("3_refined", "answers checked"),
    ("4_reviewed", "answers before experts"),
    ("5_logits", "answers whose probabilities were captured"),
    ("6_student", "answers offered to training"),
)
_MADE_OF = ("1_tasks", "2_answers", "3_refined", "4_reviewed", "5_logits", "6_student", "7_export")


class _Paid(Record, frozen=True, kw_only=True):
    """The part of a Completion that spend is summed from; the rest of the line is not decoded."""

    cost: Decimal = Decimal(0)
    usage: Usage = Usage()


class _PaidSample(Record, frozen=True, kw_only=True):
    completion: _Paid


def manifests(run: RunFolder) -> dict[str, Manifest]:
    """Manifests of the finished stages before this one, by folder, in order."""
    found = {folder: run.manifest(folder) for folder in _MADE_OF}
    return {folder: manifest for folder, manifest in found.items() if manifest is not None}


def funnel(run: RunFolder) -> list[FunnelStage]:
    """The books of every stage that handles rows, in order."""
    done = manifests(run)
    units = dict(_UNITS)
    if read_growth(run.stage("1_tasks")) is not None:
        units["1_tasks"] = "rows of the source, and tasks that were grown of them"
    return [FunnelStage.of(done[name].stage, unit, done[name].books) for name, unit in units.items() if name in done]


def experts(run: RunFolder) -> list[str]:
    """How far the experts who judged training rows agree, where two of them judged the same ones."""
    reviewed = run.manifest("4_reviewed")
    said = reviewed.measured.get("agreement", "") if reviewed else ""
    return [f"Experts gave {said}."] if said else []


def spend(recipe: Recipe, run: RunFolder, evaluated: Iterable[Answer], asker: Asker) -> Spend:
    """What this run paid, by the ledger, and what the teacher's answers had cost, by the stages' own files."""
    taught = read_parts(run.stage("2_answers"), _PaidSample) if recipe.answering_teachers() else iter(())
    trained = [sample.completion for sample in (*taught, *_repaired(run))]
    asked = [answer for answer in evaluated if answer.asked]
    worth = sum((item.cost for item in trained), Decimal(0)) + sum((item.cost for item in asked), Decimal(0))
    lines = list(asker.spending()) if isinstance(asker, Paying) else ledger.read(run.store, run.account)
    usages = [*(item.usage for item in trained), *(item.usage for item in asked)]
    paid, possible = totals(lines)
    return Spend(
        total=paid + possible,
        paid=paid,
        possible=possible,
        reused=max(Decimal(0), worth - sum((line.paid for line in lines if line.purpose in ANSWERS), Decimal(0))),
        generation=_of(lines, "generate"),
        evaluation=_of(lines, "evaluate"),
        answers=len(usages),
        input_tokens=sum(usage.input_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        lines=lines,
        unpriced=[name for name in recipe.answering_teachers() if _unpriced(asker, name)],
    )


def _repaired(run: RunFolder) -> Iterator[_PaidSample]:
    """Answers that were asked for again: they are paid as generation, and lie with what was refined."""
    for path in sorted(run.stage("3_refined").glob("repairs-*.jsonl")):
        yield from read_lines(path, _PaidSample)


def _of(lines: Iterable[SpendLine], stage: str) -> Decimal:
    """All that one stage cost."""
    return sum((line.paid + line.possible for line in lines if line.stage == stage), Decimal(0))


def _unpriced(asker: Asker, teacher: str) -> bool:
    return isinstance(asker, Paying) and asker.unpriced(teacher)


def lineage(run: RunFolder) -> dict[str, str]:
    """Stage name to the hash of what it was made of, this stage included."""
    made = {manifest.stage: manifest.hash for manifest in manifests(run).values()}
    begun = begun_hash(run.stage(FOLDER))
    return {**made, "evaluate": begun} if begun else made


def privacy_sentence(run: RunFolder) -> str:
    """What left this machine, for where, and what was held back, by the run's own audit chain."""
    return what_left(run.path) or NOBODY_ASKED
