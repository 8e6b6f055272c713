"""Which stages are current and which must run: the third law (lineage) in one place.

Enters: recipe, run folder, asker. Leaves: for one stage its hash and whether the manifest on disk still answers to it.
A stage's hash holds its name, version, settings, and the *roots* and sensitivities of its inputs: a stage whose input
was made again with the same rows stays current, one whose input has become more secret does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imbik.core.errors import UsageError
from imbik.core.lineage import stage_hash
from imbik.core.misspelt import closest
from imbik.core.runfolder import Manifest, RunFolder
from imbik.recipe import Recipe
from imbik.stage import Asker, ReadsOutside, Stage


@dataclass(frozen=True)
class Plan:
    """One stage, its hash now, the roots of its inputs, and its manifest when that is still true."""

    stage: Stage
    hash: str
    inputs: Mapping[str, str]
    current: Manifest | None


def _input_manifests(stage: Stage, recipe: Recipe, run: RunFolder, stages: Sequence[Stage]) -> dict[str, Manifest]:
    """The manifest of each input, by stage name (every input has run by now)."""
    folders = {item.name: item.folder for item in stages}
    found = {}
    for name in stage.inputs(recipe):
        manifest = run.manifest(folders[name])
        if manifest is None:
            raise UsageError(
                f"stage '{stage.name}' needs '{name}', which has not run",
                where=str(run.path),
                next="run without --from",
            )
        found[name] = manifest
    return found


def plan_stage(stage: Stage, recipe: Recipe, run: RunFolder, asker: Asker, stages: Sequence[Stage]) -> Plan:
    """What this stage would be made of now, and whether what lies there is that already."""
    made = _input_manifests(stage, recipe, run, stages)
    inputs = {name: manifest.root for name, manifest in made.items()}
    if isinstance(stage, ReadsOutside):
        inputs |= stage.outside(recipe, run, asker)
    levels = {name: manifest.sensitivity.value for name, manifest in made.items()}
    settings = {"own": stage.settings(recipe, asker), "sensitivity of inputs": levels}
    wanted = stage_hash(stage.name, stage.version, settings, inputs)
    manifest = run.manifest(stage.folder)
    return Plan(stage, wanted, inputs, manifest if manifest and manifest.hash == wanted else None)


def position(name: str, stages: Sequence[Stage], option: str) -> int:
    """Index of a stage named on the command line.

    Raises: UsageError naming the stages there are.
    """
    names = [stage.name for stage in stages]
    if name not in names:
        raise UsageError(f"there is no stage '{name}'; {closest(name, names)}", where=option)
    return names.index(name)
