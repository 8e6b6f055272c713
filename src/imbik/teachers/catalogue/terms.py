"""Terms: what a provider and a model's licence say about training on answers. Data of a date, and no legal advice.

Enters: an endpoint's host and a model's name, a teacher or a recipe. Leaves: the terms that hold, and what nothing is
known of. A provider's terms hold at its endpoints, and for its models behind somebody else's; a licence of weights
holds wherever the model runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
from yarl import URL

from imbik.recipe import Recipe
from imbik.teachers import TeacherContext, make_teacher
from imbik.teachers.catalogue.tables import best, table


@dataclass(frozen=True)
class Terms:
    """One table of terms.toml; `name` is what `accept_terms:` writes.

    `checked` says what it was compared with ("": with nothing, it is remembered).
    """

    name: str
    title: str
    use: Literal["allowed", "restricted", "unclear"]
    says: str
    source: str
    date: date
    hosts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    checked: str = ""

    def __str__(self) -> str:
        return f"{self.title}: {self.says} ({self.source}, as of {self.date})"


@dataclass(frozen=True)
class Found:
    """The terms that hold for a teacher; `unknown` names what no terms are known of."""

    terms: tuple[Terms, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def restricted(self) -> tuple[Terms, ...]:
        """Those that a recipe has to accept."""
        return tuple(item for item in self.terms if item.use == "restricted")


@cache
def all_terms() -> dict[str, Terms]:
    """Every table by name."""
    return {name: msgspec.convert({"name": name, **line}, Terms) for name, line in table("terms").items()}


def terms_of(host: str, model: str, *, own: bool = False) -> Found:
    """Terms for a model at an endpoint's host ('' or `own`: it runs on a machine of one's own)."""
    licences = [item for item in all_terms().values() if not item.hosts and best(model, item.models) is not None]
    provider = [item for item in all_terms().values() if host and best(host, item.hosts) is not None]
    if not any(item.use != "unclear" for item in provider):  # whose models are they, then?
        provider += [item for item in all_terms().values() if item.hosts and best(model, item.models) is not None]
    found = tuple(dict.fromkeys([*provider, *licences]))
    unknown = []
    if not provider and host and not own:
        unknown.append(f"the provider at {host}")
    if not licences and not any(item.use != "unclear" for item in provider):
        unknown.append(f"the model '{model}'")
    return Found(found, tuple(unknown))


def terms_of_teacher(teacher: object) -> Found:
    """Terms for a teacher: by its address and the models that its settings name.

    A `run` and a model in a folder of one's own name nobody whose terms could be known.
    """
    settings = getattr(teacher, "settings", None)
    url = str(getattr(teacher, "url", ""))
    host = URL(url).host or "" if url else ""
    written_by = getattr(settings, "written_by", ())
    named = getattr(settings, "served_as", "") or getattr(settings, "model", "")
    if host:
        own = bool(getattr(settings, "own", False)) or host in {"localhost", "127.0.0.1", "::1"}
        return terms_of(host, str(named), own=own)
    found = [terms_of("", str(name)) for name in (*written_by, *([named] if named else []))]
    unknown = tuple(item for one in found for item in one.unknown) if written_by else ()
    return Found(tuple(dict.fromkeys(item for one in found for item in one.terms)), unknown)


def terms_of_recipe(recipe: Recipe) -> Iterator[tuple[str, Found]]:
    """Terms of every teacher whose answers or probabilities the recipe's student learns from, by name."""
    names = recipe.asked_teachers()
    names += [recipe.capture.teacher] if recipe.capture and recipe.capture.teacher else []
    yield from terms_of_teachers(recipe, list(dict.fromkeys(names)))


def terms_of_teachers(recipe: Recipe, names: Sequence[str]) -> Iterator[tuple[str, Found]]:
    """Terms of these teachers of a recipe."""
    for name in names:
        block = recipe.teachers[name]
        context = TeacherContext(name=name, base=recipe.base, runs=Path("runs"))
        yield name, terms_of_teacher(make_teacher(block, context))
