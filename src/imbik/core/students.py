"""Where the trained students of a run lie, for everything that uses them after training.

Enters: a run folder. Leaves: folders of weights by variant and seed, and the seed that was best on validation. The
seed best on validation (lowest number on a tie) is exported and used by `chat`, `predict` and runs that learn from
this one.
"""

from __future__ import annotations

from pathlib import Path

from imbik.core.errors import RunFolderError
from imbik.core.files import read_json
from imbik.core.misspelt import closest
from imbik.core.runfolder import RunFolder
from imbik.core.types import Record

FOLDER = "6_student"


class Best(Record, frozen=True, kw_only=True):
    """`6_student/best.json`: the best seed of the student, and of each named adapter."""

    seed: int
    adapters: dict[str, int] = {}


def seeds(run: RunFolder, variant: str = "student") -> list[int]:
    """Seeds that a variant (student, answers_only, text_only) was trained with; [] when it was not trained."""
    found = (run.stage(FOLDER) / variant).glob("seed-*")
    return sorted(int(path.name.removeprefix("seed-")) for path in found if (path / "weights").is_dir())


def variant_of(adapter: str) -> str:
    """The variant that a named adapter is trained as; '' is the student itself."""
    return f"adapter-{adapter}" if adapter else "student"


def adapters(run: RunFolder) -> list[str]:
    """Names of the adapters that were trained beside the student; [] where it is not trained yet."""
    path = run.stage(FOLDER) / "best.json"
    return list(read_json(path, Best).adapters) if path.exists() else []


def trained(run: RunFolder, variant: str, seed: int) -> Path:
    """The folder of one trained model, which holds `weights/` and `training.json`."""
    return run.stage(FOLDER) / variant / f"seed-{seed}"


def best_seed(run: RunFolder, adapter: str = "") -> int:
    """The seed best on validation, of the student or of an adapter.

    Raises: RunFolderError when the run has no trained student yet, or no such adapter.
    """
    path = run.stage(FOLDER) / "best.json"
    if not path.exists():
        raise RunFolderError(
            "this run has no trained student yet", where=str(run.path), next=f"imbik run {run.path / 'recipe.yaml'}"
        )
    best = read_json(path, Best)
    if not adapter:
        return best.seed
    if adapter not in best.adapters:
        have = closest(adapter, list(best.adapters)) if best.adapters else "it has none (train.adapters)"
        raise RunFolderError(f"this run has no adapter '{adapter}'; {have}", where=str(run.path))
    return best.adapters[adapter]


def best_weights(run: RunFolder, adapter: str = "") -> Path:
    """The weights of the best student, or of an adapter's best seed."""
    return trained(run, variant_of(adapter), best_seed(run, adapter)) / "weights"
