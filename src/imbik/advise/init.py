"""`imbik init NAME --from FILE`: look at a file, propose, write a commented recipe that has passed preflight.

Enters: a name and the user's file. Leaves: NAME/recipe.yaml (and NAME/teacher.yaml) with the schema that editors check
them by, and lines that say what was seen and decided. Asks nothing it can see; overwrites no recipe.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from imbik.advise.propose import Proposal, propose, size_of
from imbik.advise.recipe_text import recipe_text, teacher_text
from imbik.advise.summary import clock, counted
from imbik.advise.terminal import safe
from imbik.core.errors import InputError, UsageError
from imbik.core.files import write_text
from imbik.core.misspelt import closest
from imbik.core.plugins import available
from imbik.core.strict_yaml import YamlError, read_yaml
from imbik.pipeline import run
from imbik.pipeline.rules import parameters
from imbik.recipe import schema_text
from imbik.recipe.schema import FIRST_LINE, SCHEMA_FILE
from imbik.tasks.inspect import Inspection, inspect
from imbik.tasks.sources.auto import resolve

_NAME = re.compile(r"^[A-Za-z0-9çğıöşüÇĞİÖŞÜ][\w.-]{0,70}$")


@dataclass(frozen=True)
class Made:
    """What was written, what to tell, and what to do next."""

    recipe: Path
    words: tuple[str, ...]
    next: str


def init(
    name: str, source: Path, *, kind: str = "", test: Path | None = None, columns: Mapping[str, str] | None = None
) -> Made:
    """Write the recipe of a new run; `columns` says what the file's headers and values do not show.

    Raises: UsageError for a name that is taken or unusable, InputError for a file that cannot be read.
    """
    folder = Path(name)
    _check(folder, kind)
    where = source.resolve() if source.exists() else source
    _check_source(source)
    found = replace(inspect(where, kind=kind, columns=columns), path=str(source))
    if test is not None and not test.exists():
        raise InputError("there is no such file", where=str(test), next="check --test")
    proposal = propose(found, has_test=test is not None)
    recipe = folder / "recipe.yaml"
    place = _written(where, folder) if source.exists() else str(source)
    held_out = _written(test.resolve(), folder) if test else ""
    folder.mkdir(parents=True, exist_ok=True)
    if proposal.teacher is not None:
        write_text(folder / "teacher.yaml", FIRST_LINE + teacher_text(folder.name, place, held_out, found, proposal))
    write_text(folder / SCHEMA_FILE, schema_text())
    write_text(recipe, FIRST_LINE + recipe_text(folder.name, place, held_out, found, proposal))
    unfinished = proposal.way == "a teacher is needed"
    seconds, warnings = (proposal.seconds, ()) if unfinished else _tried(recipe)
    first = f"name a teacher in {recipe} (its comments say how), then: " if unfinished else ""
    words = (*_words(found, proposal, seconds), *(f"! {warning}" for warning in warnings))
    return Made(recipe, words, f"{first}imbik run {recipe}")


def read_columns(text: str) -> dict[str, str]:
    """`{prompt: COLUMN, label: COLUMN}` as a person typed it, with or without the braces; nothing is {}.

    Raises: UsageError for what is none.
    """
    try:
        found, _ = read_yaml(text if text.lstrip().startswith("{") else f"{{{text}}}")
    except YamlError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(item, str) for pair in found.items() for item in pair):
        raise UsageError(
            f"'{text}' names no columns",
            where="--columns",
            next="--columns '{prompt: YOUR_COLUMN, label: YOUR_COLUMN}'",
        )
    return found


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


def _check_source(source: Path) -> None:
    """There is no recipe yet that could be corrected: what is wrong is what was typed.

    Raises: InputError for what is neither there nor a hub id.
    """
    try:
        resolve(str(source), Path())
    except InputError as error:
        if source.exists():
            raise
        beside = [path.name for path in source.parent.iterdir()] if source.parent.is_dir() else []
        near = get_close_matches(source.name, beside, n=1)
        like = f"; did you mean '{near[0]}'?" if near else ""
        raise InputError(f"{error.what}{like}", where=str(source), next="check the path after --from") from None


def _tried(recipe: Path) -> tuple[float, tuple[str, ...]]:
    """Seconds that a dry run forecasts, teachers trained for it included, and its warnings; a proposal that it would
    refuse is an error of ours and must be seen now."""
    result = run(recipe, dry_run=True)
    every = (*result.children, result)
    seconds = sum(each.estimate.total_seconds for each in every if each.estimate)
    return seconds, tuple(dict.fromkeys(warning for each in every for warning in each.warnings))


def _words(found: Inspection, proposal: Proposal, seconds: float) -> Iterator[str]:
    """What was seen and decided, for a person."""
    encoding = f", {found.encoding}" if found.encoding else ""
    bad = f", {found.bad_rows:,} of them unusable (they go to quarantine with the reason)" if found.bad_rows else ""
    yield f"{safe(found.path)}: {found.format}{encoding}, {counted(found.rows, 'row')}{bad}, language {found.language}"
    roles = ", ".join(f"{safe(column)} is the {role}" for role, column in found.roles.items())
    yield f"kind: {found.kind}; {roles or 'columns as they are'}" + _how_many_labels(found)
    if found.guessed:
        guessed = "; ".join(map(safe, found.guessed))
        yield f"judged from the values, since the headers do not say: {guessed}; `columns:` in the recipe corrects it"
    yield from (f"! {note}" for note in found.notes)
    yield f"proposal: {_plan(proposal)}"
    yield f"forecast: about {clock(seconds)} on this machine"
    if found.sensitivity:
        yield f"each row is as sensitive as its column {safe(found.sensitivity)} says; an empty cell is confidential"
    else:
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
