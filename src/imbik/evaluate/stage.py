"""The evaluate stage: every system on the same held-out rows, figures with intervals, two pages, and the bars.

Enters: 1_tasks, 6_student, 7_export and the teacher through `ask`. Leaves: 8_report with scores.json, report.html,
report.md and answers/. The report is written before a missed bar stops the run, so that a person can read why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import msgspec

from imbik.core import students
from imbik.core.errors import InputError
from imbik.core.files import digest, write_text
from imbik.core.lineage import leaf
from imbik.core.plugins import PluginBlock, identity, load_plugin, make
from imbik.core.runfolder import RunFolder
from imbik.core.types import Books, Outcome, Sensitivity
from imbik.evaluate import curves, require, samples, trail
from imbik.evaluate.answers import Answer, Held, Ran, keep, kept, read_answer
from imbik.evaluate.bootstrap import Bootstrap
from imbik.evaluate.compare import Comparison, compare
from imbik.evaluate.findings import Findings
from imbik.evaluate.metrics import Metric
from imbik.evaluate.report import html_page, markdown_page
from imbik.evaluate.roster import roster
from imbik.evaluate.scores import FOLDER, Scores, write_scores
from imbik.evaluate.systems import System
from imbik.recipe import Recipe
from imbik.stage import Asker, StageContext, StageResult
from imbik.tasks.kinds import Kind

AGREEMENT = "agreement"
_NEVER_QUOTED = ("train", "validation")


class EvaluateStage:
    """Whole-shaped. A resumed evaluation asks only the systems whose answers are not whole."""

    name = "evaluate"
    folder = FOLDER
    version = 1

    def needed(self, recipe: Recipe) -> bool:  # noqa: ARG002 - the contract of stages
        """Every recipe is evaluated."""
        return True

    def inputs(self, recipe: Recipe) -> Sequence[str]:
        """All stages whose rows or models the report speaks of."""
        review = ("review",) if recipe.review else ()
        export = ("export",) if recipe.export else ()
        return ("tasks", "generate", "refine", *review, "train", *export)

    def settings(self, recipe: Recipe, asker: Asker) -> object:
        """What is measured, by which metrics, and who the teacher is."""
        teachers = recipe.answering_teachers() if "teacher" in recipe.evaluate.against else []
        generate = recipe.generate.model_dump(mode="json", by_alias=True, exclude={"samples"})
        return {
            "evaluate": recipe.evaluate.model_dump(mode="json", exclude={"metrics", "batch_size"}),
            "metrics": [identity("evaluate/metrics", block) for block in _metric_blocks(recipe)],
            "kind": identity("tasks/kinds", recipe.tasks.kind),
            "teachers": {name: [asker.identity(name), asker.sensitivity(name).value] for name in teachers},
            "generate": generate if teachers else {"max_tokens": recipe.generate.max_tokens},
        }

    def run(self, context: StageContext) -> StageResult:
        """Measure, write the report, then hold it against `evaluate.require`.

        Raises: BarNotMetError when a bar is missed; the report is there by then.
        """
        from imbik.tasks.read import kind_of

        recipe, run = context.recipe, context.run
        require.check(recipe)
        kind = kind_of(recipe, run)
        quoted, held = held_rows(recipe, run)
        systems, notes = roster(recipe, run, context.asker, kind)
        metrics = metrics_of(recipe)
        asked = {system.name: _ask(system, held, kind, metrics, context) for system in systems}
        answers = {name: rows for name, (rows, _) in asked.items()}
        ran = {name: note for name, (_, note) in asked.items()}
        metric, names = _quotable(answers, held, kind, list(metrics))
        sets = [quoted, *sorted({row.set for row in held} - {quoted})]
        bootstrap = Bootstrap(resamples=recipe.evaluate.resamples)
        compared = compare(answers, sets, names, bootstrap)
        if metric == AGREEMENT:
            compared = msgspec.structs.replace(compared, retention={})
        found = _findings(context, compared, answers, ran, held, quoted, metric, notes)
        _write(context.folder, found)
        require.refuse_unmet(found.bars, str(context.folder / "report.html"))
        return _result(answers, ran, found)


def held_rows(recipe: Recipe, run: RunFolder) -> tuple[str, list[Held]]:
    """The quoted set's name, and the rows of all test sets (at most `evaluate.rows` of each, the same every time).

    Raises: InputError when nothing is held out.
    """
    from imbik.tasks.read import held_out

    sets = held_out(run)
    test = {name: tasks for name, tasks in sets.items() if name not in _NEVER_QUOTED and tasks}
    if not test:
        test = {"validation": sets["validation"]} if sets.get("validation") else {}
    if not test:
        raise InputError(
            "no rows are held out, so nothing can be measured", where=str(run.path), next="--set tasks.split.test=0.1"
        )
    quoted = "test" if "test" in test else next(iter(sorted(test)))
    most = recipe.evaluate.rows or max(len(tasks) for tasks in test.values())
    rows = []
    for name in [quoted, *sorted(set(test) - {quoted})]:
        chosen = set(sorted((task.id for task in test[name]), key=digest)[:most])
        rows += [Held(task, name) for task in test[name] if task.id in chosen]
    return quoted, rows


def metrics_of(recipe: Recipe) -> dict[str, Metric]:
    """The recipe's metrics by name, else those that fit the kind; the first is the one quoted."""
    return {block.use: cast(Metric, make("evaluate/metrics", block)) for block in _metric_blocks(recipe)}


