"""Running a recipe: check everything first, then each stage in order, and nothing that is current.

Enters: a recipe (path, folder or object). Leaves: a run folder in which every needed stage is finished, or an error
after which the same command goes on where it stopped. One process writes a run at a time; readers never wait.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imbik import __version__
from imbik.ask.engine import AskEngine
from imbik.core.errors import BooksError, RecipeError
from imbik.core.executor import Executor, LocalExecutor
from imbik.core.files import write_text
from imbik.core.lineage import merkle_root
from imbik.core.locks import writer_lock
from imbik.core.progress import Progress, Reporter, SilentReporter
from imbik.core.runfolder import Manifest, RunFolder
from imbik.pipeline.plan import Plan, plan_stage, position
from imbik.pipeline.preflight import Preflight, preflight
from imbik.pipeline.result import RunResult, StageOutcome, Status
from imbik.pipeline.stages import STAGES
from imbik.privacy.operator import load_operator
from imbik.recipe import Recipe, load_recipe, to_yaml
from imbik.stage import Stage, StageContext, StageResult

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
    reporter: Reporter | None = None,
    executor: Executor | None = None,
    _parents: tuple[Path, ...] = (),
) -> RunResult:
    """Run a recipe from tasks to report; see DESIGN for the laws it keeps.

    Raises: any ImbikError; what was finished before stays finished.
    """
    loaded, folder = _locate(recipe, runs, overrides)
    reporter = reporter or SilentReporter()
    children = _run_teachers(loaded, folder.path.parent, dry_run, reporter, _parents)
    checked = preflight(loaded, folder)
    for warning in checked.warnings:
        reporter.say(f"! {warning}")
    selection = _select(loaded, from_stage, until)
    if dry_run:
        return _dry_run(loaded, folder, selection, checked, from_stage, children)
    with writer_lock(folder.path):
        folder.create()
        write_text(folder.path / "recipe.yaml", to_yaml(loaded))
        progress = Progress(reporter, folder.path / "events.jsonl")
        try:
            outcomes, warnings = _run_stages(
                loaded, folder, selection, checked, progress, executor or LocalExecutor(), from_stage, with_reviews
            )
        finally:
            progress.close()
    said = (*checked.warnings, *warnings)
    result = RunResult(folder.path, outcomes, None, said, children, checked.estimate)
    return replace(result, scores=_scores(folder)) if result.evaluated else result


def _locate(recipe: Recipe | str | Path, runs: Path | None, overrides: Sequence[str]) -> tuple[Recipe, RunFolder]:
    """The recipe and its run folder; a run folder's own recipe runs in place."""
    if isinstance(recipe, Recipe):
        if overrides:
            raise RecipeError("overrides go with a recipe file; change the Recipe object instead", where="--set")
        return recipe, RunFolder(runs_folder(runs) / recipe.name)
    path = Path(recipe)
    loaded = load_recipe(path, overrides)
    home = path if path.is_dir() else path.parent
    if runs is None and (home / ".imbik").exists():
        return loaded, RunFolder(home.resolve())
    return loaded, RunFolder(runs_folder(runs) / loaded.name)


def runs_folder(given: Path | None = None) -> Path:
    """Where runs lie: what is given, else IMBIK_RUNS, else `runs` here."""
    return Path(given or os.environ.get("IMBIK_RUNS") or "runs").expanduser().resolve()


def _run_teachers(
    recipe: Recipe, runs: Path, dry_run: bool, reporter: Reporter, parents: tuple[Path, ...]
) -> tuple[RunResult, ...]:
    """A teacher that is itself trained here runs first when it is not current, so one command does all."""
    results = []
    for name, block in recipe.teachers.items():
        if block.use != "run" or not block.raw.get("recipe"):
            continue
        path = recipe.path(str(block.raw["recipe"]))
        if path in parents:
            chain = " -> ".join(item.name for item in (*parents, path))
            raise RecipeError(f"teacher '{name}' is made by a recipe that needs itself: {chain}", where=block.where)
        reporter.say(f"teacher '{name}' is trained by {path.name}:")
        results.append(run(path, runs=runs, dry_run=dry_run, reporter=reporter, _parents=(*parents, path)))
    return tuple(results)


