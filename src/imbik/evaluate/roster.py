"""Which systems stand in the report of a run, and what is said of those that do not.

Enters: recipe, run folder, asker. Leaves: systems in order, with notes on what was left out and why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imbik.core import students
from imbik.core.runfolder import RunFolder
from imbik.evaluate.answers import UNTRAINED
from imbik.evaluate.findings import ADAPTER
from imbik.evaluate.systems import ModelSystem, System
from imbik.evaluate.teacher import TeacherSystem
from imbik.recipe import Recipe
from imbik.stage import Asker
from imbik.tasks.kinds import Kind

if TYPE_CHECKING:
    from imbik.models.model import LanguageModel

CONTROLS = ("text_only", "answers_only")


def roster(recipe: Recipe, run: RunFolder, asker: Asker, kind: Kind) -> tuple[list[System], list[str]]:
    """Systems in the order in which they are measured, and notes on those that this run does not have."""
    against, notes = recipe.evaluate.against, list[str]()
    systems: list[System] = [*_teachers(recipe, asker)] if "teacher" in against else []
    systems.append(_trained(recipe, run, "student"))
    for control in CONTROLS:
        if control in against and students.seeds(run, control):
            systems.append(_trained(recipe, run, control))
    systems += [_adapter(recipe, run, name) for name in students.adapters(run)]
    if "baseline" in against:
        start = partial(_initial, recipe, run)
        systems.append(ModelSystem("baseline", {UNTRAINED: start}, UNTRAINED, recipe))
    if "tfidf" in against and recipe.tasks.kind.use == "classification":
        found = _tfidf(recipe, run, kind)
        notes += [found] if isinstance(found, str) else []
        systems += [] if isinstance(found, str) else [found]
    systems += _exports(recipe, run)
    return systems, notes


def _teachers(recipe: Recipe, asker: Asker) -> list[System]:
    """The routed teacher, and each of several apart, members of one that is made of several among them."""
    names = recipe.asked_teachers()
    if not names:
        return []
    apart = [TeacherSystem(f"teacher:{name}", recipe, asker, only=name) for name in names] if len(names) > 1 else []
    return [TeacherSystem("teacher", recipe, asker), *apart]


def _trained(recipe: Recipe, run: RunFolder, variant: str) -> ModelSystem:
    """A student or control, all its seeds; costs are measured on the seed that is handed over."""
    found = students.seeds(run, variant)
    best = students.best_seed(run)
    loaders = {seed: _loader(students.trained(run, variant, seed) / "weights") for seed in found}
    return ModelSystem(variant, loaders, best if best in found else found[0], recipe)


def _adapter(recipe: Recipe, run: RunFolder, name: str) -> ModelSystem:
    """A named adapter, on the rows that are its own."""
    made = _trained(recipe, run, students.variant_of(name))
    return replace(made, name=f"{ADAPTER}{name}", timed=students.best_seed(run, name), adapter=name)


def _exports(recipe: Recipe, run: RunFolder) -> list[System]:
    manifest = run.manifest("7_export") if recipe.export else None
    artifacts = manifest.artifacts if manifest else ()
    return [
        ModelSystem(f"export:{item.format}", {UNTRAINED: _loader(run.path / item.path, "auto")}, UNTRAINED, recipe)
        for item in artifacts
    ]


def _loader(folder: Path, dtype: str = "float32") -> Callable[[], LanguageModel]:
    """Loads when called; an export is loaded as it is stored, for that is how it will be used."""

    def load_it() -> LanguageModel:
        from imbik.models.load import load

        return load(folder, dtype=dtype)

    return load_it


def _initial(recipe: Recipe, run: RunFolder) -> LanguageModel:
    """The student before training."""
    from imbik.models.student import initial_student

    return initial_student(recipe, run)


def _tfidf(recipe: Recipe, run: RunFolder, kind: Kind) -> System | str:
    from imbik.evaluate.tfidf import from_samples
    from imbik.tasks.read import read_samples

    samples = [sample for sample, name in read_samples(run, recipe) if name == "train"]
    return from_samples(samples, kind, recipe.evaluate.latency_rows)
