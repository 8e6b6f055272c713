"""Running a recipe: check everything first, then each stage in order, and nothing that is current.

Enters: a recipe (path, folder or object). Leaves: a run folder in which every needed stage is finished, or an error
after which the same command goes on where it stopped. One process writes a run at a time; readers never wait.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imbik import __version__
from imbik.ask.engine import AskEngine
from imbik.core.errors import BooksError, BudgetSpentError, RecipeError, UsageError
from imbik.core.executor import Executor, LocalExecutor
from imbik.core.files import write_text
from imbik.core.lineage import merkle_root
from imbik.core.locks import writer_lock
from imbik.core.progress import Progress, Reporter, SilentReporter
from imbik.core.results import Books
from imbik.core.runfolder import Manifest, RunFolder, runs_folder
from imbik.core.tombstones import refuse_half_erased
from imbik.core.types import Outcome
from imbik.pipeline.adopt import adopt, let_go, origins
from imbik.pipeline.people import REPORT, judged_pairs, put_into_report
from imbik.pipeline.plan import Plan, plan_stage, position
from imbik.pipeline.preflight import Preflight, preflight
from imbik.pipeline.result import RunResult, StageOutcome, Status
from imbik.pipeline.stages import STAGES
from imbik.pipeline.teachers import refuse_all, teacher_recipes
from imbik.privacy.operator import load_operator
from imbik.privacy.trust import note_origin
from imbik.recipe import Recipe, load_recipe, to_yaml
from imbik.stage import Concludes, Paying, Stage, StageContext, StageResult

if TYPE_CHECKING:
    from imbik.evaluate.scores import Scores


def run(
    recipe: Recipe | str | Path,
    *,
    runs: Path | None = None,
    overrides: Sequence[str] = (),
    from_stage: str = "",
    until: str = "",
    dry_run: bool = False,
    with_reviews: bool = False,
    wait: bool = True,
    reporter: Reporter | None = None,
    executor: Executor | None = None,
) -> RunResult:
    """Run a recipe from tasks to report; docs/architecture.md has the laws it keeps. Without `wait`, a batch that
    is under way at a provider ends it with WaitingError.

    Raises: any ImbikError; what was finished before stays finished.
    """
    loaded, folder, file = _locate(recipe, runs, overrides)
    reporter = reporter or SilentReporter()
    selection = _select(loaded, from_stage, until)
    refuse_all(loaded, folder.path, file)
    children = _run_teachers(loaded, folder.home, dry_run, reporter, wait)
    checked = preflight(loaded, folder)
    for warning in checked.warnings:
        reporter.say(f"! {warning}")
    work = _Work(loaded, folder, selection, checked, from_stage, children, wait)
    return work.foretell() if dry_run else work.do(reporter, executor or LocalExecutor(), with_reviews)


def located(recipe: Recipe | str | Path, runs: Path | None, overrides: Sequence[str]) -> tuple[Recipe, RunFolder]:
    """The recipe as `run` would run it, and the folder of its run."""
    return _locate(recipe, runs, overrides)[:2]


def _locate(recipe: Recipe | str | Path, runs: Path | None, overrides: Sequence[str]) -> tuple[Recipe, RunFolder, Path]:
    """The recipe, its run folder and its file; a run folder's own recipe runs in place."""
    if isinstance(recipe, Recipe):
        if overrides:
            raise RecipeError("overrides go with a recipe file; change the Recipe object instead", where="--set")
        folder = runs_folder(runs) / recipe.name
        return recipe, RunFolder(folder), folder / "recipe.yaml"
    path = Path(recipe).resolve()
    path = path / "recipe.yaml" if path.is_dir() else path
    loaded = load_recipe(recipe, overrides)
    if runs is None and (path.parent / ".imbik").exists():
        return loaded, RunFolder(path.parent), path
    return loaded, RunFolder(runs_folder(runs) / loaded.name), path


def _run_teachers(recipe: Recipe, runs: Path, dry_run: bool, reporter: Reporter, wait: bool) -> tuple[RunResult, ...]:
    """A teacher that is itself trained here runs first when it is not current, so one command does all."""
    results = []
    for name, _, path in teacher_recipes(recipe):
        reporter.say(f"teacher '{name}' is trained by {path.name}:")
        results.append(run(path, runs=runs, dry_run=dry_run, reporter=reporter, wait=wait))
    return tuple(results)


