"""Erasing, in an order that a kill at any moment cannot spoil.

Enters: a run, who or which rows, and somebody to agree. Leaves: a run and a store without them, and a receipt. First
everything is looked at and nothing changed; then the rows go on the suppression list and the journal is written; then
each file is cleaned, tombstones before rows; then all is read once more, the audit chain gets its line, the receipt is
written, and the journal goes. Whatever a kill interrupts, the same command finishes from the journal.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from imbik import __version__
from imbik.advise.forget import databases
from imbik.advise.forget.clean import clean
from imbik.advise.forget.erasing import Erasing, Journal, OtherRun, Remains
from imbik.advise.forget.exports import elsewhere, told_inside
from imbik.advise.forget.find import Chosen, find, tasks_of
from imbik.advise.forget.keys import answer_keys, local_sources
from imbik.advise.forget.lineage import roots_verify
from imbik.advise.forget.made import remaining_tokenizers, remaining_weights, students_elsewhere, weights_of
from imbik.advise.forget.matches import Matches, matches
from imbik.advise.forget.others import other_runs
from imbik.advise.forget.pseudonyms import erase_values, placeholders, theirs
from imbik.advise.forget.receipt import Receipt, sealed, signed, write_receipt
from imbik.advise.forget.sweep import Swept, sweep
from imbik.advise.runs import manifests, recipe_of
from imbik.core.errors import ImbikError, RunFolderError, UsageError
from imbik.core.files import read_json, remove, write_json
from imbik.core.locks import writer_lock
from imbik.core.runfolder import RunFolder
from imbik.core.tombstones import PENDING, mark_learned
from imbik.privacy.audit import FILE_NAME, HEAD_NAME, Audit, Entry, row_names
from imbik.privacy.operator import Operator, load_operator
from imbik.privacy.person import Person, squeezed
from imbik.privacy.signing import sign_bytes
from imbik.privacy.suppression import person_print, suppress
from imbik.recipe import Recipe
from imbik.tasks.augment import own_words

Why = Literal["forget", "retain"]


@dataclass(frozen=True)
class Plan:
    """What would be erased, before anything is: `named` files name the person, `keys` are stored answers."""

    run: RunFolder
    person: Person
    chosen: Chosen
    keys: frozenset[bytes]
    stored: int
    before: Swept
    others: tuple[OtherRun, ...]
    students: tuple[Remains, ...]
    notes: tuple[str, ...]
    exports: tuple[Remains, ...] = ()

    @property
    def matches(self) -> Matches:
        """Where the person stands, counted."""
        named = (self.chosen.tasks[name] for name in sorted(self.chosen.named))
        return matches(self.person, named, len(self.chosen.samples))

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to erase."""
        return not (self.chosen.tasks or self.chosen.samples or self.stored or self.before.hits)


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
    with writer_lock(run.path):
        path = run.path / PENDING
        if path.exists():
            return _carry_out(run, read_json(path, Journal), resumed=True, key_file=key_file)
        if not given and not chosen_rows and not older:
            raise UsageError(
                "nobody is named",
                where="--person",
                next=f'imbik privacy forget {run.name} --person "Ayşe Yılmaz" --person 12345678950, or --rows ID',
            )
        plan = look(run, Person(given), chosen_rows, why=why, older=older)
        if plan.nothing or not agree(plan):
            return Done(plan)
        return _carry_out(run, _begin(plan, why), resumed=False, plan=plan, key_file=key_file)