def _select(recipe: Recipe, from_stage: str, until: str) -> list[Stage]:
    """The stages this recipe has, up to `until`."""
    last = position(until, STAGES, "--until") if until else len(STAGES) - 1
    if from_stage:
        position(from_stage, STAGES, "--from")
    return [stage for stage in STAGES[: last + 1] if stage.needed(recipe)]


def _forced(stage: Stage, from_stage: str) -> bool:
    """Whether `--from` asks for this stage to be made again."""
    return bool(from_stage) and position(stage.name, STAGES, "--from") >= position(from_stage, STAGES, "--from")


def _run_stages(
    recipe: Recipe,
    folder: RunFolder,
    selection: Sequence[Stage],
    checked: Preflight,
    progress: Progress,
    executor: Executor,
    from_stage: str,
    with_reviews: bool,
) -> tuple[list[StageOutcome], list[str]]:
    """Each stage in order: current ones are left alone, the rest run."""
    outcomes, warnings = [], list[str]()
    _look_at_reviews(folder, recipe, with_reviews, progress)
    with AskEngine(
        recipe=recipe, run=folder, executor=executor, progress=progress, operator=load_operator(recipe.base)
    ) as asker:
        for stage in selection:
            plan = plan_stage(stage, recipe, folder, asker, STAGES)
            manifest = None if _forced(stage, from_stage) else plan.current
            status: Status = "current" if manifest else "done"
            if manifest is None:
                context = StageContext(recipe, folder, folder.begin(stage.folder, plan.hash), asker, executor, progress)
                manifest = _run_one(plan, context)
                warnings += [f"{stage.name}: {text}" for text in manifest.warnings]
            progress.event("stage", name=stage.name, status=status, seconds=manifest.seconds)
            forecast = checked.estimate.seconds.get(stage.name, 0.0)
            outcomes.append(StageOutcome(stage.name, status, manifest.seconds, forecast, manifest.books.rows_out))
    return outcomes, warnings


def _run_one(plan: Plan, context: StageContext) -> Manifest:
    """Run one stage, check its books, write its manifest."""
    started = time.monotonic()
    result = plan.stage.run(context)
    if not result.books.balanced:
        raise BooksError(f"stage '{plan.stage.name}' lost count of rows: {result.books}", where=str(context.folder))
    manifest = _manifest(plan, result, time.monotonic() - started)
    context.run.finish(plan.stage.folder, manifest)
    return manifest


def _manifest(plan: Plan, result: StageResult, seconds: float) -> Manifest:
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
    )


def _dry_run(
    recipe: Recipe,
    folder: RunFolder,
    selection: Sequence[Stage],
    checked: Preflight,
    from_stage: str,
    children: tuple[RunResult, ...],
) -> RunResult:
    """What would run: everything from the first stage that is not current."""
    outcomes: list[StageOutcome] = []
    fresh = True
    progress = Progress(SilentReporter())
    with AskEngine(
        recipe=recipe, run=folder, executor=LocalExecutor(), progress=progress, operator=load_operator(recipe.base)
    ) as asker:
        for stage in selection:
            fresh = fresh and not _forced(stage, from_stage) and not any(child.planned for child in children)
            current = plan_stage(stage, recipe, folder, asker, STAGES).current if fresh else None
            fresh = current is not None
            forecast = checked.estimate.seconds.get(stage.name, 0.0)
            seconds = current.seconds if current else 0.0
            rows = current.books.rows_out if current else 0
            outcomes.append(StageOutcome(stage.name, "current" if current else "planned", seconds, forecast, rows))
    planned = [outcome.name for outcome in outcomes if outcome.status == "planned"]
    return RunResult(folder.path, outcomes, None, checked.warnings, children, checked.estimate.of(planned))


def _look_at_reviews(folder: RunFolder, recipe: Recipe, with_reviews: bool, progress: Progress) -> None:
    """`--with-reviews` takes a new snapshot of experts' verdicts, which makes the review stage run again; else say how
    many are newer than the one in use."""
    if recipe.review is None:
        return
    from imbik.review.store import close, newer_than_snapshot, snapshot_number

    if with_reviews:
        close(folder)
    elif snapshot_number(folder) and (newer := newer_than_snapshot(folder)):
        progress.say(f"{newer} newer verdicts of experts, include with --with-reviews")


def _scores(folder: RunFolder) -> Scores | None:
    from imbik.evaluate.scores import read_scores

    return read_scores(folder)
