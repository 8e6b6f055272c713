"""Audition: several candidate teachers answer the same rows with known answers, so that choosing one is a measurement.

Enters: a recipe, candidates by their names in it or as `preset:model`, a number of rows. Leaves: an Audition: for each
candidate what it scores with its interval, what it costs and how long it takes, how often it did not answer well, and a
recommendation by the rule that `recommend` states. The rows come from the training and validation side, never from the
test set. Questions pass the gate, the budget (purpose `audition`) and the store, and are those that generation will
ask: the run that follows pays for none of them again.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from imbik.advise.candidates import told_before, with_candidates
from imbik.advise.choosing import Candidate, recommend
from imbik.ask.engine import AskEngine
from imbik.core.errors import BlockedError, ImbikError, InputError, UsageError
from imbik.core.executor import LocalExecutor
from imbik.core.files import digest, write_json
from imbik.core.locks import writer_lock
from imbik.core.plugins import make
from imbik.core.progress import Progress, Reporter, SilentReporter
from imbik.core.runfolder import RunFolder
from imbik.core.types import Completion, Outcome, Task
from imbik.evaluate.answers import NOT_ASKED, Held, read_answer
from imbik.evaluate.bootstrap import Bootstrap
from imbik.evaluate.metrics import Metric
from imbik.evaluate.require import metric_blocks
from imbik.evaluate.timing import latency
from imbik.generate.tally import held_back_advice
from imbik.pipeline.money import price
from imbik.pipeline.reach import refuse_candidates
from imbik.pipeline.run import located, run
from imbik.privacy.operator import load_operator
from imbik.recipe import Recipe
from imbik.tasks.kinds import Kind
from imbik.tasks.questions import question_of
from imbik.tasks.read import kind_of, read_tasks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SETS = ("train", "validation")
FOLDER = "auditions"


class Audition(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; `file` is where it is kept. `recommended` is empty where nobody answered."""

    metric: str
    rows: int
    candidates: list[Candidate]
    recommended: str
    why: str
    spent: Decimal
    file: str = ""


def audition(
    recipe: str | Path,
    teachers: Sequence[str],
    *,
    rows: int = 50,
    runs: Path | None = None,
    overrides: Sequence[str] = (),
    reporter: Reporter | None = None,
) -> tuple[Audition, ImbikError | None]:
    """Ask and compare; also gives what ended a teacher before it had answered everything (a spent budget, a revoked
    key), where something did.

    Raises: UsageError for an unknown candidate, BlockedError where no row could reach any of them,
        InputError where no row has a known answer, and as `run`.
    """
    if len(set(teachers)) < 2 or rows < 2:
        raise UsageError(
            "an audition needs two teachers or more (different ones), and two rows or more",
            where="--teachers",
            next="--teachers NAME,PRESET:MODEL (imbik models teachers lists some), with --rows 50",
        )
    loaded, folder = located(recipe, runs, overrides)
    loaded = with_candidates(loaded, teachers)
    refuse_candidates(loaded, list(dict.fromkeys(teachers)))
    told = reporter or SilentReporter()
    begun = run(recipe, runs=runs, overrides=overrides, until="tasks", reporter=told)
    for text in told_before(loaded, list(dict.fromkeys(teachers))):
        if text not in begun.warnings:
            told.say(f"! {text}")
    with writer_lock(folder.path):
        progress = Progress(told, folder.path / "events.jsonl")
        try:
            return _hold(loaded, folder, list(dict.fromkeys(teachers)), rows, progress)
        finally:
            progress.close()


