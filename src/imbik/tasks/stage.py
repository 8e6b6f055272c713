"""The first stage: sources in, `1_tasks/` out.

Enters: the recipe's `tasks:` and the files it names. Leaves: tasks in source order, then those grown and augmented of
them, the set of each, quarantined rows, the labels found, how alike the sets are. Rows that hold personal data count as
confidential. Its hash holds the digests of the files, so a changed file runs it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from imbik.core.files import file_digest, write_json, write_lines
from imbik.core.lineage import leaf
from imbik.core.plugins import load_plugin, make
from imbik.core.results import Books
from imbik.core.runfolder import RunFolder, write_parts
from imbik.core.types import LabelReference, Task
from imbik.privacy.audit import row_names
from imbik.privacy.declassify import FILE_NAME as DECLASSIFIED
from imbik.privacy.declassify import agreed_in, lowered
from imbik.privacy.detect import Detection, detector_versions
from imbik.privacy.operator import load_operator
from imbik.privacy.sensitivity import highest
from imbik.privacy.suppression import Suppression
from imbik.recipe import Recipe
from imbik.stage import Asker, StageContext, StageResult
from imbik.tasks.adapters import refuse_unclaimed
from imbik.tasks.augment import augment, augment_settings
from imbik.tasks.clean import VERSION as CLEANING
from imbik.tasks.growth.grow import Grown, grow
from imbik.tasks.growth.journal import Journal
from imbik.tasks.growth.named import growth_settings
from imbik.tasks.growth.report import REFUSED_FILE
from imbik.tasks.identifiers import raised
from imbik.tasks.kinds import Kind
from imbik.tasks.likeness import likeness, warnings
from imbik.tasks.load import Loaded, load_tasks, open_source, source_blocks, source_files
from imbik.tasks.read import read_tasks
from imbik.tasks.split import Assignment, divide, earlier_assignments, shares_for, size_notes

_TRAINING_ONLY = {"loss_on", "prompt_weight", "turns"}
_APART = {"grow", "augment"}
_PLACES = {"path", "answer_schema"}
_RARE = 2


class TasksStage:
    """From somebody's rows to tasks in sets."""

    name = "tasks"
    folder = "1_tasks"
    version = 2

    def needed(self, recipe: Recipe) -> bool:  # noqa: ARG002
        """Always."""
        return True

    def inputs(self, recipe: Recipe) -> Sequence[str]:  # noqa: ARG002
        """The first stage reads no other."""
        return ()

    def settings(self, recipe: Recipe, asker: Asker) -> object:
        """The tasks section as written, versions of source, kind and detectors, recorded teachers, digests of
        all files, who grows the pool.

        Raises: InputError where a file is missing.
        """
        section = recipe.tasks.model_dump(mode="json", exclude_defaults=True, exclude=_TRAINING_ONLY | _APART)
        teachers = recipe.teachers.items()
        recorded = {name: _bare(block.raw, recipe.base) for name, block in teachers if block.use == "recorded"}
        people = load_operator(recipe.base).declassifiers
        return {
            "tasks": _without_places(section, recipe.base),
            "sources": [open_source(block, recipe.base).version for block, _ in source_blocks(recipe)],
            "kind": getattr(load_plugin("tasks/kinds", recipe.tasks.kind.use), "version", 1),
            "recorded": recorded,
            "files": [file_digest(path) for path in source_files(recipe)],
            **({"clean": CLEANING} if recipe.tasks.cleaning else {}),
            **({"declassifiers": people} if people else {}),
            "detectors": detector_versions(load_operator(recipe.base)),
            **({"grow": growth_settings(recipe, asker)} if recipe.tasks.grow else {}),
            **({"augment": augment_settings(recipe, asker)} if recipe.tasks.augment else {}),
        }

    def outside(self, recipe: Recipe, run: RunFolder, asker: Asker) -> Mapping[str, str]:  # noqa: ARG002 - the contract
        """What people said of rows of this run that are less private than they are marked."""
        said = run.path / DECLASSIFIED
        return {"declassified": file_digest(said)} if said.exists() else {}

    def run(self, context: StageContext) -> StageResult:
        """Read, divide, grow, write.

        Raises: InputError when the input cannot be used; see `load_tasks`, `divide` and `grow`.
        """
        recipe, progress = context.recipe, context.progress
        kind: Kind = make("tasks/kinds", recipe.tasks.kind)
        progress.begin("tasks")
        erased = Suppression.load(context.run.home)
        loaded = load_tasks(recipe, kind, lambda rows: progress.advance("tasks", rows), erased)
        books = _books(loaded)
        source = str(recipe.tasks.source.raw.get("path", recipe.tasks.source.use))
        detection = Detection(load_operator(recipe.base))
        loaded.tasks, found = raised(loaded.tasks, detection, source)
        loaded.notes += _lower(loaded, context)
        division = divide(loaded.tasks, recipe.tasks.split, earlier_assignments(context.run, self.folder))
        progress.end("tasks")
        grown = grow(context, kind, loaded.tasks, division.assignments, detection, erased)
        grown.add(augment(context, *_with(loaded.tasks, division.assignments, grown), detection, erased))
        shares = shares_for(recipe.tasks.split, loaded.tasks)
        loaded.tasks, assigned = _with(loaded.tasks, division.assignments, grown)
        if recipe.tasks.grow or recipe.tasks.augment:
            write_lines(context.folder / REFUSED_FILE, grown.refusals)
        notes = [*loaded.notes, *found, *division.notes, *size_notes(assigned, shares), *grown.notes]
        notes += self._write(context, loaded, assigned)
        Journal(context.folder).clear()
        return StageResult(
            books=_with_grown(books, grown),
            leaves=[
                leaf(task.id, {"task": task, "set": item.set})
                for task, item in zip(loaded.tasks, assigned, strict=True)
            ],
            sensitivity=highest(task.sensitivity for task in loaded.tasks),
            measured={name: str(count) for name, count in sorted(_sizes(assigned).items())}
            | {f"cleaned_{name}": str(count) for name, count in sorted(loaded.cleaned.items())}
            | grown.measured,
            warnings=notes,
        )

    def conclude(self, recipe: Recipe, run: RunFolder) -> None:
        """Whoever is to learn or teach rows of some tags has such rows.

        Raises: RecipeError.
        """
        if recipe.train.adapters or recipe.train.teachers:
            refuse_unclaimed(recipe.train, (task for task, name in read_tasks(run) if name == "train"))

    def _write(self, context: StageContext, loaded: Loaded, assignments: Sequence[Assignment]) -> list[str]:
        """Write the folder's files; returns what a person should know of them."""
        folder, tasks = context.folder, loaded.tasks
        write_parts(folder, iter(tasks))
        write_lines(folder / "splits.jsonl", assignments)
        write_lines(folder / "quarantine.jsonl", loaded.quarantine)
        found = likeness((task, item.set) for task, item in zip(tasks, assignments, strict=True))
        write_json(folder / "likeness.json", found)
        notes = warnings(found)
        labels = labels_of(tasks)
        if labels:
            given = context.recipe.tasks.kind.raw.get("labels")
            write_json(folder / "labels.json", given or labels)
            notes += _label_notes(tasks, assignments)
        return notes


