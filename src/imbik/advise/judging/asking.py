"""The judge of a recipe, and an asker for it outside of a run's stages.

Enters: what a person typed (a run, its name, a recipe). Leaves: the recipe, the run folder, the check that judges, and
an engine that asks as that run would, under the run's writer lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imbik.advise.runs import find_run, recipe_of
from imbik.ask.engine import AskEngine
from imbik.core.errors import UsageError
from imbik.core.executor import LocalExecutor
from imbik.core.locks import writer_lock
from imbik.core.misspelt import closest
from imbik.core.progress import Progress, Reporter, SilentReporter
from imbik.core.runfolder import RunFolder
from imbik.pipeline import judging
from imbik.pipeline.run import located
from imbik.privacy.operator import load_operator
from imbik.recipe import Recipe
from imbik.refine.checks.judge import Judge
from imbik.refine.named import checks_of


@dataclass(frozen=True)
class Bench:
    """A recipe's judge with what it takes to ask it."""

    recipe: Recipe
    run: RunFolder
    name: str
    judge: Judge

    @property
    def judges(self) -> tuple[str, ...]:
        """The teachers that judge."""
        return tuple(self.judge.teachers)


def bench_of(
    target: str, check: str = "", runs: Path | None = None, overrides: Sequence[str] = (), judge: str = ""
) -> Bench:
    """The judge of a run or of a recipe; `check` names one of several, `judge` another teacher to judge in its place
    (where the recipe has no judge: by the rubric that a judge has by default).

    Raises: UsageError where the recipe has none, or several and none is named; RecipeError for one that cannot judge.
    """
    recipe, run = _found(target, runs, overrides)
    found = {named.name: named.check for named in checks_of(recipe) if isinstance(named.check, Judge)}
    if check and check not in found:
        raise UsageError(f"there is no judge '{check}' under refine; {closest(check, list(found))}", where="--check")
    if (not found and not judge) or (len(found) > 1 and not check):
        raise UsageError(
            f"the recipe has {len(found) or 'no'} judges" + (f": {', '.join(found)}" if found else ""),
            where=str(run.path),
            next="name one with --check" if found else "add to refine: {use: judge, teacher: NAME, rubric: [doğruluk]}",
        )
    judging.refuse(recipe)
    name = check or next(iter(found), "judge")
    if not judge:
        return Bench(recipe, run, name, found[name])
    if judge not in recipe.teachers or recipe.teachers[judge].use in judging.NO_JUDGES:
        known = [known for known, block in recipe.teachers.items() if block.use not in judging.NO_JUDGES]
        raise UsageError(f"'{judge}' is no teacher that can judge; {closest(judge, known)}", where="--judge")
    settings = found[name].settings if found else Judge.Settings(teacher=judge)
    return Bench(recipe, run, name, Judge(settings.model_copy(update={"teacher": judge, "teachers": []})))


def _found(target: str, runs: Path | None, overrides: Sequence[str]) -> tuple[Recipe, RunFolder]:
    """The recipe and the run of what a person typed."""
    file = Path(target).expanduser()
    if (file.is_file() or (file / "recipe.yaml").is_file()) and not (file / ".imbik").exists():
        return located(file, runs, overrides)
    run = find_run(target, runs)
    return located(run.path, None, overrides) if overrides else (recipe_of(run), run)


@contextmanager
def asking(bench: Bench, reporter: Reporter | None = None) -> Iterator[tuple[AskEngine, Progress]]:
    """An engine that asks as the run would; one process writes a run at a time.

    Raises: LockedError while the run is under way.
    """
    with writer_lock(bench.run.path):
        bench.run.create()
        progress = Progress(reporter or SilentReporter(), bench.run.path / "events.jsonl")
        try:
            with AskEngine(
                recipe=bench.recipe,
                run=bench.run,
                executor=LocalExecutor(),
                progress=progress,
                operator=load_operator(bench.recipe.base),
            ) as engine:
                yield engine, progress
        finally:
            progress.close()
