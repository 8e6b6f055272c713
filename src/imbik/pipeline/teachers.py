"""Recipes that train teachers: a recipe and all that it stands on are checked before the first of them runs.

Enters: a recipe, its run folder and its file. Leaves: nothing, or an error before hours were spent on a teacher for a
recipe that could never have used it. Nothing here needs a teacher's folder to exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imbik.core.errors import RecipeError
from imbik.core.plugins import PluginBlock
from imbik.pipeline.preflight import refuse
from imbik.recipe import Recipe, load_recipe


def teacher_recipes(recipe: Recipe) -> Iterator[tuple[str, PluginBlock, Path]]:
    """Name, block and recipe file of each teacher that is trained here."""
    for name, block in recipe.teachers.items():
        if block.use == "run" and block.raw.get("recipe"):
            path = recipe.path(str(block.raw["recipe"]))
            yield name, block, path / "recipe.yaml" if path.is_dir() else path


def refuse_all(recipe: Recipe, folder: Path, file: Path) -> None:
    """Refuse what cannot work in a recipe or in any recipe that trains a teacher for it.

    Raises: as `refuse`; RecipeError where a recipe needs itself, or two recipes would write one run folder.
    """
    _refuse(recipe, folder, (file,), {folder: file})


def _refuse(recipe: Recipe, folder: Path, chain: tuple[Path, ...], owners: dict[Path, Path]) -> None:
    """`chain` are the recipes that wait for this one, `owners` the recipe of each run folder met so far."""
    refuse(recipe)
    for name, block, path in teacher_recipes(recipe):
        if path in chain:
            told = " -> ".join(item.name for item in (*chain, path))
            raise RecipeError(f"teacher '{name}' is made by a recipe that needs itself: {told}", where=block.where)
        inner = load_recipe(path)
        home = folder.parent / inner.name
        if owners.setdefault(home, path) != path:
            raise RecipeError(
                f"teacher '{name}' is made by {path}, which has the name '{inner.name}' as {owners[home]} has, so both "
                "would write the same run folder",
                where=block.where,
                next=f"give one of them another `name:`, such as name: {inner.name}_{name}",
            )
        _refuse(inner, home, (*chain, path), owners)
