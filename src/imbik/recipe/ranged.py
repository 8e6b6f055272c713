"""A recipe with ranges: what is searched, and the recipe of one trial.

Enters: a recipe file whose keys may hold ranges, `--set`, a file of ranges. Leaves: `Ranged`: the domains by dotted
key, the recipe with every range at its middle, and the recipe with given values in their place.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from imbik.core.errors import RecipeError
from imbik.core.misspelt import explain_validation
from imbik.core.strict_yaml import YamlError, read_yaml
from imbik.recipe.load import Lines, build, read_recipe
from imbik.recipe.overrides import override
from imbik.recipe.searching import Domain, Search, Value, ranges
from imbik.recipe.sections import Recipe


@dataclass(frozen=True)
class Ranged:
    """`domains` by dotted key; `data` is the recipe with every range at its middle, `recipe` the same, typed."""

    domains: Mapping[str, Domain]
    search: Search
    recipe: Recipe
    data: Mapping[str, Any]
    file: Path
    lines: Lines

    def with_values(self, values: Mapping[str, Value]) -> Recipe:
        """The recipe with these values.

        Raises: RecipeError when a value does not go there.
        """
        texts = [f"{key}={one_line(value)}" for key, value in values.items()]
        return build(
            dict(self.data), base=self.file.parent, file=str(self.file), lines=self.lines, overrides=texts
        ).model_copy(update={"search": None})


def load_ranged(path: str | Path, overrides: Sequence[str] = (), space: Path | None = None) -> Ranged:
    """Read a recipe with ranges: in the recipe, under `search.parameters`, or in the file `space`, whose keys are those
    of `search:` with the ranges beside them.

    Raises: RecipeError where a range is none, where nothing is searched, or where the recipe has another fault.
    """
    data, lines, file = read_recipe(path)
    data = copy.deepcopy(data)
    for text in overrides:
        override(data, text)
    given = data.get("search") or {}
    if space is not None:
        given = _from_file(space, given)
    found = {".".join(parts): _domain(raw, f"{file}:{lines.get(parts, 1)}") for parts, raw in ranges(data)}
    base = {key: value for key, value in data.items() if key != "search"}
    search = _search(given, str(space or f"{file}:{lines.get(('search',), 1)}"))
    domains = {**found, **search.parameters}
    if not domains:
        raise RecipeError(
            "nothing is to be searched: no key of the recipe is a range",
            where=str(file),
            next="write one such as train.learning_rate: {low: 1e-5, high: 1e-3, log: true}, or give --space FILE",
        )
    for key, domain in domains.items():
        override(base, f"{key}={one_line(domain.middle)}")
    try:
        recipe = build(base, base=file.parent, file=str(file), lines=lines)
    except RecipeError as error:
        if space is None or not any(f"'{key}'" in error.what for key in search.parameters):
            raise
        raise RecipeError(error.what, where=str(space), next=error.next) from None
    ranged = Ranged(domains, search, recipe, base, file, lines)
    for key, domain in domains.items():
        for value in (domain.grid()[0], domain.grid()[-1]) if domain.kind != "choice" else domain.values:
            ranged.with_values({key: value})
    return ranged


def one_line(value: Value) -> str:
    """A value as `--set` reads it back."""
    return (
        str(yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6))
        .removesuffix("\n...\n")
        .strip()
    )


def _domain(raw: Mapping[str, Any], where: str) -> Domain:
    try:
        return Domain.model_validate(dict(raw))
    except ValidationError as error:
        raise RecipeError(explain_validation(error, Domain), where=where, next="imbik explain search") from None


def _search(given: Mapping[str, Any], where: str) -> Search:
    try:
        return Search.model_validate(dict(given))
    except ValidationError as error:
        raise RecipeError(explain_validation(error, Search), where=where, next="imbik explain search") from None


def _from_file(path: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `search:` with those of the file; what is none of them is a range, by its dotted or nested key."""
    try:
        read, _ = read_yaml(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RecipeError(f"cannot be read: {reason}", where=str(path), next="--space FILE") from None
    except YamlError as error:
        raise RecipeError(error.what, where=f"{path}:{error.line}", next=error.advice) from None
    if not isinstance(read, dict):
        raise RecipeError(
            "a space is a mapping of keys to ranges",
            where=str(path),
            next="train.learning_rate: {type: float, low: 1e-6, high: 1e-3, log: true}",
        )
    own = {key: value for key, value in read.items() if key in Search.model_fields}
    beside = dict(_nested({key: value for key, value in read.items() if key not in own}, path))
    parameters = {**dict(given.get("parameters") or {}), **beside, **dict(own.pop("parameters", None) or {})}
    return {**given, **own, "parameters": parameters}


def _nested(data: Mapping[str, Any], path: Path, above: str = "") -> list[tuple[str, Any]]:
    """Ranges by dotted key, also where sections are nested as in a recipe."""
    found: list[tuple[str, Any]] = []
    for key, value in data.items():
        name = f"{above}{key}"
        if not isinstance(value, dict):
            raise RecipeError(
                f"'{name}' is neither a range nor a key of search",
                where=str(path),
                next=f"{name}: {{choice: [{one_line(value)}, …]}}; imbik explain search lists the keys",
            )
        if set(value) & {"low", "high", "values", "choice", "type"}:
            found.append((name, value))
        else:
            found += _nested(value, path, f"{name}.")
    return found
