"""Erasing, in an order that a kill at any moment cannot spoil.

Enters: a run, who or which rows, and somebody to agree. Leaves: a run and a store without them, and a receipt. First
everything is looked at and nothing changed; then the rows go on the suppression list and the journal is written; then
each file is cleaned, tombstones before rows; then all is read once more, the audit chain gets its line, the receipt is
written, and the journal goes. Whatever a kill interrupts, the same command finishes from the journal.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from imbik import __version__
from imbik.advise.forget.clean import clean
from imbik.advise.forget.erasing import Erasing, Journal, Remains
from imbik.advise.forget.exports import elsewhere
from imbik.advise.forget.lineage import roots_verify
from imbik.advise.forget.made import remaining_tokenizers, remaining_trials, remaining_weights, trials_of, weights_of
from imbik.advise.forget.plan import Plan, Why, look, operator_here, recipe_here
from imbik.advise.forget.pseudonyms import erase_values, theirs
from imbik.advise.forget.receipt import Receipt, sealed, signed, write_receipt
from imbik.advise.forget.sweep import sweep
from imbik.advise.runs import manifests
from imbik.core.errors import RunFolderError, UsageError
from imbik.core.files import read_json, remove, write_json
from imbik.core.locks import writer_lock
from imbik.core.runfolder import TRIALS, RunFolder
from imbik.core.tombstones import PENDING, mark_learned
from imbik.privacy.audit import FILE_NAME, HEAD_NAME, Audit, Entry, row_names
from imbik.privacy.person import Person, squeezed
from imbik.privacy.signing import sign_bytes
from imbik.privacy.suppression import person_print, suppress


@dataclass(frozen=True)
class Done:
    """How it ended: a plan that was looked at or refused, or a receipt and where it lies."""

    plan: Plan | None
    receipt: Receipt | None = None
    resumed: bool = False


def forget(
    run: RunFolder,
    given: Sequence[str],
    chosen_rows: Set[str] = frozenset(),
    *,
    agree: Callable[[Plan], bool] = lambda plan: True,
    why: Why = "forget",
    older: Set[bytes] = frozenset(),
    key_file: Path | None = None,
) -> Done:
    """Erase from one run and the store beside it what `agree` says yes to; a pending erasure is finished instead.

    `older` are further keys of stored answers, `key_file` a private key that signs the receipt. Raises: LockedError
    while the run or the store is in use, UsageError where nobody is named, RunFolderError for a damaged file.
    """
    if key_file is not None:
        sign_bytes(b"", key_file)  # a key that cannot sign is refused before anything is erased
    trials = run.path / TRIALS  # a search that runs its trials holds their lock
    with writer_lock(run.path), writer_lock(trials) if trials.is_dir() else nullcontext():
        path = run.path / PENDING
        if path.exists():
            return _carry_out(run, read_json(path, Journal), resumed=True, key_file=key_file)
        if not given and not chosen_rows and not older:
            raise UsageError(
                "nobody is named",
                where="--person",
                next=f'imbik privacy forget {run.typed} --person "Ayşe Yılmaz" --person 12345678950, or --rows ID',
            )
        plan = look(run, Person(given), chosen_rows, why=why, older=older)
        if plan.nothing or not agree(plan):
            return Done(plan)
        return _carry_out(run, _begin(plan, why), resumed=False, plan=plan, key_file=key_file)


def _begin(plan: Plan, why: Why) -> Journal:
    """Write down what was decided; from here on it is carried out."""
    now = datetime.now(UTC)
    receipt = f"{why}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    texts = [(name, task.text) for name, task in plan.chosen.tasks.items()]
    new = suppress(plan.run.home, rows=texts, needles=plan.person.needles, why=why, receipt=receipt)
    journal = Journal(
        receipt=receipt,
        why=why,
        begun=now.isoformat(timespec="seconds"),
        given=plan.person.given,
        tasks=tuple(plan.chosen.tasks),
        samples=tuple(sorted(plan.chosen.samples)),
        contents=tuple(sorted(plan.chosen.contents)),
        keys=tuple(sorted(key.hex() for key in plan.keys)),
        learned=len(plan.chosen.learned),
        held_out=plan.chosen.held_out,
        suppressed=new,
        named_before=len(plan.before.hits),
        others=plan.others,
        students=plan.students,
        notes=plan.notes,
        texts=tuple(sorted({squeezed(task.text) for task in plan.chosen.tasks.values()})),
    )
    write_json(plan.run.path / PENDING, journal)
    return journal


def _carry_out(
    run: RunFolder, journal: Journal, *, resumed: bool, plan: Plan | None = None, key_file: Path | None = None
) -> Done:
    """Clean every file, look again, write it down. Every step may be done twice."""
    erasing = Erasing.of(journal)
    if journal.learned:
        for each in (run, *trials_of(run)):
            for folder in weights_of(each):
                mark_learned(folder, journal.receipt, journal.learned)
    clean(run, erasing)
    matches = theirs(erasing.person, frozenset(journal.texts))
    erasing.counts["values in the vault"] += erase_values(run.home, matches)
    if resumed:
        note = "the erasure was interrupted and then finished: what was erased before that is counted by stage only"
        journal = msgspec.structs.replace(journal, notes=(*journal.notes, note))
    receipt = sealed(_receipt(run, journal, erasing))
    if problem := _note(run, journal, receipt):
        receipt = sealed(msgspec.structs.replace(receipt, notes=(*receipt.notes, problem)))
    receipt = signed(receipt, key_file) if key_file else receipt
    write_receipt(run.path, receipt)
    remove(run.path / PENDING)
    return Done(plan, receipt, resumed)


def _receipt(run: RunFolder, journal: Journal, erasing: Erasing) -> Receipt:
    """Look at everything once more and say what there is."""
    recipe, person = recipe_here(run), erasing.person
    tokenizers = list(remaining_tokenizers(run, recipe, person))
    after = sweep(run, person)
    named = [_named(run, path) for path in after.hits]
    runs = run.home
    return Receipt(
        id=journal.receipt,
        why=journal.why,
        run=run.name,
        begun=journal.begun,
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        imbik=__version__,
        operator=operator_here(run, recipe).hash,
        person=person_print(runs, person.needles) if person else "",
        rows=_keyed(run, journal.tasks),
        counts=dict(erasing.counts),
        suppressed=journal.suppressed,
        erased={name: found.erased for name, found in manifests(run).items() if found.erased},
        lineage=roots_verify(run),
        swept=after.files,
        named_before=journal.named_before,
        named_after=len(after.hits),
        remains=(
            *remaining_weights(run, journal.learned),
            *remaining_trials(run, journal.learned),
            *elsewhere(run, set(journal.tasks), set(journal.samples)),
            *tokenizers,
            *named,
        ),
        others=journal.others,
        students=journal.students,
        notes=journal.notes,
    )


def _note(run: RunFolder, journal: Journal, receipt: Receipt) -> str:
    """One line in the run's audit chain, where it has one (or needs none yet: it asked no teacher); else why not.

    A chain that was taken away or changed is not written on: `imbik privacy prove` must miss it.
    """
    chain, recipe = run.path / FILE_NAME, recipe_here(run)
    missing = not chain.exists() and (recipe is None or recipe.answering_teachers())
    if missing or (not chain.exists() and (run.path / HEAD_NAME).exists()):
        return "the run has no audit chain, so this erasure stands in this receipt alone"
    audit = Audit(run.path)
    try:
        counts = ", ".join(f"{count} {what}" for what, count in receipt.counts.items() if count)
        entry = Entry(
            verdict="",
            sensitivity="",
            place="",
            address="",
            purpose="",
            reason=f"receipt {receipt.id} (sha256 {receipt.sha256}): {counts or 'nothing'}",
            rows=journal.tasks,
            operator=receipt.operator,
            event="forgotten" if journal.why == "forget" else "retained",
        )
        audit.append([entry])
        audit.close()
    except RunFolderError as error:
        return f"the audit chain is not as it was written, so it was not written on ({error.what})"
    return ""


def _keyed(run: RunFolder, names: Sequence[str]) -> tuple[str, ...]:
    """Rows as the audit chain names them; none where the run has no chain."""
    name_of = row_names(run.path)
    return tuple(map(name_of, names)) if name_of else ()


def _named(run: RunFolder, path: Path) -> Remains:
    """A file that still names the person."""
    place = str(path.relative_to(run.home))
    if place.endswith("recipe.yaml"):
        return Remains(
            path=place, why="the recipe names the person", next="take the words out of it, then run it again"
        )
    return Remains(path=place, why="still names the person", next="look at it, and remove or mend it by hand")
