"""Where the trained students of a run lie, for everything that uses them after training.

Enters: a run folder. Leaves: folders of weights by variant and seed, and the seed that was best on validation. The
seed best on validation (lowest number on a tie) is exported and used by `chat`, `predict` and runs that learn from
this one.
"""

from __future__ import annotations

from pathlib import Path

from imbik.core.errors import RunFolderError
from imbik.core.files import read_json
from imbik.core.runfolder import RunFolder
from imbik.core.types import Record

FOLDER = "6_student"


class Best(Record, frozen=True, kw_only=True):
    """`6_student/best.json`."""

    seed: int


def seeds(run: RunFolder, variant: str = "student") -> list[int]:
    """Seeds that a variant (student, answers_only, text_only) was trained with; [] when it was not trained."""
    found = (run.stage(FOLDER) / variant).glob("seed-*")
    return sorted(int(path.name.removeprefix("seed-")) for path in found if (path / "weights").is_dir())


def trained(run: RunFolder, variant: str, seed: int) -> Path:
    """The folder of one trained model, which holds `weights/` and `training.json`."""
    return run.stage(FOLDER) / variant / f"seed-{seed}"


def best_seed(run: RunFolder) -> int:
    """The seed best on validation.

    Raises: RunFolderError when the run has no trained student yet.
    """
    path = run.stage(FOLDER) / "best.json"
    if not path.exists():
        raise RunFolderError(
            "this run has no trained student yet", where=str(run.path), next=f"imbik run {run.path / 'recipe.yaml'}"
        )
    return read_json(path, Best).seed


def best_weights(run: RunFolder) -> Path:
    """The weights of the best student."""
    return trained(run, "student", best_seed(run)) / "weights"
