"""Measuring: every system asked the same held-out rows, and what their answers show together.

Enters: the evaluate stage's context. Leaves: all that the report says, and the stage's books. Apart from the stage, for
what it needs (numpy above all) is not loaded where a report is current.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import msgspec

from imbik.core import students
from imbik.core.errors import InputError
from imbik.core.files import digest
from imbik.core.lineage import leaf
from imbik.core.plugins import load_plugin, make
from imbik.core.results import Books
from imbik.core.runfolder import RunFolder
from imbik.core.types import Outcome, Sensitivity
from imbik.evaluate import curves, require, samples, trail
from imbik.evaluate.answers import Answer, Held, Ran, keep, kept, read_answer, waiting
from imbik.evaluate.bootstrap import Bootstrap
from imbik.evaluate.compare import Comparison, compare
from imbik.evaluate.dialogues import dialogues
from imbik.evaluate.findings import Findings, SampleRow
from imbik.evaluate.metrics import CorpusMetric, Metric
from imbik.evaluate.require import AGREEMENT, metric_blocks
from imbik.evaluate.roster import roster
from imbik.evaluate.scores import Scores
from imbik.evaluate.systems import System
from imbik.privacy.sensitivity import highest
from imbik.recipe import Recipe
from imbik.stage import StageContext, StageResult
from imbik.tasks.growth.report import read_growth
from imbik.tasks.kinds import Kind
from imbik.tasks.read import held_out, kind_of

_NEVER_QUOTED = ("train", "validation")


def measure(context: StageContext) -> Measured:
    """Ask every system and compare.

    Raises: InputError when nothing is held out.
    """
    recipe, run = context.recipe, context.run
    kind = kind_of(recipe, run)
    quoted, held = held_rows(recipe, run)
    systems, notes = roster(recipe, run, context.asker, kind)
    metrics = metrics_of(recipe)
    asked = {system.name: _ask(system, held, kind, metrics, context) for system in systems}
    answers = {name: rows for name, (rows, _) in asked.items()}
    whole = {name: rows for name, rows in answers.items() if not waiting(rows)}
    metric, names = _quotable(whole, held, kind, list(metrics))
    sets = [quoted, *sorted({row.set for row in held} - {quoted})]
    corpora = {name: item for name, item in metrics.items() if isinstance(item, CorpusMetric)}
    compared = compare(whole, sets, names, Bootstrap(resamples=recipe.evaluate.resamples), corpora)
    if metric == AGREEMENT:
        compared = msgspec.structs.replace(compared, retention={})
    ran = {name: note for name, (_, note) in asked.items()}
    return Measured(context, held, quoted, {**answers, **whole}, ran, compared, metric, notes)


def held_rows(recipe: Recipe, run: RunFolder) -> tuple[str, list[Held]]:
    """The quoted set's name, and the rows of all test sets (at most `evaluate.rows` of each, the same every time).

    Raises: InputError when nothing is held out.
    """
    sets = held_out(run)
    test = {name: tasks for name, tasks in sets.items() if name not in _NEVER_QUOTED and tasks}
    if not test or recipe.evaluate.on == "validation":
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
    return {block.use: cast(Metric, make("evaluate/metrics", block)) for block in metric_blocks(recipe)}


def _ask(
    system: System, held: Sequence[Held], kind: Kind, metrics: Mapping[str, Metric], context: StageContext
) -> tuple[list[Answer], Ran]:
    """A system's answers: those already there, or asked now, and kept where they are whole."""
    before = kept(context.folder, system.name)
    if before is not None:
        return before
    label = f"evaluate {system.name}"
    held = [row for row in held if system.takes(row.task)]
    context.progress.begin(label, len(held) * system.rounds)
    asked = system.answer([row.task for row in held], kind, lambda rows: context.progress.advance(label, rows))
    answers = [
        read_answer(row, completion, kind, metrics, seed)
        for seed, completions in asked.completions.items()
        for row, completion in zip(held, completions, strict=True)
    ]
    ran = Ran(cost_to_run=asked.cost_to_run, sensitivity=asked.sensitivity, notes=asked.notes)
    if not waiting(answers):
        keep(context.folder, system.name, answers, ran)
    context.progress.end(label)
    return answers, ran


def _quotable(
    answers: dict[str, list[Answer]], held: Sequence[Held], kind: Kind, metrics: list[str]
) -> tuple[str, list[str]]:
    """The metric to quote and all to compute; without any reference, agreement with the teacher where there is one."""
    if metrics and any(row.task.reference is not None for row in held):
        return metrics[0], metrics
    if "teacher" not in answers or getattr(kind, "open_text", False):
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


def _about_sets(recipe: Recipe) -> Mapping[str, str]:
    """What the source says of its own held-out sets; rows of `test_source` are of another source."""
    source = recipe.tasks.source
    plain = source.use == "auto" and source.raw.get("path") == "embedded"
    about: Mapping[str, str] = getattr(load_plugin("tasks/sources", "embedded" if plain else source.use), "sets", {})
    return {name: words for name, words in about.items() if name != "test" or recipe.tasks.test_source is None}


