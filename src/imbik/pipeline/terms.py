"""Terms on training with a teacher's answers: a conflict stops the run until the recipe accepts it by name.

Enters: a recipe. Leaves: nothing, warnings of what is not known, or a RecipeError that says what the terms say, where
that is written, and what to type. That a recipe accepts terms is a person's word, not a finding of imbik's; the
engine writes it into the audit chain before the teacher is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imbik.core.errors import RecipeError
from imbik.core.misspelt import closest
from imbik.recipe import Recipe
from imbik.teachers.catalogue.terms import all_terms, terms_of_recipe, terms_of_teachers


def refuse_terms(recipe: Recipe) -> None:
    """Refuse what terms forbid and the recipe has not accepted.

    Raises: RecipeError for such terms, and for a name under `accept_terms` that is none.
    """
    for name in recipe.accept_terms:
        if name not in all_terms():
            raise RecipeError(
                f"accept_terms: there are no terms '{name}'; {closest(name, list(all_terms()))}",
                next="imbik models terms lists them",
            )
    for teacher, found in terms_of_recipe(recipe):
        for terms in found.restricted:
            if terms.name not in recipe.accept_terms:
                raise RecipeError(
                    f"teacher '{teacher}' answers under terms that limit training on its answers. {terms}",
                    where=recipe.teachers[teacher].where or f"teachers.{teacher}",
                    next=f"read them; if they allow what you do, write accept_terms: [{terms.name}] in the recipe "
                    "(the audit chain notes it); else choose another teacher: imbik models teachers",
                )


def unknown_terms(recipe: Recipe, teachers: Sequence[str] | None = None) -> Iterator[str]:
    """What no terms are known of, or nothing definite, in words; of `teachers` where some are named."""
    named = terms_of_recipe(recipe) if teachers is None else terms_of_teachers(recipe, teachers)
    for teacher, found in named:
        for what in found.unknown:
            yield (
                f"teachers.{teacher}: no terms are known of {what}: whether its answers may train another model is for "
                "you to find out"
            )
        for terms in found.terms:
            if terms.use == "unclear":
                yield f"teachers.{teacher}: read whether its answers may train another model. {terms}"