def _lower(loaded: Loaded, context: StageContext) -> list[str]:
    """Give rows that two people declassified the level that they gave them; returns what a person should know."""
    name = row_names(context.run.path)
    agreed = agreed_in(context.run.path, load_operator(context.recipe.base)) if name else {}
    if name is None or not agreed:
        return []
    made = [lowered(task, agreed, name) for task in loaded.tasks]
    count = sum(new is not old for new, old in zip(made, loaded.tasks, strict=True))
    loaded.tasks = made
    what = "1 row is" if count == 1 else f"{count} rows are"
    return [f"{what} less private than marked: two people declassified them"] if count else []


def labels_of(tasks: Sequence[Task]) -> list[str]:
    """All labels of the references, sorted."""
    return sorted({task.reference.text for task in tasks if isinstance(task.reference, LabelReference)})


def _books(loaded: Loaded) -> Books:
    reasons = Counter(bad.reason for bad in loaded.quarantine)
    return Books(
        rows_in=loaded.rows + loaded.parts,
        rows_out=len(loaded.tasks),
        rejected=len(loaded.quarantine),
        reasons=dict(reasons),
    )


def _with(
    tasks: list[Task], assignments: Sequence[Assignment], grown: Grown
) -> tuple[list[Task], Sequence[Assignment]]:
    """Rows and what was made of them, with their sets."""
    return [*tasks, *grown.tasks], [*assignments, *grown.assignments]


def _with_grown(books: Books, grown: Grown) -> Books:
    """The books with what was offered beside the rows: taken in, refused, or failed as a question."""
    refused, failed = grown.refused.total(), grown.failed.total()
    ends = Counter[str]()
    for reason, count in grown.failed.items():
        ends[reason.partition(":")[0]] += count
    return Books(
        rows_in=books.rows_in + len(grown.tasks) + refused + failed,
        rows_out=books.rows_out + len(grown.tasks),
        rejected=books.rejected + refused,
        failed=failed,
        reasons=dict(Counter(books.reasons) + grown.refused + ends),
    )


def _sizes(assignments: Sequence[Assignment]) -> Counter[str]:
    return Counter(f"rows_{item.set}" for item in assignments)


def _label_notes(tasks: Sequence[Task], assignments: Sequence[Assignment]) -> list[str]:
    """Labels that cannot be learned, because train has none or hardly any of them."""
    counts: Counter[str] = Counter()
    for task, item in zip(tasks, assignments, strict=True):
        if isinstance(task.reference, LabelReference):
            counts[task.reference.text] += item.set == "train"
    rare = [label for label, count in sorted(counts.items()) if count < _RARE]
    if not rare:
        return []
    shown = ", ".join(f"'{label}'" for label in rare[:5])
    return [
        f"{len(rare)} of {len(counts)} labels have fewer than {_RARE} training rows ({shown}{' …' * (len(rare) > 5)})"
    ]


def _without_places(section: object, base: Path) -> object:
    """The section without what shapes nothing: the recipe's line numbers, and the folders of files whose content is
    hashed, so that a moved project, or a run folder's own recipe, finds its tasks current."""
    if isinstance(section, dict):
        place = set(section) <= {"use", "raw", "where"}
        kept = {key: item for key, item in section.items() if not (place and key == "where")}
        return {
            key: _place(item, base) if key in _PLACES else _without_places(item, base) for key, item in kept.items()
        }
    return [_without_places(item, base) for item in section] if isinstance(section, list) else section


def _bare(raw: Mapping[str, object], base: Path) -> object:
    """A recorded teacher's settings without the folders of its files, which are hashed by content, and without who
    wrote them, which changes no answer."""
    told = {key: value for key, value in raw.items() if key != "written_by"}
    files = raw.get("files")
    if isinstance(files, Mapping):
        return {**told, "files": {name: _place(path, base) for name, path in files.items()}}
    return {**told, "files": [_place(path, base) for path in files]} if isinstance(files, list) else told


def _place(path: object, base: Path) -> object:
    """A file's name for its path; a hub id stays whole."""
    return Path(path).name if isinstance(path, str) and (base / Path(path).expanduser()).exists() else path
