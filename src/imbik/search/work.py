"""The search: prepares the run, tries values until enough are tried, measures the best on test rows, tells.

Enters: a recipe with ranges. Leaves: trials, the study, and findings. One process asks and tells the study and writes
the findings; each trial runs in a process of its own, so one that dies takes nothing with it. Stopped at any moment,
the same command goes on: trials that ran are resumed, none is begun twice.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from imbik.core.errors import TrainingError
from imbik.core.files import write_text
from imbik.core.locks import writer_lock
from imbik.core.progress import Reporter, SilentReporter
from imbik.core.runfolder import TRIALS, RunFolder
from imbik.pipeline import STAGES, run
from imbik.pipeline.run import located
from imbik.privacy.trust import note_origin
from imbik.recipe import to_yaml
from imbik.recipe.ranged import Ranged, load_ranged
from imbik.recipe.searching import Search, Value
from imbik.search.findings import Findings, findings, write_findings
from imbik.search.objectives import for_test, for_trial, found, last_stage
from imbik.search.study import Study, Tried
from imbik.search.trial import Running, prepare, trial_folder

_FIRST = {
    "tasks": "tasks",
    "teachers": "tasks",
    "accept_terms": "tasks",
    "budget": "tasks",
    "generate": "generate",
    "privacy": "generate",
    "refine": "refine",
    "repair": "refine",
    "review": "review",
    "student": "capture",
    "capture": "capture",
    "train": "train",
    "export": "export",
    "evaluate": "evaluate",
}
"""The first stage that a section of the recipe can change; what comes before is the same for all trials."""
_LOOK_SECONDS = 0.5
_FAILED_IN_A_ROW = 3


def search(
    recipe: str | Path,
    *,
    space: Path | None = None,
    overrides: Sequence[str] = (),
    settings: Sequence[str] = (),
    runs: Path | None = None,
    dry_run: bool = False,
    reporter: Reporter | None = None,
) -> tuple[Findings, RunFolder]:
    """Search the ranges of a recipe; `settings` are overrides of `search:`, such as `num_trials=40`.

    Raises: any ImbikError; what was tried stays tried.
    """
    ranged = load_ranged(recipe, [*overrides, *(f"search.{text}" for text in settings)], space)
    reporter = reporter or SilentReporter()
    folder = located(ranged.recipe, runs, ())[1]
    run(ranged.recipe, runs=runs, dry_run=True)  # what cannot work is refused before the first trial
    work = _Work(ranged, ranged.search, folder, reporter)
    if dry_run:
        return work.told(), folder
    with writer_lock(folder.path / TRIALS):
        return work.do(runs), folder


def first_stage(keys: Sequence[str]) -> int:
    """Index in STAGES of the first stage that one of these keys can change."""
    names = [stage.name for stage in STAGES]
    return min(names.index(_FIRST[key.partition(".")[0]]) for key in keys)


@dataclass
class _Work:
    """A search under way."""

    ranged: Ranged
    search: Search
    folder: RunFolder
    reporter: Reporter
    active: dict[int, Running] = field(default_factory=dict)

    def do(self, runs: Path | None) -> Findings:
        """Everything, from the stages that all trials share to the page."""
        self._prepare(runs)
        study = Study(self.folder.path / TRIALS, self.ranged.domains, self.search)
        with ExitStack() as stack:
            stack.callback(self._stop_all)
            self._try_all(study)
            made = self._told(study)
            self._confirm(made)
        made = self._told(study)
        write_findings(self.folder, made, self.ranged)
        return made

    def told(self) -> Findings:
        """What is there already, without trying anything."""
        path = self.folder.path / TRIALS
        tried = Study(path, self.ranged.domains, self.search) if path.exists() else None
        return self._told(tried) if tried else findings(self.folder, self.search, self.ranged, [], [], {})

    def _prepare(self, runs: Path | None) -> None:
        """Run what all trials share, once, in the run itself."""
        first = first_stage(list(self.ranged.domains))
        if first:
            run(self.ranged.recipe, runs=runs, until=STAGES[first - 1].name, reporter=self.reporter)
            return
        self.folder.create()
        note_origin(self.folder.path, self.ranged.recipe.base)
        write_text(self.folder.path / "recipe.yaml", to_yaml(self.ranged.recipe))

    def _try_all(self, study: Study) -> None:
        total = self.search.num_trials
        waiting = study.unfinished()
        done = [trial for trial in study.tried() if trial.state != "running"]
        self.reporter.begin("trials", total)
        self.reporter.advance("trials", len(done), self._best(study))
        while True:
            while len(self.active) < self.search.workers:
                trial = waiting.pop(0) if waiting else self._another(study, total)
                if trial is None:
                    break
                self._start(trial)
            if not self.active:
                break
            time.sleep(_LOOK_SECONDS)
            self._look(study)
        self.reporter.end("trials")

    def _another(self, study: Study, total: int) -> Tried | None:
        return study.next() if len(study.tried()) < total else None

    def _start(self, trial: Tried) -> None:
        folder = trial_folder(self.folder, trial.number)
        recipe = for_trial(self.ranged.with_values(trial.values), self.search.objectives)
        prepare(self.folder, folder, recipe)
        self.active[trial.number] = Running.start(trial.number, folder, last_stage(self.search.objectives))

    def _look(self, study: Study) -> None:
        """End what has ended, and what is losing."""
        for number, running in list(self.active.items()):
            if running.ended:
                del self.active[number]
                self._settle(study, running)
            elif self._prunes and study.losing(number, running.curve()):
                del self.active[number]
                running.stop()
                study.tell(number, "pruned", why="validation loss above the median of the others")
                self.reporter.advance("trials", 1, self._best(study))

    @property
    def _prunes(self) -> bool:
        """Whether validation losses of trials can be compared: not where the losses themselves are searched, and not
        where there are several objectives, of which the loss says one."""
        return self.search.prune and not self.unpruned

    @property
    def unpruned(self) -> str:
        """Why no trial can be pruned, '' where it can."""
        if len(self.search.objectives) > 1:
            return "no trial is pruned: there are several objectives"
        keys = [key for key in self.ranged.domains if key.startswith(("train.losses", "student.", "capture."))]
        return f"no trial is pruned: with {keys[0]} the losses of trials are of different kinds" if keys else ""

    def _settle(self, study: Study, running: Running) -> None:
        why = running.why()
        if why:
            study.tell(running.number, "failed", why=why)
            self.reporter.say(f"! trial {running.folder.name} failed: {why}")
            self._refuse_all_failing(study)
        else:
            study.tell(running.number, "done", found(running.folder, self.search.objectives))
        self.reporter.advance("trials", 1, self._best(study))

    def _refuse_all_failing(self, study: Study) -> None:
        """Raises: TrainingError when the first trials all failed: the rest would too."""
        ended = [trial for trial in study.tried() if trial.state in ("done", "failed", "pruned")]
        if len(ended) >= _FAILED_IN_A_ROW and all(trial.state == "failed" for trial in ended):
            raise TrainingError(
                f"the first {len(ended)} trials failed, the last one so: {ended[-1].why}",
                where=str(self.folder.path / TRIALS),
                next=f"imbik run {trial_folder(self.folder, ended[-1].number).typed} shows it; mend the ranges",
            )

    def _best(self, study: Study) -> str:
        front = study.front()
        if not front:
            return ""
        best = study.tried()[front[0]]
        shown = ", ".join(f"{item} {value:.4g}" for item, value in zip(self.search.objectives, best.found, strict=True))
        return f"best: {shown} (trial {best.number})"

    def _confirm(self, made: Findings) -> None:
        """Measure the best on the test rows: trials beside the trials, which read the student there."""
        if last_stage(self.search.objectives) != "evaluate":
            return
        for number in made.front[: self.search.confirm]:
            values: dict[str, Value] = dict(made.trials[number].values)
            recipe = for_trial(self.ranged.with_values(values), self.search.objectives)
            folder = trial_folder(self.folder, number, "-test")
            prepare(self.folder, folder, for_test(recipe, self.ranged.recipe))
            self.reporter.say(f"trial {number} is measured on the test rows")
            self.active[number] = running = Running.start(number, folder, "evaluate")
            running.process.wait()
            del self.active[number]
            if why := running.why():
                self.reporter.say(f"! trial {folder.name} failed: {why}")

    def _told(self, study: Study) -> Findings:
        notes = [self.unpruned] if self.search.prune and self.unpruned else []
        return findings(
            self.folder, self.search, self.ranged, study.tried(), study.front(), study.weight_of_keys(), notes
        )

    def _stop_all(self) -> None:
        """However this ends, no trial is left running."""
        for running in self.active.values():
            running.stop()
        self.active.clear()