def _select(recipe: Recipe, from_stage: str, until: str) -> list[Stage]:
    """The stages this recipe has, up to `until`."""
    last = position(until, STAGES, "--until") if until else len(STAGES) - 1
    if from_stage and position(from_stage, STAGES, "--from") > last:
        raise UsageError(
            f"--from {from_stage} begins after --until {until} ends, so there is nothing to do",
            where="--from",
            next=f"--from {until} --until {from_stage}, or leave one of them out",
        )
    return [stage for stage in STAGES[: last + 1] if stage.needed(recipe)]


def _forced(stage: Stage, from_stage: str) -> bool:
    """Whether `--from` asks for this stage to be made again."""
    return bool(from_stage) and position(stage.name, STAGES, "--from") >= position(from_stage, STAGES, "--from")


@dataclass(frozen=True)
class _Work:
    """A recipe that was checked, the stages wanted of it, what its teachers' own recipes have done, and whether batches
    under way are waited for."""

    recipe: Recipe
    folder: RunFolder
    selection: Sequence[Stage]
    checked: Preflight
    from_stage: str
    children: tuple[RunResult, ...]
    wait: bool

    def do(self, reporter: Reporter, executor: Executor, with_reviews: bool) -> RunResult:
        """Run what is not current, as the folder's one writer."""
        with writer_lock(self.folder.path):
            self.folder.create()
            refuse_half_erased(self.folder.path)
            note_origin(self.folder.path, self.recipe.base)
            write_text(self.folder.path / "recipe.yaml", to_yaml(self.recipe))
            progress = Progress(reporter, self.folder.path / "events.jsonl")
            try:
                _look_at_reviews(self.folder, self.recipe, with_reviews, progress)
                outcomes, warnings = self._run_stages(progress, executor)
            finally:
                progress.close()
        said = (*self.checked.warnings, *warnings)
        held_back = self._held_back() + sum(child.held_back for child in self.children)
        result = RunResult(self.folder.path, outcomes, None, said, self.children, self.checked.estimate, held_back)
        return replace(result, scores=_scores(self.folder)) if result.evaluated else result

    def foretell(self) -> RunResult:
        """What would run: everything from the first stage that is not current."""
        outcomes: list[StageOutcome] = []
        fresh = not any(child.planned for child in self.children)
        with self._asker(LocalExecutor(), Progress(SilentReporter())) as asker:
            for stage in self.selection:
                current = self._plan(stage, asker)[1] if fresh else None
                fresh = current is not None
                outcomes.append(self._outcome(stage, "current" if current else "planned", current))
        planned = [outcome.name for outcome in outcomes if outcome.status == "planned"]
        estimate = self.checked.estimate.of(planned)
        return RunResult(self.folder.path, outcomes, None, self.checked.warnings, self.children, estimate)

    def _run_stages(self, progress: Progress, executor: Executor) -> tuple[list[StageOutcome], list[str]]:
        """Each stage in order: current ones are left alone, the rest run. Also what they warned of."""
        outcomes, warnings = [], list[str]()
        recipe, folder = self.recipe, self.folder
        with self._asker(executor, progress) as asker:
            for stage in self.selection:
                plan, manifest = self._plan(stage, asker)
                status: Status = "current" if manifest else "done"
                if manifest is None and not _forced(stage, self.from_stage):
                    manifest = adopt(folder, stage.folder, plan.hash)
                    status = "current" if manifest else "done"
                if manifest is None:
                    let_go(folder, stage.folder)
                    begun = folder.begin(stage.folder, plan.hash)
                    manifest = _run_one(plan, StageContext(recipe, folder, begun, asker, executor, progress))
                    warnings += [f"{stage.name}: {text}" for text in manifest.warnings]
                    if stage.folder == REPORT and judged_pairs(folder):
                        put_into_report(folder)
                elif manifest.erased and stage.name == "train":
                    progress.say(
                        f"! the student learned {manifest.erased} samples that were erased: --from train retrains"
                    )
                progress.event("stage", name=stage.name, status=status, seconds=manifest.seconds)
                outcomes.append(self._outcome(stage, status, manifest))
                if isinstance(stage, Concludes):
                    stage.conclude(recipe, folder)
        return outcomes, warnings

    def _held_back(self) -> int:
        """Answers that the gate held back, now or when they were asked for; 0 where nothing was to be asked."""
        folder = next((stage.folder for stage in self.selection if stage.name == "generate"), "")
        manifest = self.folder.manifest(folder) if folder else None
        return manifest.books.reasons.get(Outcome.BLOCKED.value, 0) if manifest else 0

    def _asker(self, executor: Executor, progress: Progress) -> AskEngine:
        operator = load_operator(self.recipe.base)
        return AskEngine(
            recipe=self.recipe,
            run=self.folder,
            executor=executor,
            progress=progress,
            operator=operator,
            wait=self.wait,
        )

    def _plan(self, stage: Stage, asker: AskEngine) -> tuple[Plan, Manifest | None]:
        """A stage's plan, and its manifest where it is current and `--from` does not ask for it again."""
        plan = plan_stage(stage, self.recipe, self.folder, asker, STAGES)
        return plan, None if _forced(stage, self.from_stage) else plan.current

    def _outcome(self, stage: Stage, status: Status, manifest: Manifest | None) -> StageOutcome:
        seconds, rows = (manifest.seconds, manifest.books.rows_out) if manifest else (0.0, 0)
        forecast = 0.0 if status == "current" else self.checked.estimate.seconds.get(stage.name, 0.0)
        return StageOutcome(stage.name, status, seconds, forecast, rows)


