"""Which losses of a recipe must be given what.

Enters: a recipe. Leaves: the blocks of its losses, for whoever refuses what cannot be given to them.
"""

from __future__ import annotations

from collections.abc import Set

from imbik.core.plugins import PluginBlock, make
from imbik.recipe import Recipe
from imbik.train.losses import DISTRIBUTIONS


def wanting(recipe: Recipe, needs: Set[str]) -> list[PluginBlock]:
    """The losses that must be given any of these."""
    return [block for block in recipe.train.losses if needs & make("train/losses", block).needs]


def hungry(recipe: Recipe) -> list[PluginBlock]:
    """The losses that look at the teacher's distributions."""
    return wanting(recipe, {DISTRIBUTIONS})
