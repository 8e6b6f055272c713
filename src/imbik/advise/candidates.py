"""Who may stand in an audition: teachers of the recipe, and models that are named on the command line.

Enters: a recipe and names, such as `buyuk` or `deepseek:deepseek-chat`. Leaves: the recipe with all of them among its
teachers; and what a person should know before anybody is asked: keys that are not set, terms that limit training on
what is answered. An audition only compares, so terms do not stop it; the run that would learn from the answers they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imbik.core.errors import ImbikError, UsageError
from imbik.core.misspelt import closest
from imbik.core.plugins import PluginBlock, available
from imbik.pipeline.reach import kept_from_candidates, keys_missing, served_teacher
from imbik.pipeline.terms import unknown_terms
from imbik.recipe import Recipe
from imbik.teachers.catalogue.terms import terms_of_teachers

_WHERE = "--teachers"
_LOCAL = "in_process"


def with_candidates(recipe: Recipe, names: Sequence[str]) -> Recipe:
    """The recipe with inline candidates (`deepseek:deepseek-chat`) among its teachers.

    Raises: UsageError naming what can be typed there.
    """
    added: dict[str, PluginBlock] = {}
    for name in names:
        if name in recipe.teachers:
            continue
        use, _, model = name.partition(":")
        if model and use in available("teachers") and not takes_model_alone(recipe, use, model):
            raise UsageError(
                f"'{name}': a teacher of `use: {use}` needs more than a model",
                where=_WHERE,
                next=f"write it under `teachers:` of the recipe (imbik explain {use}) and give its name there",
            )
        if not model or use not in available("teachers"):
            raise UsageError(f"there is no teacher '{name}'; {_meant(recipe, use, model)}", where=_WHERE)
        added[name] = PluginBlock(use=use, raw={"model": model}, where=_WHERE)
    return recipe.model_copy(update={"teachers": {**recipe.teachers, **added}})


def takes_model_alone(recipe: Recipe, use: str, model: str = "MODEL") -> bool:
    """Whether `use:model` says all that such a teacher needs."""
    if use == _LOCAL:
        return True
    block = PluginBlock(use=use, raw={"model": model}, where=_WHERE)
    try:
        return served_teacher(use, block, recipe) is not None
    except ImbikError:
        return False


def told_before(recipe: Recipe, names: Sequence[str]) -> Iterator[str]:
    """What a person should know before these are asked."""
    members = list(dict.fromkeys(member for name in names for member in recipe.members(name)))
    yield from kept_from_candidates(recipe, names)
    yield from keys_missing(recipe, names=members)
    for name, found in terms_of_teachers(recipe, members):
        for terms in found.restricted:
            if terms.name not in recipe.accept_terms:
                yield (
                    f"teachers.{name}: a run that trains on its answers is refused until the recipe says "
                    f"accept_terms: [{terms.name}]. {terms}"
                )
    yield from unknown_terms(recipe, members)


def _meant(recipe: Recipe, use: str, model: str) -> str:
    """The nearest of what can be typed, or all of it."""
    open_ones = [name for name in available("teachers") if takes_model_alone(recipe, name)]
    if model:
        return closest(f"{use}:{model}", [*recipe.teachers, *(f"{name}:{model}" for name in open_ones)])
    return closest(use, [*recipe.teachers, *(f"{name}:MODEL" for name in open_ones)])
