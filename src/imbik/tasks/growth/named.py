"""The strategies of a recipe, built: with their names, shares and teachers, and what of them shapes the pool.

Enters: a recipe. Leaves: `Named` strategies; their part of the stage's hash; the files that they read.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imbik.core.errors import RecipeError
from imbik.core.files import file_digest
from imbik.core.plugins import load_plugin, make, path_keys
from imbik.recipe import Recipe
from imbik.stage import Asker
from imbik.tasks.strategies import Strategy

GROUP = "tasks/strategies"


@dataclass(frozen=True)
class Named:
    """A strategy as the recipe names it, built; `teacher` is '' where nobody is asked."""

    name: str
    strategy: Strategy
    share: float
    per_answer: int
    teacher: str


def strategies_of(recipe: Recipe) -> list[Named]:
    """The strategies; a second one of the same kind is told apart by its number.

    Raises: PluginError for settings that are none; RecipeError where one asks and the recipe has no teacher for it.
    """
    grow, found, seen = recipe.tasks.grow, list[Named](), Counter[str]()
    for block in grow.strategies if grow else ():
        strategy: Any = make(GROUP, block)
        seen[block.use] += 1
        name = block.use if seen[block.use] == 1 else f"{block.use}-{seen[block.use]}"
        teacher = asked_teacher(recipe, name, recipe.growing_teacher(block), block.where) if strategy.asks else ""
        settings = strategy.settings
        found.append(Named(name, strategy, settings.share, getattr(settings, "per_answer", 20), teacher))
    return found


def asked_teacher(recipe: Recipe, name: str, teacher: str, where: str) -> str:
    """The teacher of a strategy or augmentation, which has to be one that answers any question.

    Raises: RecipeError where there is none, or it is made of several, or only has answers to rows.
    """
    use = recipe.teachers[teacher].use if teacher in recipe.teachers else ""
    if use and use not in ("ensemble", "recorded"):
        return teacher
    told = {
        "": "the recipe has no teacher to ask",
        "ensemble": f"'{teacher}' is made of several teachers, which do not write one task together",
        "recorded": f"'{teacher}' has recorded answers only",
    }
    raise RecipeError(
        f"'{name}' asks a teacher, and {told[use]}",
        where=where or "tasks.grow",
        next="name one that can be asked: grow: {teacher: NAME}; `templates` and `noise` ask nobody",
    )


def growth_files(recipe: Recipe) -> list[Path]:
    """Every file that shapes what is grown.

    Raises: InputError where one is missing.
    """
    return [path for item in strategies_of(recipe) for path in item.strategy.files(recipe.base)]


def growth_settings(recipe: Recipe, asker: Asker) -> object:
    """What of `tasks.grow` shapes the pool: settings and versions, digests of files, who is asked. Places of files
    shape nothing: their content is hashed."""
    grow = recipe.tasks.grow
    if grow is None:
        return None
    strategies = []
    for block, item in zip(grow.strategies, strategies_of(recipe), strict=True):
        plugin = load_plugin(GROUP, block.use)
        told = item.strategy.settings.model_dump(mode="json")  # type: ignore[attr-defined]
        places = path_keys(plugin.Settings)
        strategies.append(
            {
                "use": block.use,
                "version": plugin.version,
                "settings": {
                    key: value
                    for key, value in told.items()
                    if key != "teacher" and not (key in places and isinstance(value, str))
                },
                "files": [file_digest(path) for path in item.strategy.files(recipe.base)],
                **_asked(item.teacher, asker),
            }
        )
    own = grow.model_dump(mode="json", exclude={"strategies", "teacher"})
    return {**own, "strategies": strategies}


def _asked(teacher: str, asker: Asker) -> dict[str, object]:
    return {"teacher": [asker.identity(teacher), asker.sensitivity(teacher).value]} if teacher else {}
