"""The card of an export: README.md with the head that the Hugging Face hub reads, and how the data came to be.

Enters: a run, its recipe, the format, what was written. Leaves: Markdown without a word of any row: counts, where every
row went, checks with their versions, teachers with their terms, sensitivities, lineage, the command.
Source of the head: https://github.com/huggingface/hub-docs/blob/main/datasetcard.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from imbik import __version__
from imbik.core.errors import ImbikError
from imbik.core.files import file_digest
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity
from imbik.evaluate.scores import FunnelStage
from imbik.evaluate.trail import experts, funnel, manifests
from imbik.exchange.formats import DataFormat
from imbik.exchange.rows import KNOWN
from imbik.recipe import Recipe
from imbik.refine.books import CheckCount, read_counts
from imbik.refine.named import NamedCheck, checks_of
from imbik.tasks.growth.report import read_growth
from imbik.teachers.catalogue.terms import terms_of_recipe

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LARGER = ((10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"))
_CATEGORIES = {
    "qa": "question-answering", "classification": "text-classification", "nli": "text-classification",
    "summarization": "summarization", "translation": "translation", "extraction": "token-classification",
}  # fmt: skip
_HANDLING = {
    Sensitivity.PUBLIC: "All rows are marked public.",
    Sensitivity.INTERNAL: "Some rows are internal: the data stays inside the organisation.",
    Sensitivity.CONFIDENTIAL: "Some rows are confidential: handing the data on is handing these rows on.",
    Sensitivity.SPECIAL: "Some rows are of a special category (KVKK art. 6): the conditions of these rows hold for the "
    "data, and erasing a person means taking the rows out of every copy.",
}
_REASONING = {
    "inline": "Reasoning stands in the answer, as the student of this run learns it.",
    "think": "Reasoning stands before the answer in `<think>` tags.",
    "none": "Reasoning is left away.",
}
_MADE_BY = ("tasks", "generate", "refine", "review")
_NO_NAME = re.compile(r"[^\w]+")


@dataclass(frozen=True)
class Told:
    """What the card says of the export itself."""

    rows: Mapping[str, int]
    levels: Mapping[Sensitivity, int]
    languages: Sequence[str]
    left: Mapping[str, int]
    licence: str
    command: str
    reasoning: str
    rejected: int = 0


def split_of(name: str) -> str:
    """A set's name as the hub takes it for a split: letters, digits, underscores."""
    return _NO_NAME.sub("_", name)


def dataset_card(run: RunFolder, recipe: Recipe, form: DataFormat, told: Told) -> str:
    """README.md of an export."""
    parts = [
        _head(recipe, form, told),
        f"# {recipe.name}\n\n{_what(recipe, told)}",
        f"## Rows\n\n{_rows(told)}",
        f"## How to load it\n\n{form.usage}",
        f"## Where every row went\n\n{_funnel(run)}",
        f"## Checks\n\n{_checks(run, recipe)}",
        f"## Teachers\n\n{_teachers(recipe)}",
        f"## Sensitivity\n\n{_sensitivity(told)}",
        f"## Licence\n\n{_licence(told)}",
        f"## Lineage\n\n{_lineage(run, recipe, told)}",
    ]
    return "\n\n".join(parts) + "\n"


def _head(recipe: Recipe, form: DataFormat, told: Told) -> str:
    """The YAML that hubs read."""
    pairs = form.takes == "pairs"
    head = {
        "pretty_name": recipe.name,
        "language": sorted({language.partition("-")[0] for language in told.languages}),
        "license": told.licence,
        "size_categories": [_size(sum(told.rows.values()))],
        "task_categories": [_CATEGORIES.get(recipe.tasks.kind.use, "text-generation")],
        "tags": ["imbik", "synthetic", *(("dpo", "preference") if pairs else ("distillation",))],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": form.sink.files_of(name)} for name in told.rows],
            }
        ],
    }
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---"


def _size(rows: int) -> str:
    return next((name for most, name in (*_SIZES, *_LARGER) if rows < most), "n>100M")


def _what(recipe: Recipe, told: Told) -> str:
    taught = ", ".join(f"`{name}`" for name in recipe.answering_teachers())
    by = f"answered by {taught}" if taught else "with the answers that the rows came with"
    return (
        f"Tasks of the kind `{recipe.tasks.kind.use}`, {by}, kept by the checks below. {_REASONING[told.reasoning]} "
        "Made with imbik."
    )


def _rows(told: Told) -> str:
    lines = [f"| {name} | {count:,} |" for name, count in told.rows.items()]
    text = "\n".join(["| set | rows |", "|---|---:|", *lines])
    if set(told.rows) - {"train", "validation"}:
        text += f"\n\nHeld-out sets carry the answer that was known before (teacher `{KNOWN}`); no teacher was asked."
    if told.rejected:
        text += f"\n\nTurned away, and in `rejected.jsonl` with their reasons: {told.rejected:,}."
    if told.left:
        text += "\n\nLeft out: " + "; ".join(f"{count:,} {why}" for why, count in told.left.items()) + "."
    return text


