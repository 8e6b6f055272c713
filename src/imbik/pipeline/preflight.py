"""Before the first token is bought: check every plug-in a recipe names, refuse what cannot work, warn, and forecast.

Enters: a recipe and its run folder. Leaves: a `Preflight` with warnings and an Estimate, or an error that names the
recipe's line and the key. Nothing here loads weights or opens a connection.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from imbik.core.errors import ModelError, RecipeError
from imbik.core.plugins import PluginBlock, typed_settings
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity
from imbik.evaluate import require
from imbik.generate.tally import held_back_advice
from imbik.models.folder import check_folder, read_base
from imbik.models.gguf import is_gguf
from imbik.models.load import may_be_on_hub, resolve
from imbik.models.opening import check_model
from imbik.models.spread import spread_for
from imbik.pipeline import judging, money, rules
from imbik.pipeline.estimate import Estimate, estimate
from imbik.pipeline.growth import refuse_growth
from imbik.pipeline.growth import warnings as growth_warnings
from imbik.pipeline.learning import refuse_learning
from imbik.pipeline.offered import ended_models
from imbik.pipeline.reach import cleans_in_vain, kept_from, keys_missing, refuse_unreachable
from imbik.pipeline.rehearsal import refuse_misfit
from imbik.pipeline.rows import Rows, look
from imbik.pipeline.sizes import folder_here
from imbik.pipeline.terms import refuse_terms, unknown_terms
from imbik.privacy.operator import load_operator
from imbik.recipe import Recipe
from imbik.recipe.secrets import refuse_secrets
from imbik.recipe.write import to_data
from imbik.tasks.answer_schema import schema_text


@dataclass(frozen=True)
class Preflight:
    """What is said before a run starts."""

    warnings: tuple[str, ...]
    estimate: Estimate


def preflight(recipe: Recipe, run: RunFolder) -> Preflight:
    """Check, refuse, warn, forecast.

    Raises: PluginError or RecipeError for what cannot work, BlockedError where no row could ever reach a teacher.
    """
    refuse(recipe)
    rows, runs = look(recipe, run), run.home
    kept = {level: why for level in rows.levels if (why := kept_from(recipe, level))}
    rows = replace(rows, held_back=sum(rows.levels[level] for level in kept))
    forecast = estimate(recipe, rows, runs)
    said = rules.warnings(recipe, rows.train if rows.known else 0, runs)
    return Preflight(
        (
            *_untrusted(recipe),
            *_kept(recipe, rows, kept),
            *judging.unjudged(recipe, rows),
            *keys_missing(recipe, judging.judges(recipe)),
            *cleans_in_vain(recipe),
            *growth_warnings(recipe, rows),
            *unknown_terms(recipe),
            *ended_models(recipe),
            *money.warnings(recipe, forecast.money, forecast.questions, run),
            *said,
            *_spread(recipe),
            *_tight(forecast, run.path),
        ),
        forecast,
    )


def refuse(recipe: Recipe) -> None:
    """Refuse what cannot work, as far as the recipe alone tells: no teacher trained here need exist yet.

    Raises: PluginError, RecipeError, ModelError or BlockedError; see the functions it calls.
    """
    refuse_secrets(to_data(recipe))  # again: a Recipe object never was a file
    check_plugins(recipe)
    require.check(recipe)
    schema_text(recipe)  # what is no schema is found before any row is read
    refuse_contradictions(recipe)
    refuse_terms(recipe)
    refuse_unreachable(recipe)
    judging.refuse(recipe)
    refuse_growth(recipe)
    money.refuse_unpriced(recipe)


def _untrusted(recipe: Recipe) -> Iterator[str]:
    """An operator's file beside the recipe changes nothing until a person has trusted it, and that is said."""
    ignored = load_operator(recipe.base).ignored if recipe.teachers else ""
    if ignored:
        yield f"{ignored} is not trusted and was ignored: read it, then imbik privacy trust {ignored}"


def _kept(recipe: Recipe, rows: Rows, kept: Mapping[Sensitivity, str]) -> Iterator[str]:
    """Rows that a column marks too secret for their teacher stay unanswered, and that is said before."""
    for level, why in kept.items():
        yield (
            f"about {rows.total * rows.levels[level]:,.0f} of {rows.total:,} rows will be held back: column "
            f"'{recipe.tasks.sensitivity}' makes them {level.value}, and {why}; {held_back_advice(recipe)}"
        )


def check_plugins(recipe: Recipe) -> None:
    """Type the settings of every plug-in named; the error names the recipe's line and the key that was meant."""
    for group, block in blocks(recipe):
        typed_settings(group, block)


