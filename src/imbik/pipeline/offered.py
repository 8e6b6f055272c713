"""Whether a model is still offered where a recipe asks it, as far as the catalogue and the price table know.

Enters: a recipe and a day. Leaves: a line for every teacher whose model has ended, or ends within a month, with its
successor. It is a warning, not a refusal: the tables are true on their dates, and stored answers are used all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from imbik.pipeline.reach import HERE, served_teacher
from imbik.privacy.addresses import endpoint
from imbik.recipe import Recipe
from imbik.teachers.catalogue.models import KnownTeacher, known_teachers
from imbik.teachers.catalogue.prices import FREE, offered_until

_SOON = timedelta(days=30)


def ended_models(recipe: Recipe, today: date | None = None) -> Iterator[str]:
    """What is no longer offered, or not for long, in words."""
    day = today or datetime.now(UTC).date()
    for name in recipe.asked_teachers():
        block = recipe.teachers[name]
        teacher = None if block.use in HERE else served_teacher(name, block, recipe)
        if teacher is None or teacher.price == FREE:  # a server of one's own offers it as long as it likes
            continue
        model = str(getattr(getattr(teacher, "settings", None), "model", ""))
        known = _known(block.use, model)
        until = offered_until(endpoint(teacher.url).host, model) or (known.until if known else None)
        if until is None or until - day > _SOON:
            continue
        when = f"has not been offered since {until}" if until <= day else f"is offered until {until} only"
        yield f"teachers.{name}: '{model}' {when}, as far as is known{_instead(name, block.use, known)}"


def _known(use: str, model: str) -> KnownTeacher | None:
    """The catalogue's entry of a model by its name there, or by its own."""
    there = [item for item in known_teachers().values() if use in item.at]
    return next((item for item in there if model in {item.at[use], item.name}), None)


def _instead(name: str, use: str, known: KnownTeacher | None) -> str:
    """What to type for the nearest successor that is offered there."""
    successor = known_teachers().get(known.successor) if known else None
    if successor is not None and use in successor.at:
        return f"; its successor there: --set teachers.{name}.model={successor.at[use]}"
    return "; imbik models teachers lists others"
