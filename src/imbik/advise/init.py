"""`imbik init NAME --from FILE`: look at a file, propose, write a commented recipe that has passed preflight.

Enters: a name and the user's file. Leaves: NAME/recipe.yaml (and NAME/teacher.yaml), and lines that say what was seen
and decided. Asks nothing it can see; overwrites nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from imbik.advise.propose import Proposal, propose, size_of
from imbik.advise.recipe_text import recipe_text, teacher_text
from imbik.advise.summary import clock, counted
from imbik.advise.terminal import safe
from imbik.core.errors import InputError, UsageError
from imbik.core.files import write_text
from imbik.core.plugins import available, closest
from imbik.core.runfolder import RunFolder
from imbik.pipeline.preflight import preflight
from imbik.pipeline.rules import parameters
from imbik.recipe import load_recipe
from imbik.tasks.inspect import Inspection, inspect

_NAME = re.compile(r"^[A-Za-z0-9çğıöşüÇĞİÖŞÜ][\w.-]{0,70}$")


@dataclass(frozen=True)
class Made:
    """What was written, what to tell, and what to do next."""

    recipe: Path
    words: tuple[str, ...]
    next: str


def init(name: str, source: Path, *, kind: str = "", test: Path | None = None) -> Made:
    """Write the recipe of a new run.

    Raises: UsageError for a name that is taken or unusable, InputError for a file that cannot be read.
    """
    folder = Path(name)
    _check(folder, kind)
    where = source.resolve() if source.exists() else source
    found = inspect(where)
    found = replace(found, path=str(source), kind=kind or found.kind)
    if test is not None and not test.exists():
        raise InputError("there is no such file", where=str(test), next="check --test")
    proposal = propose(found, has_test=test is not None)
    recipe = folder / "recipe.yaml"
    place = _written(where, folder) if source.exists() else str(source)
    held_out = _written(test.resolve(), folder) if test else ""
    folder.mkdir(parents=True, exist_ok=True)
    if proposal.teacher is not None:
        write_text(folder / "teacher.yaml", teacher_text(folder.name, place, held_out, found, proposal))
    write_text(recipe, recipe_text(folder.name, place, held_out, found, proposal))
    unfinished = proposal.way == "a teacher is needed"
    warnings = () if unfinished else _tried(recipe)
    first = f"name a teacher in {recipe} (its comments say how), then: " if unfinished else ""
    words = (*_words(found, proposal), *(f"! {warning}" for warning in warnings))
    return Made(recipe, words, f"{first}imbik run {recipe}")


def _written(path: Path, folder: Path) -> str:
    """A path as the recipe writes it: relative where the file lies near, so that both can move together."""
    near = os.path.relpath(path, folder)
    return str(path) if near.count("..") > 2 else near


def _check(folder: Path, kind: str) -> None:
    if not _NAME.match(folder.name):
        raise UsageError(
            f"'{folder.name}' cannot be the name of a run",
            next="letters, digits, - and _ make good names: imbik init destek",
        )
    for name in ("recipe.yaml", "teacher.yaml"):
        if (folder / name).exists():
            raise UsageError(f"{folder / name} is there already", next="choose another name, or move it away")
    kinds = list(available("tasks/kinds"))
    if kind and kind not in kinds:
        raise UsageError(f"there is no kind '{kind}'; {closest(kind, kinds)}", where="--kind")


def _tried(recipe: Path) -> tuple[str, ...]:
    """What preflight warns of; a proposal that it would refuse is an error of ours and must be seen now."""
    loaded = load_recipe(recipe)
    return preflight(loaded, RunFolder(Path("runs") / loaded.name)).warnings


def _words(found: Inspection, proposal: Proposal) -> Iterator[str]:
    """What was seen and decided, for a person."""
    encoding = f", {found.encoding}" if found.encoding else ""
    bad = f", {found.bad_rows:,} of them unusable (they go to quarantine with the reason)" if found.bad_rows else ""
    yield f"{safe(found.path)}: {found.format}{encoding}, {counted(found.rows, 'row')}{bad}, language {found.language}"
    roles = ", ".join(f"{safe(column)} is the {role}" for role, column in found.roles.items())
    yield f"kind: {found.kind}; {roles or 'columns as they are'}" + _how_many_labels(found)
    yield from (f"! {note}" for note in found.notes)
    yield f"proposal: {_plan(proposal)}"
    yield f"forecast: about {clock(proposal.seconds)} on this machine"
    yield "rows are confidential until the recipe says otherwise: nothing leaves this machine, and nothing has to"


def _how_many_labels(found: Inspection) -> str:
    return f"; {len(found.labels)} labels" if found.labels else ""


def _plan(proposal: Proposal) -> str:
    student = f"a student of {parameters(size_of(proposal.model).parameters)} parameters made here"
    if proposal.teacher is not None:
        teacher = parameters(size_of(proposal.teacher).parameters)
        return f"a teacher of {teacher} parameters trained here on your labels, then {student}"
    if proposal.way == "recorded answers":
        return f"{student}, taught by the answers the file holds"
    if proposal.way == "a teacher is needed":
        return f"{student}; your rows hold no answers, so name a teacher in the recipe first (its comments say how)"
    return f"{student}, trained on your rows' own answers"
