"""Growing and augmenting before a run: what cannot work is refused, and what the questions will cost is forecast.

Enters: a recipe, how many rows it has. Leaves: nothing, an error that names the key, or a forecast.
"""

from __future__ import annotations

from imbik.pipeline.reach import growth_kept_from
from imbik.recipe import Recipe
from imbik.tasks.augment import augmentations_of
from imbik.tasks.growth.named import growth_files, strategies_of


def refuse_growth(recipe: Recipe) -> None:
    """Refuse what cannot grow: no teacher to ask, files that are not there, rows that no teacher may see.

    Raises: RecipeError, InputError, BlockedError.
    """
    named = strategies_of(recipe)
    augmentations_of(recipe)
    growth_files(recipe)
    for item in named:
        shows_rows = item.teacher and getattr(item.strategy.settings, "sensitivity", None) is None  # type: ignore[attr-defined]
        if shows_rows:
            growth_kept_from(recipe, item.name, item.teacher)