@dataclass(frozen=True)
class Measured:
    """All that was measured: answers and costs of every system on the held-out rows, and what they show together."""

    context: StageContext
    held: Sequence[Held]
    quoted: str
    answers: Mapping[str, Sequence[Answer]]
    ran: Mapping[str, Ran]
    compared: Comparison
    metric: str
    notes: Sequence[str]

    @property
    def sensitivity(self) -> Sensitivity:
        """The highest of the rows and of whatever answered them."""
        levels = [row.task.sensitivity for row in self.held] + [note.sensitivity for note in self.ran.values()]
        return highest(levels)

    def findings(self) -> Findings:
        """Everything the report says."""
        recipe, run, scores = self.context.recipe, self.context.run, self._scores()
        shown = samples.may_show(self.sensitivity)
        counts = Counter(row.set for row in self.held)
        return Findings(
            name=recipe.name,
            kind=recipe.tasks.kind.use,
            sensitivity=self.sensitivity,
            scores=scores,
            metric=self.metric,
            quoted=self.quoted,
            rows=counts[self.quoted],
            sets=dict(counts),
            about_sets=_about_sets(recipe),
            has_teacher=bool(recipe.answering_teachers()),
            curves=curves.read_curves(run),
            samples=self._samples() if shown else (),
            samples_withheld=not shown,
            bars=require.judge(recipe.evaluate.require, scores, self.metric),
            notes=[
                *self.notes,
                *(text for note in self.ran.values() for text in note.notes),
                *self._unasked(),
                *trail.experts(run),
            ],
            warnings=[f"{made.stage}: {text}" for made in trail.manifests(run).values() for text in made.warnings],
            privacy=trail.privacy_sentence(run),
            command=f"imbik run {run.path / 'recipe.yaml'}",
            date=datetime.now(UTC).strftime("%Y-%m-%d"),
            growth=read_growth(run.stage("1_tasks")),
            pending=self.pending(),
        )

    def result(self) -> StageResult:
        """The books count every answer wanted of every system and seed."""
        everything = [(name, answer) for name, rows in self.answers.items() for answer in rows]
        unasked = [answer for _, answer in everything if not answer.asked]
        pending = sum(answer.outcome is Outcome.PENDING for answer in unasked)
        return StageResult(
            books=Books(
                rows_in=len(everything),
                rows_out=len(everything) - len(unasked),
                failed=len(unasked) - pending,
                pending=pending,
                reasons=dict(Counter(answer.reason or answer.outcome.value for answer in unasked)),
            ),
            leaves=[leaf(f"{name}#{answer.seed}#{answer.id}", answer.answer) for name, answer in everything],
            sensitivity=self.sensitivity,
            measured={name: str(len(note.notes)) for name, note in self.ran.items() if note.notes},
        )

    def pending(self) -> str:
        """What is still to come of the teacher, and why; '' where everybody has answered."""
        rows = waiting(self.answers.get("teacher", ()))
        if not rows:
            return ""
        (why, _), *_ = Counter(answer.reason for answer in rows).most_common(1)
        return (
            f"The teacher's score is pending: {len(rows):,} of {len(self.held):,} held-out rows are still to be put to "
            f"it ({why}). The same command goes on with them: imbik run {shlex.quote(self.context.recipe.name)}."
        )

    def _scores(self) -> Scores:
        recipe, run, found = self.context.recipe, self.context.run, self.compared
        return Scores(
            systems={
                n: msgspec.structs.replace(ran.cost_to_run, metrics=found.metrics.get(n, {}))
                for n, ran in self.ran.items()
            },
            retention=found.retention,
            paired=found.paired,
            dialogues=dialogues(
                self.held, self.answers, self.quoted, self.metric, Bootstrap(resamples=recipe.evaluate.resamples)
            ),
            funnel=trail.funnel(run),
            spend=trail.spend(recipe, run, self.answers.get("teacher", ()), self.context.asker),
            lineage=trail.lineage(run),
        )

    def _samples(self) -> list[SampleRow]:
        tasks = [row.task for row in self.held if row.set == self.quoted]
        best = students.best_seed(self.context.run)
        return samples.choose(tasks, self.answers, self.quoted, self.metric, best)

    def _unasked(self) -> list[str]:
        """What must be known of rows that are missing on one side."""
        notes = []
        missing = [answer for answer in self.answers.get("teacher", ()) if not answer.asked]
        if missing and not waiting(missing):
            why = Counter(answer.reason or answer.outcome.value for answer in missing)
            told = "; ".join(f"{number:,} {reason}" for reason, number in why.most_common(3))
            notes.append(
                f"{len(missing):,} of {len(self.held):,} held-out rows could not be put to the teacher ({told}). "
                "Retention and differences from it are over the other rows."
            )
        unscored = sum(row.task.reference is None for row in self.held)
        if 0 < unscored < len(self.held):
            notes.append(f"{unscored:,} held-out rows carry no reference and are not scored.")
        return notes
