"""Reading all of a recipe's sources into tasks.

Enters: the recipe. Leaves: `Loaded`: the tasks in source order, the rows that could not be used, and what a person
should know (guessed encodings, labels written in two ways). Duplicate ids are refused with both places.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from imbik.core.errors import InputError
from imbik.core.plugins import PluginBlock, make
from imbik.core.types import LabelReference, Task
from imbik.privacy.person import strings
from imbik.privacy.suppression import Suppression
from imbik.recipe import Recipe
from imbik.tasks.answer_schema import schema_file, schema_text
from imbik.tasks.build import Builder
from imbik.tasks.clean import Cleaner, told
from imbik.tasks.kinds import Kind
from imbik.tasks.kinds.classification import unify
from imbik.tasks.recorded import RecordedAnswers
from imbik.tasks.rows import Quarantined, Row
from imbik.tasks.selection import Selection, parse_selection
from imbik.tasks.sources import RowSource
from imbik.tasks.sources.auto import Auto, resolve
from imbik.tasks.turns import parted
from imbik.tasks.turns import told as told_turns

_MOJIBAKE = re.compile("Ã[§¼¶‡–œ]|Ä[±°Ÿž]|Å[Ÿž]")
_DERIVED = re.compile(r"^t[0-9a-f]{16}$")
_MOJIBAKE_ROWS = 3


@dataclass
class Loaded:
    """All that came out of the sources; `rows` counts every row, also those in quarantine, `parts` the tasks that are
    a further turn of a row."""

    tasks: list[Task] = field(default_factory=list)
    quarantine: list[Quarantined] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cleaned: Counter[str] = field(default_factory=Counter)
    cleaned_rows: int = 0
    parts: int = 0

    @property
    def rows(self) -> int:
        """Rows read."""
        return len(self.tasks) + len(self.quarantine) - self.parts


def source_blocks(recipe: Recipe) -> list[tuple[PluginBlock, str]]:
    """The recipe's sources, and the set that each prescribes ('' for the main one)."""
    tasks = recipe.tasks
    blocks = [(tasks.source, ""), (tasks.validation_source, "validation"), (tasks.test_source, "test")]
    return [(block, name) for block, name in blocks if block is not None]


def source_files(recipe: Recipe) -> list[Path]:
    """Every file whose content shapes the tasks.

    Raises: InputError where one is missing or empty.
    """
    sources = [open_source(block, recipe.base) for block, _ in source_blocks(recipe)]
    rows = [path for source in sources for path in source.files(recipe.base)]
    return rows + RecordedAnswers(recipe).files + schema_file(recipe)


def open_source(block: PluginBlock, base: Path) -> RowSource:
    """The source of a block; a plain path becomes what it is."""
    source: RowSource = make("tasks/sources", block)
    return resolve(source.settings.path, base) if isinstance(source, Auto) else source


def load_tasks(
    recipe: Recipe,
    kind: Kind,
    advance: Callable[[int], None] | None = None,
    suppression: Suppression | None = None,
) -> Loaded:
    """Read everything; `advance` is told how many more rows are done. Rows that were erased before, by the list of the
    runs folder, go into quarantine.

    Raises: InputError when nothing usable is found, when ids repeat, or when a file cannot be read at all.
    """
    loaded = Loaded()
    recorded = RecordedAnswers(recipe)
    loaded.notes += recorded.notes
    selection = parse_selection(recipe.tasks.rows)
    for block, prescribed in source_blocks(recipe):
        source = open_source(block, recipe.base)
        builder = Builder(recipe.tasks, kind, recorded, source.sensitivity)
        chosen = Selection() if prescribed else selection
        rows = _cleaned(chosen.take(source.rows(recipe.base, "" if prescribed else chosen.split)), recipe, loaded)
        for item in _read(rows, builder, chosen, prescribed):
            if isinstance(item, Task):
                parts = parted(kind, item)
                loaded.tasks.extend(parts)
                loaded.parts += len(parts) - 1
            else:
                loaded.quarantine.append(item)
            if advance is not None and loaded.rows % 1000 == 0:
                advance(1000)
        loaded.notes += source.notes
    if advance is not None:
        advance(loaded.rows % 1000)
    if not loaded.tasks:
        raise _nothing(loaded, recipe)
    recorded.refuse_missing()
    loaded.tasks = _unique(loaded.tasks)
    if suppression:
        _keep_out(loaded, suppression)
        if not loaded.tasks:
            raise _nothing(loaded, recipe)
    loaded.tasks, notes = _one_spelling(loaded.tasks)
    if schema := schema_text(recipe):
        loaded.tasks = [msgspec.structs.replace(task, schema=schema) for task in loaded.tasks]
    if loaded.cleaned:
        loaded.notes.append(told(loaded.cleaned, loaded.cleaned_rows))
    loaded.notes += notes + told_turns(recipe.tasks, len(loaded.tasks) - loaded.parts, len(loaded.tasks))
    loaded.notes += _warnings(loaded)
    return loaded