def _run_one(plan: Plan, context: StageContext) -> Manifest:
    """Run one stage, check its books, write its manifest."""
    started = time.monotonic()
    result = plan.stage.run(context)
    if not result.books.balanced:
        raise BooksError(f"stage '{plan.stage.name}' lost count of rows: {result.books}", where=str(context.folder))
    _refuse_pending(plan.stage.name, result.books, context)
    manifest = _manifest(plan, result, time.monotonic() - started, origins(context.run))
    context.run.finish(plan.stage.folder, manifest)
    return manifest


def _refuse_pending(stage: str, books: Books, context: StageContext) -> None:
    """A stage with rows that could not be asked yet is not finished: the same command goes on with them.

    Raises: what ended the teacher that they wait for.
    """
    why = context.asker.stopped() if books.pending else None
    if why is None:
        return
    done = books.rows_in - books.pending
    context.progress.event("stage", name=stage, status="pending", rows_in=books.rows_in, pending=books.pending)
    context.progress.say(f"{stage}: {done:,} of {books.rows_in:,} are done, {books.pending:,} are pending")
    if isinstance(why, BudgetSpentError) and isinstance(context.asker, Paying):
        why = context.asker.short_of(books.pending) or why
    raise why


def _manifest(plan: Plan, result: StageResult, seconds: float, read: Mapping[str, str]) -> Manifest:
    return Manifest(
        stage=plan.stage.name,
        version=plan.stage.version,
        hash=plan.hash,
        inputs=dict(plan.inputs),
        root=merkle_root(result.leaves),
        books=result.books,
        sensitivity=result.sensitivity,
        seconds=round(seconds, 3),
        imbik=__version__,
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        artifacts=tuple(result.artifacts),
        measured=result.measured,
        warnings=tuple(result.warnings),
        origins=dict(read),
    )


def _look_at_reviews(folder: RunFolder, recipe: Recipe, with_reviews: bool, progress: Progress) -> None:
    """`--with-reviews` takes a new snapshot of experts' verdicts, which makes the review stage run again; else say how
    many are newer than the one in use. The first snapshot is the stage's to take: with `wait` not before all are there.
    """
    if recipe.review is None:
        return
    from imbik.review.store import close, newer_than_snapshot, snapshot_number

    if not snapshot_number(folder):
        return
    if with_reviews:
        close(folder)
    elif newer := newer_than_snapshot(folder):
        progress.say(f"{newer} newer verdicts of experts, include with --with-reviews")


def _scores(folder: RunFolder) -> Scores | None:
    from imbik.evaluate.scores import read_scores

    return read_scores(folder)