def look(
    run: RunFolder, person: Person, chosen_rows: Set[str], *, why: Why = "forget", older: Set[bytes] = frozenset()
) -> Plan:
    """Everything that is meant, with nothing changed."""
    chosen = find(run, person, chosen_rows)
    recipe = _recipe(run)
    texts = frozenset(squeezed(task.text) for task in chosen.tasks.values())
    named, notes = placeholders(run.path.parent, theirs(person, texts))
    keys = set(older)
    handed_over = databases.under_way_for(run.store, run.name, set(chosen.tasks))
    if recipe is not None and chosen.tasks:
        asked, unknown = _asked(recipe, run, chosen, texts, handed_over)
        keys |= asked
        notes += unknown
    else:
        keys |= handed_over
    keys |= databases.stored_with(run.store, person, named)
    grown = frozenset(squeezed(own_words(task)) for task in chosen.tasks.values() if task.origin is not None)
    keys |= databases.stored_holding(run.store, grown)
    notes += _outside(recipe)
    notes += told_inside(run, person, set(chosen.tasks), chosen.samples)
    if number := databases.count_under_way(run.store, keys):
        notes.append(
            f"a batch under way asks {number:,} of these questions: what it brings for them is not stored; what the "
            "provider holds it deletes by its own rules"
        )
    return Plan(
        run=run,
        person=person,
        chosen=chosen,
        keys=frozenset(keys),
        stored=databases.count_stored(run.store, keys),
        before=sweep(run, person),
        others=tuple(other_runs(run, person, chosen.tasks, why=why)),
        students=tuple(students_elsewhere(run)) if chosen.learned else (),
        notes=tuple(notes),
        exports=tuple(elsewhere(run, set(chosen.tasks), chosen.samples)),
    )


def _asked(
    recipe: Recipe, run: RunFolder, chosen: Chosen, texts: Set[str], handed_over: Set[bytes]
) -> tuple[set[bytes], list[str]]:
    """Keys of answers that were given, or are under way, for erased rows alone: one that a row of the very same words
    shares stays."""
    known, operator = databases.identities(run.store), _operator(run, recipe)
    keys, notes = answer_keys(recipe, run, chosen.tasks.values(), known, operator)
    alike = [task for task in tasks_of(run) if task.id not in chosen.tasks and squeezed(task.text) in texts]
    keys |= handed_over
    return keys - answer_keys(recipe, run, alike, known, operator)[0], notes


def _begin(plan: Plan, why: Why) -> Journal:
    """Write down what was decided; from here on it is carried out."""
    now = datetime.now(UTC)
    receipt = f"{why}-{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    texts = [(name, task.text) for name, task in plan.chosen.tasks.items()]
    new = suppress(plan.run.path.parent, rows=texts, needles=plan.person.needles, why=why, receipt=receipt)
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
        for folder in weights_of(run):
            mark_learned(folder, journal.receipt, journal.learned)
    clean(run, erasing)
    matches = theirs(erasing.person, frozenset(journal.texts))
    erasing.counts["values in the vault"] += erase_values(run.path.parent, matches)
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
    recipe, person = _recipe(run), erasing.person
    tokenizers = list(remaining_tokenizers(run, recipe, person))
    after = sweep(run, person)
    named = [_named(run, path) for path in after.hits]
    runs = run.path.parent
    return Receipt(
        id=journal.receipt,
        why=journal.why,
        run=run.name,
        begun=journal.begun,
        ended=datetime.now(UTC).isoformat(timespec="seconds"),
        imbik=__version__,
        operator=_operator(run, recipe).hash,
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
    chain, recipe = run.path / FILE_NAME, _recipe(run)
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
    place = str(path.relative_to(run.path.parent))
    if place.endswith("recipe.yaml"):
        return Remains(
            path=place, why="the recipe names the person", next="take the words out of it, then run it again"
        )
    return Remains(path=place, why="still names the person", next="look at it, and remove or mend it by hand")


def _outside(recipe: Recipe | None) -> list[str]:
    """What lies elsewhere and is not imbik's to change."""
    if recipe is None:
        return ["the run's recipe cannot be read: stored answers were looked for by their text only"]
    notes = [
        f"{path} is the source and is not changed: take the rows out of it yourself" for path in local_sources(recipe)
    ]
    blocks = (recipe.tasks.source, recipe.tasks.validation_source, recipe.tasks.test_source)
    if any(block is not None and block.use == "hub" for block in blocks):
        notes.append("a data set of the hub: its cache (HF_HOME, ~/.cache/huggingface) still holds the rows as loaded")
    return notes


def _recipe(run: RunFolder) -> Recipe | None:
    try:
        return recipe_of(run)
    except (ImbikError, OSError):
        return None


def _operator(run: RunFolder, recipe: Recipe | None) -> Operator:
    """The operator's file that holds, for its hash; an erasure needs no permission of it."""
    try:
        return load_operator(recipe.base if recipe else run.path)
    except ImbikError:
        return Operator()
