"""What a person is told before an erasure and after it.

Enters: a plan or a receipt. Leaves: lines. A few words of each row are shown only where somebody is there to say yes:
whoever decides must see that it is the right person; a log must not.
"""

from __future__ import annotations

from collections.abc import Iterator

from imbik.advise.forget.matches import Matches
from imbik.advise.forget.plan import Plan
from imbik.advise.forget.receipt import Receipt, counted_kinds
from imbik.advise.summary import counted
from imbik.advise.terminal import safe
from imbik.core.types import Task

_ROWS, _WORDS = 10, 90


def of_plan(plan: Plan, *, excerpts: bool) -> Iterator[str]:
    """What would be erased, where else it is, and what cannot be cleaned."""
    chosen = plan.chosen
    if plan.nothing:
        yield f"{plan.run.name}: nothing of this is in the run or in the answer store"
    else:
        yield (
            f"{plan.run.name}: {counted(len(chosen.tasks), 'row')} with all that was made of them, "
            f"{counted(len(chosen.samples), 'further answer')} that name the person, "
            f"{counted(plan.stored, 'stored answer')}"
        )
    yield from _of_matches(plan.matches, excerpts=excerpts)
    for name, task in list(chosen.tasks.items())[:_ROWS]:
        yield f"  {safe(name, keep_lines=False)}{_where(task)}{_words(task) if excerpts else ''}"
    if len(chosen.tasks) > _ROWS:
        yield f"  … and {len(chosen.tasks) - _ROWS:,} more"
    if plan.before.hits:
        yield f"  {counted(len(plan.before.hits), 'file')} of {plan.before.files:,} name the person"
    if chosen.learned:
        learned = counted(len(chosen.learned), "sample")
        yield f"  students here learned from {learned} of these: weights forget by being trained again"
    for student in plan.students:
        yield f"  run {student.path}: {student.why}"
    for export in plan.exports:
        yield f"  {export.path}: {export.why}"
    for other in plan.others:
        yield f"  run {other.run} {other.how}: {other.next}"


def question(plan: Plan) -> tuple[str, set[str]]:
    """What somebody at a terminal is asked before an erasure, and the answers that mean yes."""
    if doubtful := plan.matches.doubtful:
        count = str(max(item.places for item in doubtful))
        return f"type the number of rows and answers ({count}) to erase all of this; anything else stops: ", {count}
    return "erase all of this? It cannot be undone. [y/N] ", {"y", "yes", "e", "evet"}


def _of_matches(found: Matches, *, excerpts: bool) -> Iterator[str]:
    """In which fields, and by which of several names; a single word that stands in many rows is doubted."""
    if found.fields:
        told = (f"{safe(name, keep_lines=False)} ({counted(rows, 'row')})" for name, rows in found.fields)
        yield f"  found in {', '.join(told)}"
    for item in found.given:
        name = f"'{safe(item.text, keep_lines=False)}'" if excerpts else f"--person number {item.number}"
        if len(found.given) > 1:
            yield f"  {name}: {counted(item.rows, 'row')}"
        if item.doubtful:
            yield (
                f"! {name} is a single word and stands in {item.places:,} rows and answers: where it is an "
                "everyday word too, they are not all about the person. More exact: the full name, an identifier, or "
                "the rows themselves (--rows ID)"
            )


def of_receipt(receipt: Receipt) -> Iterator[str]:
    """What was done, what remains, where it is written."""
    yield f"{receipt.run}: erased {', '.join(counted_kinds(receipt)) or 'nothing that was left'}"
    if receipt.person:
        yield (
            f"  files that name the person: {receipt.named_before:,} before, {receipt.named_after:,} now "
            f"(of {receipt.swept:,} read)"
        )
    for name, verifies in receipt.lineage.items():
        if not verifies:
            yield f"! the root of stage '{name}' does not verify: it was changed by something else before"
    for item in receipt.remains:
        yield f"! {item.path}: {item.why}; {item.next}"
    for item in receipt.students:
        yield f"! run {item.path}: {item.why}; {item.next}"
    for other in receipt.others:
        yield f"! run {other.run} {other.how}: {other.next}"
    for note in receipt.notes:
        yield f"  {note}"


def _where(task: Task) -> str:
    return f"  {task.source.file}:{task.source.line}" if task.source else ""


def _words(task: Task) -> str:
    words = safe(" ".join(task.text.split()), keep_lines=False)
    return f"  {words[:_WORDS]}{'…' if len(words) > _WORDS else ''}"