def _hold(
    recipe: Recipe, folder: RunFolder, names: Sequence[str], rows: int, progress: Progress
) -> tuple[Audition, ImbikError | None]:
    """Ask everybody the same rows, one candidate after another."""
    kind, tasks = kind_of(recipe, folder), _drawn(folder, rows)
    if len(tasks) < rows:
        progress.say(f"! only {len(tasks)} training rows have a known answer, so {len(tasks)} are asked and not {rows}")
    block = metric_blocks(recipe)[0]
    metric = cast(Metric, make("evaluate/metrics", block))
    operator, scores, made = load_operator(recipe.base), {}, []
    with AskEngine(
        recipe=recipe, run=folder, executor=LocalExecutor(), progress=progress, operator=operator
    ) as asker:  # fmt: skip
        before = _paid(asker)
        for name in names:
            progress.begin(name, len(tasks))
            questions = (question_of(recipe, kind, name, task, 0) for task in tasks)
            completions = []
            for completion in asker.ask(name, questions, purpose="audition", leave_pending=True):
                completions.append(completion)
                progress.advance(name)
            progress.end(name)
            scores[name] = _scores(tasks, completions, kind, block.use, metric)
            made.append(_candidate(recipe, name, completions, scores[name]))
        stopped = asker.stopped() or _all_held_back(recipe, made)
        spent = (_paid(asker) - before).normalize() + Decimal(0)
    found = recommend(made, scores, block.use, len(tasks))
    result = Audition(
        metric=block.use,
        rows=len(tasks),
        candidates=found.candidates,
        recommended=found.name,
        why=found.why,
        spent=spent,
    )
    return _kept(folder, result), stopped


def _all_held_back(recipe: Recipe, made: Sequence[Candidate]) -> BlockedError | None:
    """The error where the gate let no row reach anybody."""
    if any(set(item.outcomes) != {Outcome.BLOCKED.value} for item in made):
        return None
    return BlockedError(
        f"all rows were held back from every candidate: {made[0].note}",
        where="tasks.sensitivity",
        next=held_back_advice(recipe),
    )


def _drawn(folder: RunFolder, rows: int) -> list[Task]:
    """Rows with a known answer, drawn by a hash of their ids from what the student may learn from."""
    known: Iterator[Task] = (
        task for task, name in read_tasks(folder) if name in SETS and task.reference is not None and task.reference.text
    )
    tasks = heapq.nsmallest(rows, known, key=lambda task: digest(f"audition {task.id}"))
    if len(tasks) < 2:
        raise InputError(
            "an audition compares with known answers, and fewer than two training rows have one",
            where=folder.name,
            next="add a column with answers to some rows (tasks.columns.answer), or judge samples by eye: imbik chat",
        )
    return tasks


def _scores(
    tasks: Sequence[Task], completions: Sequence[Completion], kind: Kind, name: str, metric: Metric
) -> NDArray[np.float64]:
    """(1, rows): the metric of every row, NaN where the row never reached the teacher."""
    import numpy as np

    found = [
        read_answer(Held(task, "audition"), completion, kind, {name: metric}, 0).scores.get(name, np.nan)
        for task, completion in zip(tasks, completions, strict=True)
    ]
    return np.array([found], dtype=np.float64)


def _candidate(recipe: Recipe, name: str, completions: Sequence[Completion], scores: NDArray[np.float64]) -> Candidate:
    """One line of the table, before candidates are held against one another."""
    asked = [completion for completion in completions if completion.outcome not in NOT_ASKED]
    known = price(recipe, name)
    cost = sum((completion.cost for completion in asked), Decimal(0)) / len(asked) if asked else None
    kept = [item.reason for item in completions if item.outcome in {Outcome.PENDING, Outcome.BLOCKED}]
    return Candidate(
        name=name,
        score=Bootstrap().mean(scores) if asked else None,
        cost_per_1000=1000 * cost if cost is not None and known is not None else None,
        latency_ms=latency([completion.seconds for completion in asked if completion.seconds > 0]),
        outcomes={kind.value: n for kind, n in Counter(c.outcome for c in completions).items()},
        note=kept[0] if kept else "",
    )


def _paid(asker: AskEngine) -> Decimal:
    return sum((line.paid + line.possible for line in asker.spending() if line.purpose == "audition"), Decimal(0))


def _kept(folder: RunFolder, found: Audition) -> Audition:
    """Keep the figures in the run folder: no row, no answer, and no word of a provider's."""
    home = folder.path / FOLDER
    home.mkdir(mode=0o700, exist_ok=True)
    path = home / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S-%f}.json"
    found = msgspec.structs.replace(found, file=str(path.relative_to(folder.path)))
    bare = [msgspec.structs.replace(item, note="") for item in found.candidates]
    write_json(path, msgspec.structs.replace(found, candidates=bare))
    return found