def _metric_blocks(recipe: Recipe) -> list[PluginBlock]:
    kind = load_plugin("tasks/kinds", recipe.tasks.kind.use)
    return recipe.evaluate.metrics or [PluginBlock(use=name) for name in kind.metrics]


def _ask(
    system: System, held: Sequence[Held], kind: Kind, metrics: Mapping[str, Metric], context: StageContext
) -> tuple[list[Answer], Ran]:
    """A system's answers: those already there, or asked now and kept."""
    before = kept(context.folder, system.name)
    if before is not None:
        return before
    label = f"evaluate {system.name}"
    context.progress.begin(label, len(held) * system.rounds)
    asked = system.answer([row.task for row in held], kind, lambda rows: context.progress.advance(label, rows))
    answers = [
        read_answer(row, completion, kind, metrics, seed)
        for seed, completions in asked.completions.items()
        for row, completion in zip(held, completions, strict=True)
    ]
    ran = Ran(cost_to_run=asked.cost_to_run, sensitivity=asked.sensitivity, notes=asked.notes)
    keep(context.folder, system.name, answers, ran)
    context.progress.end(label)
    return answers, ran


def _quotable(
    answers: dict[str, list[Answer]], held: Sequence[Held], kind: Kind, metrics: list[str]
) -> tuple[str, list[str]]:
    """The metric to quote and all to compute; without any reference, agreement with the teacher where there is one."""
    if metrics and any(row.task.reference is not None for row in held):
        return metrics[0], metrics
    if "teacher" not in answers:
        return "", []
    tasks = {row.task.id: row.task for row in held}
    told = {a.id: kind.canonical(a.answer, tasks[a.id]) for a in answers["teacher"] if a.asked and a.answer}
    for name, rows in answers.items():
        if not name.startswith("teacher"):
            answers[name] = [
                _agreeing(row, told.get(row.id, ""), kind.canonical(row.answer, tasks[row.id])) for row in rows
            ]
    return AGREEMENT, [AGREEMENT]


def _agreeing(answer: Answer, teacher: str, own: str) -> Answer:
    """Scored against the teacher's answer; not scored where the teacher gave none."""
    return msgspec.structs.replace(answer, scores={AGREEMENT: float(own == teacher)} if teacher else {})