def _funnel(run: RunFolder) -> str:
    lines = [_stage(stage) for stage in funnel(run) if stage.stage in _MADE_BY]
    head = (
        "| stage | counted are | in | out | rejected | failed | pending | why |\n|---|---|---:|---:|---:|---:|---:|---|"
    )
    text = "\n".join([head, *lines])
    growth = read_growth(run.stage("1_tasks"))
    if growth is not None:
        by = ", ".join(f"{line.strategy} {line.new:,}" for line in growth.strategies)
        text += f"\n\n{growth.seeds:,} tasks were brought and {growth.total - growth.seeds:,} grown: {by}."
    erased = sum(manifest.erased for manifest in manifests(run).values() if manifest.stage == "refine")
    if erased:
        text += f"\n\nKept rows that were erased since (KVKK art. 7) and are not in this data: {erased:,}."
    return text


def _stage(stage: FunnelStage) -> str:
    why = ", ".join(f"{name} {count:,}" for name, count in stage.reasons.items())
    counts = (stage.rows_in, stage.rows_out, stage.rejected, stage.failed, stage.pending)
    return f"| {stage.stage} | {stage.unit} | {' | '.join(f'{count:,}' for count in counts)} | {why} |"


def _checks(run: RunFolder, recipe: Recipe) -> str:
    counted = read_counts(run.stage("3_refined"))
    found = {item.name: item for item in counted.checks} if counted else {}
    lines = [_check(named, found.get(named.name)) for named in checks_of(recipe)]
    if not lines:
        return "None: answers are as the teacher gave them."
    text = "\n".join(
        ["| check | version | looks at | kept | rejected | crashed |", "|---|---:|---|---:|---:|---:|", *lines]
    )
    told = experts(run)
    return "\n\n".join([text, *told])


def _check(named: NamedCheck, count: CheckCount | None) -> str:
    kept, rejected, crashed = (f"{n:,}" for n in (count.kept, count.rejected, count.crashed)) if count else ("", "", "")
    version = getattr(named.check, "version", 1)
    return f"| {named.name} | {version} | {named.scope} | {kept} | {rejected} | {crashed} |"


def _teachers(recipe: Recipe) -> str:
    if not recipe.asked_teachers():
        return "None: the rows' own answers took the teacher's place."
    return "\n".join(line for name in recipe.asked_teachers() for line in _teacher(recipe, name))


def _teacher(recipe: Recipe, name: str) -> Iterator[str]:
    raw = recipe.teachers[name].raw
    model = raw.get("model") or ", ".join(map(str, _listed(raw.get("written_by")))) or raw.get("run") or ""
    yield f"- `{name}` ({recipe.teachers[name].use}{f', `{model}`' if model else ''})"
    try:
        found = dict(terms_of_recipe(recipe)).get(name)
    except ImbikError:
        yield "  - its terms could not be looked up"
        return
    for terms in found.terms if found else ():
        accepted = " Accepted in the recipe by whoever ran it." if terms.name in recipe.accept_terms else ""
        yield f"  - {terms}.{accepted}"
    for unknown in found.unknown if found else ():
        yield f"  - no terms are known of {unknown}"


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _sensitivity(told: Told) -> str:
    highest = max(told.levels, key=lambda level: level.rank)
    counts = ", ".join(f"{count:,} {level.value}" for level, count in sorted(told.levels.items()))
    return f"{_HANDLING[highest]} Rows by level: {counts}."


def _licence(told: Told) -> str:
    said = "No licence was named" if told.licence == "unknown" else f"`{told.licence}`, as named by whoever exported it"
    return (
        f"{said}. The rows keep the licence of their source, and a teacher's terms may forbid training other models on "
        "its answers or ask that its name be given (see Teachers; a summary, no legal advice). imbik claims nothing."
    )


def _lineage(run: RunFolder, recipe: Recipe, told: Told) -> str:
    made = [item for item in manifests(run).values() if item.stage in _MADE_BY]
    lines = [f"| {item.stage} | {item.version} | `{item.hash}` | `{item.root}` |" for item in made]
    table = "\n".join(["| stage | version | made of | rows (Merkle root) |", "|---|---:|---|---|", *lines])
    return (
        f"{table}\n\nRun `{run.name}`, recipe `{recipe.name}` (sha256 `{file_digest(run.path / 'recipe.yaml')}`), "
        f"imbik {__version__}.\n\n```sh\n{told.command}\n```"
    )
