"""Looking at everything that an erasure would take out, with nothing changed yet.

Enters: a run, and who or which rows. Leaves: a Plan, which somebody agrees to or not: the rows, the stored answers that
were given for them, the files that name the person, and what lies elsewhere.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

from imbik.advise.forget import databases
from imbik.advise.forget.erasing import OtherRun, Remains
from imbik.advise.forget.exports import elsewhere, told_inside
from imbik.advise.forget.find import Chosen, find, tasks_of
from imbik.advise.forget.keys import answer_keys, local_sources
from imbik.advise.forget.made import students_elsewhere
from imbik.advise.forget.matches import Matches, matches
from imbik.advise.forget.others import other_runs
from imbik.advise.forget.pseudonyms import placeholders, theirs
from imbik.advise.forget.sweep import Swept, sweep
from imbik.advise.runs import recipe_of
from imbik.core.errors import ImbikError
from imbik.core.runfolder import RunFolder
from imbik.privacy.operator import Operator, load_operator
from imbik.privacy.person import Person, squeezed
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


def look(
    run: RunFolder, person: Person, chosen_rows: Set[str], *, why: Why = "forget", older: Set[bytes] = frozenset()
) -> Plan:
    """Everything that is meant, with nothing changed."""
    chosen = find(run, person, chosen_rows)
    recipe = recipe_here(run)
    texts = frozenset(squeezed(task.text) for task in chosen.tasks.values())
    named, notes = placeholders(run.home, theirs(person, texts))
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
    known, operator = databases.identities(run.store), operator_here(run, recipe)
    keys, notes = answer_keys(recipe, run, chosen.tasks.values(), known, operator)
    alike = [task for task in tasks_of(run) if task.id not in chosen.tasks and squeezed(task.text) in texts]
    keys |= handed_over
    return keys - answer_keys(recipe, run, alike, known, operator)[0], notes


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


def recipe_here(run: RunFolder) -> Recipe | None:
    """The run's recipe, None where it cannot be read."""
    try:
        return recipe_of(run)
    except (ImbikError, OSError):
        return None


def operator_here(run: RunFolder, recipe: Recipe | None) -> Operator:
    """The operator's file that holds, for its hash; an erasure needs no permission of it."""
    try:
        return load_operator(recipe.base if recipe else run.path)
    except ImbikError:
        return Operator()