def _findings(
    context: StageContext,
    compared: Comparison,
    answers: Mapping[str, Sequence[Answer]],
    ran: Mapping[str, Ran],
    held: Sequence[Held],
    quoted: str,
    metric: str,
    notes: Sequence[str],
) -> Findings:
    recipe, run = context.recipe, context.run
    scores = Scores(
        systems={n: msgspec.structs.replace(ran[n].cost_to_run, metrics=compared.metrics[n]) for n in ran},
        retention=compared.retention,
        paired=compared.paired,
        funnel=trail.funnel(run),
        spend=trail.spend(recipe, run, answers.get("teacher", ())),
        lineage=trail.lineage(run),
    )
    level = max([row.task.sensitivity for row in held] + [note.sensitivity for note in ran.values()], key=_rank)
    shown = samples.may_show(level)
    tasks = [row.task for row in held if row.set == quoted]
    counts = Counter(row.set for row in held)
    return Findings(
        name=recipe.name,
        kind=recipe.tasks.kind.use,
        sensitivity=level,
        scores=scores,
        metric=metric,
        quoted=quoted,
        rows=counts[quoted],
        sets=dict(counts),
        has_teacher=bool(recipe.answering_teachers()),
        curves=curves.read_curves(run),
        samples=samples.choose(tasks, answers, quoted, metric, students.best_seed(run)) if shown else (),
        samples_withheld=not shown,
        bars=require.judge(recipe.evaluate.require, scores, metric),
        notes=[*notes, *(text for note in ran.values() for text in note.notes), *_unasked(answers, held)],
        warnings=[f"{made.stage}: {text}" for made in trail.manifests(run).values() for text in made.warnings],
        privacy=trail.privacy_sentence(run),
        command=f"imbik run {run.path / 'recipe.yaml'}",
        date=datetime.now(UTC).strftime("%Y-%m-%d"),
    )


def _rank(level: Sensitivity) -> int:
    return level.rank


def _unasked(answers: Mapping[str, Sequence[Answer]], held: Sequence[Held]) -> list[str]:
    """What must be known of rows that are missing on one side."""
    notes = []
    missing = [answer for answer in answers.get("teacher", ()) if not answer.asked]
    if missing:
        why = Counter(answer.reason or answer.outcome.value for answer in missing)
        told = "; ".join(f"{number:,} {reason}" for reason, number in why.most_common(3))
        notes.append(
            f"{len(missing):,} of {len(held):,} held-out rows could not be put to the teacher ({told}). Retention and "
            "differences from it are over the other rows."
        )
    unscored = sum(row.task.reference is None for row in held)
    if 0 < unscored < len(held):
        notes.append(f"{unscored:,} held-out rows carry no reference and are not scored.")
    return notes


def _write(folder: Path, found: Findings) -> None:
    write_scores(folder / "scores.json", found.scores)
    write_text(folder / "report.md", markdown_page(found))
    write_text(folder / "report.html", html_page(found))


def _result(answers: Mapping[str, Sequence[Answer]], ran: Mapping[str, Ran], found: Findings) -> StageResult:
    """The books count every answer wanted of every system and seed."""
    everything = [(name, answer) for name, rows in answers.items() for answer in rows]
    unasked = [answer for _, answer in everything if not answer.asked]
    pending = sum(answer.outcome is Outcome.PENDING for answer in unasked)
    reasons = Counter(answer.reason or answer.outcome.value for answer in unasked)
    return StageResult(
        books=Books(
            rows_in=len(everything),
            rows_out=len(everything) - len(unasked),
            failed=len(unasked) - pending,
            pending=pending,
            reasons=dict(reasons),
        ),
        leaves=[leaf(f"{name}#{answer.seed}#{answer.id}", answer.answer) for name, answer in everything],
        sensitivity=found.sensitivity,
        measured={name: str(len(note.notes)) for name, note in ran.items() if note.notes},
    )
