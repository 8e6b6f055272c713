"""Finding runs: by path, by name in the runs folder, or by the recipe that makes them.

Enters: what a person typed. Leaves: a RunFolder that is one, or an error that lists the runs there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imbik.ask.underway import under_way
from imbik.core.errors import RunFolderError
from imbik.core.misspelt import closest
from imbik.core.runfolder import Manifest, RunFolder, runs_folder
from imbik.evaluate.scores import Scores, read_scores
from imbik.recipe import Recipe, load_recipe

FOLDERS = {
    "tasks": "1_tasks",
    "generate": "2_answers",
    "refine": "3_refined",
    "review": "4_reviewed",
    "capture": "5_logits",
    "train": "6_student",
    "export": "7_export",
    "evaluate": "8_report",
}
"""Stage name -> folder; a test holds it to the pipeline's own list."""


@dataclass(frozen=True)
class Listed:
    """One line of `imbik ls`: a run, the last stage it finished ('': none), its result (or what it has
    under way in batches), or why it cannot be read."""

    name: str
    finished: str
    last_stage: str
    result: str
    problem: str = ""


def find_run(text: str, runs: Path | None = None) -> RunFolder:
    """The run a person means: a run folder, a name in the runs folder, a recipe or a folder with one.

    Raises: RunFolderError naming the runs that are there.
    """
    home = runs_folder(runs)
    for path in (Path(text).expanduser(), home / text):
        if (path / ".imbik").exists():
            return _checked(path)
    made = _run_of_recipe(Path(text).expanduser(), home)
    if made is not None:
        return _checked(made)
    names = [path.name for path in run_paths(home)]
    known = closest(Path(text).name, names) if names else f"there are no runs under {home}"
    raise RunFolderError(
        f"there is no run '{text}'; {known}", next="imbik ls lists the runs; imbik run RECIPE makes one"
    )


def recipe_of(run: RunFolder) -> Recipe:
    """The recipe a run was made by, every default written out."""
    return load_recipe(run.path / "recipe.yaml")


def run_paths(runs: Path) -> Iterator[Path]:
    """Folders of runs, by name."""
    if runs.is_dir():
        yield from sorted(path for path in runs.iterdir() if (path / ".imbik").is_file())


def manifests(run: RunFolder) -> dict[str, Manifest]:
    """Manifests of the finished stages, in order, by stage name."""
    found = {name: run.manifest(folder) for name, folder in FOLDERS.items()}
    return {name: manifest for name, manifest in found.items() if manifest is not None}


def listing(runs: Path) -> list[Listed]:
    """All runs of a folder with their results; one that cannot be read is listed with the reason."""
    return [_listed(RunFolder(path)) for path in run_paths(runs)]


def _listed(run: RunFolder) -> Listed:
    try:
        run.check()
        done = manifests(run)
        scores = read_scores(run)
    except RunFolderError as error:
        return Listed(run.name, "", "", "", error.what)
    waits = "; ".join(map(str, under_way(run.store, run.account)))
    if not done:
        return Listed(run.name, "", "", waits)
    last = max(done.values(), key=lambda manifest: manifest.finished)
    return Listed(run.name, last.finished[:16].replace("T", " "), list(done)[-1], waits or result_of(scores))


def result_of(scores: Scores | None) -> str:
    """The result in a few words: the student's first metric, and what is kept of the teacher."""
    if scores is None or "student" not in scores.systems or not scores.systems["student"].metrics:
        return ""
    metric, found = next(iter(scores.systems["student"].metrics.items()))
    words = f"{metric} {found.value:.1%}"
    kept = scores.retention.get(metric)
    return f"{words}, {kept.value:.1%} of the teacher kept" if kept else words


def _checked(path: Path) -> RunFolder:
    run = RunFolder(path.resolve())
    run.check()
    return run


def _run_of_recipe(path: Path, home: Path) -> Path | None:
    """The run that a recipe (or a folder with one) has made, or None."""
    file = path / "recipe.yaml" if path.is_dir() else path
    if file.suffix not in {".yaml", ".yml"} or not file.is_file():
        return None
    made = home / load_recipe(file).name
    return made if (made / ".imbik").exists() else None