def blocks(recipe: Recipe) -> Iterator[tuple[str, PluginBlock]]:
    """Every plug-in block of a recipe with its group. A plain path is no block: `tasks` finds its source itself."""
    tasks = recipe.tasks
    for source in (tasks.source, tasks.validation_source, tasks.test_source):
        if source is not None and source.use != "auto":
            yield "tasks/sources", source
    yield "tasks/kinds", tasks.kind
    yield from (("tasks/strategies", block) for block in (tasks.grow.strategies if tasks.grow else ()))
    yield from (("tasks/augmentations", block) for block in tasks.augment)
    yield from (("teachers", block) for block in recipe.teachers.values())
    yield from (("refine/checks", block) for block in recipe.refine)
    yield "train/methods", recipe.train.method
    yield from (("train/losses", block) for block in recipe.train.losses)
    yield from (("train/accelerators", block) for block in recipe.train.accelerators)
    yield from (("export/formats", block) for block in recipe.export)
    yield from (("evaluate/metrics", block) for block in recipe.evaluate.metrics)


def refuse_contradictions(recipe: Recipe) -> None:
    """Settings that cannot work together.

    Raises: RecipeError naming the keys.
    """
    for check in (_student_shape, _models, refuse_learning, refuse_misfit, _teacher_recipes):
        check(recipe)


def _student_shape(recipe: Recipe) -> None:
    student = recipe.student
    if not student.architecture:
        return
    if student.hidden_size % student.heads:
        raise RecipeError(
            f"student.hidden_size {student.hidden_size} is not a multiple of student.heads {student.heads}",
            next=f"--set student.hidden_size={student.heads * round(student.hidden_size / student.heads)}",
        )
    if student.key_value_heads and student.heads % student.key_value_heads:
        raise RecipeError(
            f"student.heads {student.heads} is not a multiple of student.key_value_heads {student.key_value_heads}",
            next="--set student.key_value_heads=0 gives every head its own",
        )


def _models(recipe: Recipe) -> None:
    """Model folders must be there, whole and safe: no pickled weights, no code, a tokenizer."""
    named = {"student.model": recipe.student.model} if recipe.student.model else {}
    for teacher, block in recipe.teachers.items():
        if block.use == "in_process":
            named[f"teachers.{teacher}.model"] = str(block.raw.get("model", ""))
    for key, name in named.items():
        folder = folder_here(name, recipe.base)
        if folder is not None:
            (check_model if key != "student.model" else check_folder)(folder)
            if key == "student.model" and (base := read_base(folder)):
                raise RecipeError(
                    f"'{name}' is an adapter over {base}, and a student begins from a whole model",
                    where=key,
                    next="name its base, or the run's merged export (7_export/safetensors)",
                )
        elif (recipe.base / Path(name).expanduser()).exists() or not may_be_on_hub(name):
            _no_model(key, name, recipe.base)


def _no_model(key: str, name: str, base: Path) -> None:
    """Say with the recipe's key why a name is no model; nothing is asked of the hub."""
    try:
        resolve(name, base)
    except ModelError as error:
        raise RecipeError(error.what, where=key, next=error.next) from None


def _teacher_recipes(recipe: Recipe) -> None:
    """A `run` teacher's recipe must be there before anything starts."""
    for name, block in recipe.teachers.items():
        named = block.raw.get("recipe")
        if block.use == "run" and named and not recipe.path(str(named)).exists():
            raise RecipeError(
                f"teacher '{name}' is made by {named}, which is not there",
                where=block.where,
                next=f"write it, or correct teachers.{name}.recipe",
            )


def _spread(recipe: Recipe) -> Iterator[str]:
    """Say where the weights of a teacher will lie that is larger than one device."""
    for name, block in recipe.teachers.items():
        folder = folder_here(str(block.raw.get("model", "")), recipe.base) if block.use == "in_process" else None
        if folder is None or is_gguf(folder):
            continue
        said = typed_settings("teachers", block).model_dump()
        memory = said["memory"]
        if read_base(folder) is not None:
            if memory:
                raise RecipeError(
                    f"teacher '{name}' is an adapter, whose base cannot be spread over devices",
                    where=block.where,
                    next=f"name the run's merged export (7_export/safetensors), or take teachers.{name}.memory out",
                )
            continue
        try:
            found = spread_for(folder, dtype=said["dtype"], device=said["device"], memory=memory)
        except ModelError as error:
            raise RecipeError(error.what, where=f"teachers.{name}.memory", next=error.next) from None
        if found is not None:
            yield f"teachers.{name}: {found}; expect it to be slow where layers lie on disk"


def _tight(forecast: Estimate, folder: Path) -> Iterator[str]:
    """Warn where memory or disk will hardly be enough."""
    import psutil

    memory = cast(int, psutil.virtual_memory().total)
    if forecast.memory_bytes > 0.8 * memory:
        yield (
            f"training needs about {size(forecast.memory_bytes)} of the {size(memory)} of memory here: lower "
            "train.micro_batch, set train.gradient_checkpointing=true, or train.method=lora"
        )
    home = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(home).free
    if forecast.disk_bytes > 0.8 * free:
        yield (
            f"the run needs about {size(forecast.disk_bytes)} of disk and {size(free)} are free under {home}: fewer "
            "train.seeds or train.controls, or another place with --runs DIR"
        )


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
