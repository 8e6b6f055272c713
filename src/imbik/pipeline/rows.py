"""How many rows a recipe has and how long they are, without reading them all: what estimates stand on.

Enters: a recipe and its run folder. Leaves: `Rows`, exact when stage 1 has run, else from a look at the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import msgspec

from imbik.core.errors import ImbikError
from imbik.core.plugins import PluginBlock
from imbik.core.runfolder import RunFolder, read_parts
from imbik.core.types import Sensitivity, Task
from imbik.recipe import Recipe
from imbik.tasks.build import marked
from imbik.tasks.growth.report import read_growth
from imbik.tasks.load import open_source
from imbik.tasks.rows import BadRowError, Row
from imbik.tasks.selection import parse_selection
from imbik.tasks.taxonomy import read_taxonomy

CHARACTERS_A_TOKEN = 3.5
LOOK_BYTES = 4_000_000
LOOK_ROWS = 300
MARKED_ROWS = 20_000
EMBEDDED_TOKENS = (40.0, 33.0)


@dataclass(frozen=True)
class Rows:
    """Rows by set and their mean lengths in tokens; `known` is False where they were guessed.

    `levels` are the shares of rows of each sensitivity where a column marks them, {} where they are all alike or not
    known; `held_back` is the share that no teacher may see. `seeds` are rows without those that were or will be grown.
    """

    train: int = 0
    validation: int = 0
    test: int = 0
    prompt_tokens: float = 60.0
    answer_tokens: float = 0.0
    known: bool = False
    levels: Mapping[Sensitivity, float] = field(default_factory=dict)
    held_back: float = 0.0
    seeds: int = 0

    @property
    def total(self) -> int:
        """Rows of all sets."""
        return self.train + self.validation + self.test


class _Set(msgspec.Struct):
    set: str


class _Marked(msgspec.Struct):
    sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL


def look(recipe: Recipe, run: RunFolder) -> Rows:
    """Rows of stage 1 if it has run, else of the source."""
    folder = run.stage("1_tasks")
    made = (folder / "manifest.json").exists()
    rows = _from_stage(folder) if made else _with_grown(recipe, _from_source(recipe))
    if recipe.tasks.level is not None:
        return rows
    counted = Counter(item.sensitivity for item in read_parts(folder, _Marked)) if made else _marks(recipe)
    return replace(rows, levels={level: count / counted.total() for level, count in counted.items()})


def _from_stage(folder: Path) -> Rows:
    """Counts from splits.jsonl, lengths from the first rows."""
    sets: Counter[str] = Counter()
    decoder = msgspec.json.Decoder(_Set)
    with (folder / "splits.jsonl").open("rb") as stream:
        for line in stream:
            sets[decoder.decode(line).set] += 1
    prompt, answer = _lengths(folder)
    others = sum(count for name, count in sets.items() if name not in {"train", "validation"})
    grown = read_growth(folder)
    seeds = grown.seeds if grown else sets.total()
    return Rows(sets["train"], sets["validation"], others, prompt, answer, known=True, seeds=seeds)


def _with_grown(recipe: Recipe, rows: Rows) -> Rows:
    """What will be grown counts as well: training rows, but for families that are held out."""
    grow, seeds = recipe.tasks.grow, rows.total
    more = max(0, grow.to - seeds) if grow is not None else 0
    share = grow.held_out if grow is not None else None
    validation, test = (round(more * share.validation), round(more * share.test)) if share else (0, 0)
    again = sum(float(block.raw.get("share", 0.2)) for block in recipe.tasks.augment)
    train = rows.train + more - validation - test
    return replace(
        rows, train=round(train * (1 + again)), validation=rows.validation + validation, test=rows.test + test,
        seeds=seeds,
    )  # fmt: skip


def _lengths(folder: Path) -> tuple[float, float]:
    """Mean tokens of questions and of known answers in the first rows."""
    parts = sorted(folder.glob("part-*.jsonl"))
    if not parts:
        return 60.0, 0.0
    decoder = msgspec.json.Decoder(Task)
    with parts[0].open("rb") as stream:
        tasks = [decoder.decode(line) for line in islice(stream, LOOK_ROWS)]
    if not tasks:
        return 60.0, 0.0
    answers = [len(t.reference.reasoning) + len(t.reference.text) for t in tasks if t.reference]
    prompt = sum(len(t.text) for t in tasks) / len(tasks) / CHARACTERS_A_TOKEN
    return prompt, sum(answers) / len(answers) / CHARACTERS_A_TOKEN if answers else 0.0


def _from_source(recipe: Recipe) -> Rows:
    """A guess: what the embedded problems were asked for, else lines of the file, cut as `tasks.rows` says."""
    tasks = recipe.tasks
    if tasks.source.use == "embedded" or tasks.source.raw.get("path") == "embedded":
        return _embedded(recipe)
    rows, characters = _taxonomy(recipe) if tasks.source.use == "taxonomy" else _count(tasks.source, recipe)
    rows = sum(1 for _ in parse_selection(tasks.rows).take(range(rows)))
    validation, test = _apart(tasks.validation_source, recipe), _apart(tasks.test_source, recipe)
    share_validation = 0.0 if validation is not None else tasks.split.validation
    share_test = 0.0 if test is not None else tasks.split.test
    return Rows(
        round(rows * (1 - share_validation - share_test)),
        validation if validation is not None else round(rows * share_validation),
        test if test is not None else round(rows * share_test),
        max(characters / CHARACTERS_A_TOKEN, 1.0) if rows else 60.0,
    )


def _marks(recipe: Recipe) -> Counter[Sensitivity]:
    """What a column says of the first rows of a source that lies here; nothing where it cannot be read."""
    block = recipe.tasks.source
    path = str(block.raw.get("path", ""))
    found: Counter[Sensitivity] = Counter()
    if not path or not recipe.path(path).exists():
        return found
    try:
        source = open_source(block, recipe.base)
        if source.sensitivity is not None:
            return found
        for row in islice(source.rows(recipe.base, ""), MARKED_ROWS):
            with suppress(BadRowError):  # such a row will stand in quarantine
                found.update([marked(row.values, recipe.tasks.sensitivity)] if isinstance(row, Row) else [])
    except ImbikError:  # stage 1 says what is wrong with the file
        return Counter()
    return found


def _embedded(recipe: Recipe) -> Rows:
    """The embedded problems say themselves how many they are."""
    from imbik.tasks.sources.embedded import Embedded

    raw = recipe.tasks.source.raw if recipe.tasks.source.use == "embedded" else {}
    settings = Embedded.Settings.model_validate(raw)
    split = recipe.tasks.split
    validation, test = round(settings.pool * split.validation), round(settings.pool * split.test) * (settings.test == 0)
    held_out = settings.test + settings.B + settings.C
    return Rows(settings.pool - validation - test, validation, test + held_out, *EMBEDDED_TOKENS)


def _taxonomy(recipe: Recipe) -> tuple[int, float]:
    """The tasks of a taxonomy, and their mean characters; none where it cannot be read, which stage 1 will say."""
    try:
        branches = read_taxonomy(str(recipe.tasks.source.raw.get("path", "")), recipe.base).branches
    except ImbikError:
        return 0, 0.0
    sizes = [len(str(next(iter(task.values.values())))) for branch in branches for task in branch.tasks]
    return len(sizes), sum(sizes) / len(sizes) if sizes else 0.0


def _apart(block: PluginBlock | None, recipe: Recipe) -> int | None:
    return _count(block, recipe)[0] if block is not None else None


def _count(block: PluginBlock, recipe: Recipe) -> tuple[int, float]:
    """Rows and mean characters of a source: from its first megabytes, carried on to its size."""
    path = recipe.path(str(block.raw.get("path", "")))
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path] if path.is_file() else []
    counted = [_count_file(file) for file in files]
    rows = sum(found for found, _ in counted)
    characters = sum(found * length for found, length in counted)
    return rows, characters / rows if rows else 0.0


def _count_file(path: Path) -> tuple[int, float]:
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(LOOK_BYTES)
    if path.suffix == ".json":
        found = max(start.count(b"},") + 1, 1)
    elif path.suffix == ".parquet":
        found = max(len(start) // 200, 1)
    else:
        found = max(start.count(b"\n") - (path.suffix in {".csv", ".tsv"}), 1)
    rows = round(found * size / max(len(start), 1))
    return rows, size / max(rows, 1)