def _cleaned(rows: Iterable[Row | Quarantined], recipe: Recipe, loaded: Loaded) -> Iterator[Row | Quarantined]:
    """Rows with their texts cleaned, if the recipe wants that; changes are counted."""
    cleaning = recipe.tasks.cleaning
    if cleaning is None:
        yield from rows
        return
    cleaner = Cleaner(**cleaning.model_dump())
    for row in rows:
        if isinstance(row, Quarantined):
            yield row
            continue
        values, changes = cleaner.values(row.values)
        loaded.cleaned.update(changes)
        loaded.cleaned_rows += bool(changes)
        yield row._replace(values=values)


def _read(
    rows: Iterable[Row | Quarantined], builder: Builder, selection: Selection, prescribed: str
) -> Iterator[Task | Quarantined]:
    """Tasks and bad rows of one source; a source given for one set keeps further test sets of its own."""
    split = selection.split if not prescribed else ""
    for row in rows:
        if isinstance(row, Quarantined):
            yield row
            continue
        if prescribed and row.set in ("", "validation", "test"):
            row = row._replace(set=prescribed)
        elif split:
            row = row._replace(set="")
        yield builder.build(row)


def _unique(tasks: list[Task]) -> list[Task]:
    """Tasks with ids of their own: equal rows without an id are numbered, equal explicit ids are refused."""
    seen: dict[str, Task] = {}
    times: Counter[str] = Counter()
    result = []
    for task in tasks:
        if _DERIVED.match(task.id):
            times[task.id] += 1
            if times[task.id] > 1:
                task = msgspec.structs.replace(task, id=f"{task.id}-{times[task.id]}")
        elif task.id in seen:
            raise InputError(
                f"id '{task.id}' stands twice: at {_place(seen[task.id])} and at {_place(task)}",
                where="tasks.source",
                next="give each row an id of its own, or leave the ids aside: columns: {id: ''}",
            )
        seen[task.id] = task
        result.append(task)
    return result


def _keep_out(loaded: Loaded, suppression: Suppression) -> None:
    """Erased rows stay out: a quarantine line each, with the place and without a word of the row."""
    kept = []
    for task in loaded.tasks:
        content = msgspec.to_builtins(task)
        source = content.pop("source", {})
        reason = suppression.reason(task.id, task.text, strings(content))
        if reason:
            loaded.quarantine.append(
                Quarantined(file=source.get("file", ""), line=source.get("line", 0), reason=reason)
            )
        else:
            kept.append(task)
    loaded.tasks = kept


def _one_spelling(tasks: list[Task]) -> tuple[list[Task], list[str]]:
    """Labels that differ only in casing, spaces and underscores become the most frequent spelling."""
    found = Counter(task.reference.text for task in tasks if isinstance(task.reference, LabelReference))
    spelling = unify(found)
    changed = {label: kept for label, kept in spelling.items() if label != kept}
    if not changed:
        return tasks, []
    result = []
    for task in tasks:
        if isinstance(task.reference, LabelReference) and task.reference.text in changed:
            reference = msgspec.structs.replace(task.reference, text=changed[task.reference.text])
            task = msgspec.structs.replace(task, reference=reference)
        result.append(task)
    written = ", ".join(f"'{label}' as '{kept}'" for label, kept in list(changed.items())[:5])
    return result, [f"{len(changed)} spellings of labels were read as another: {written}"]


def _warnings(loaded: Loaded) -> list[str]:
    """What a person should know of rows that were used and rows that were not."""
    notes = []
    if loaded.quarantine:
        reasons = Counter(bad.reason for bad in loaded.quarantine).most_common(3)
        why = ", ".join(f"{reason} ({count})" for reason, count in reasons)
        share = len(loaded.quarantine) / loaded.rows
        notes.append(
            f"{len(loaded.quarantine)} of {loaded.rows} rows ({share:.1%}) are in 1_tasks/quarantine.jsonl: {why}; "
            f"the first: {loaded.quarantine[0].file}:{loaded.quarantine[0].line}"
        )
    garbled = sum(bool(_MOJIBAKE.search(task.text)) for task in loaded.tasks if not task.text.isascii())
    if garbled >= _MOJIBAKE_ROWS:
        notes.append(f"{garbled} texts look like UTF-8 that was once read as Windows-1254 (Ã§ for ç): mend the file")
    return notes


def _nothing(loaded: Loaded, recipe: Recipe) -> InputError:
    """No task at all: the first bad row says what is wrong with all of them."""
    if not loaded.quarantine:
        what = f"no row is selected by rows: '{recipe.tasks.rows}'" if recipe.tasks.rows else "there are no rows"
        named = recipe.tasks.source.raw.get("path", recipe.tasks.source.use)
        return InputError(what, where=f"tasks.source ({named})", next="give a file with at least a few rows")
    first = loaded.quarantine[0]
    advice = {
        "no question found": "say which column is which: columns: {question: YOUR_COLUMN, answer: YOUR_COLUMN}",
        "no sensitivity": "sensitivity: public (or internal, confidential, special, or a column's name)",
        "no language": "language: tr (or another code, or a column's name)",
    }.get(first.reason, "mend the rows; every one of them is listed with its reason when some can be used")
    return InputError(
        f"none of the {loaded.rows} rows can be used; the first: {first.reason}: {first.detail}",
        where=f"{first.file}:{first.line}",
        next=advice,
    )


def _place(task: Task) -> str:
    return f"{task.source.file}:{task.source.line}" if task.source else "?"
