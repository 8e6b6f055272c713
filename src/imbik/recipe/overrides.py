"""`--set a.b=c`: values given on the command line, and where each value of a recipe was written.

Enters: a recipe as plain data, and `a.b=c`. Leaves: the data with the value in its place, which errors name as `--set`
and not as a line of the file.
"""

from __future__ import annotations

from typing import Any

from imbik.core.errors import RecipeError
from imbik.core.strict_yaml import YamlError, read_yaml
from imbik.recipe.meaning import default_at

Places = dict[tuple[str, ...], str]
SET = "--set "


def override(data: dict[str, Any], text: str) -> tuple[str, ...]:
    """Apply one `a.b=c` and give its path; list items are numbered (`refine.0.threshold=0.9`)."""
    key, sign, value = text.partition("=")
    parts = key.strip().split(".")
    if not sign or not all(parts):
        shown = key.partition(":")[0] + ("=…" if sign else "")  # what follows may be a key
        raise RecipeError(f"'{shown}' is not KEY=VALUE", where="--set", next="--set train.learning_rate=1e-4")
    current: Any = data
    for depth, part in enumerate(parts[:-1], start=1):
        place: Any = _index(part, current, key) if isinstance(current, list) else part
        inner = current[place] if isinstance(current, list) else current.get(place)
        if inner is None:
            inner = default_at(parts[:depth], data)
        if not isinstance(inner, dict | list):
            inner = {"use": inner} if isinstance(inner, str) and inner else {}
        current[place] = current = inner
    last: Any = _index(parts[-1], current, key) if isinstance(current, list) else parts[-1]
    current[last] = scalar(value, SET + key.strip())
    return tuple(parts)


def _index(part: str, items: list[Any], key: str) -> int:
    if not part.isdigit() or int(part) >= len(items):
        named = ", ".join(str(item.get("use") if isinstance(item, dict) else item) for item in items)
        raise RecipeError(
            f"'{key}': '{part}' is no item of a list of {len(items)}{f' ({named})' if items else ''}",
            where="--set",
            next="items are counted from 0; write the whole list to have more of them",
        )
    return int(part)


def place_of(path: tuple[str, ...], file: str, places: Places) -> str:
    """The place of the deepest part of a path that was written, and what `--set` changed within it."""
    found = next((places[path[:length]] for length in range(len(path), -1, -1) if path[:length] in places), file)
    if found.startswith(SET):
        return found
    within = [place for key, place in places.items() if place.startswith(SET) and key[: len(path)] == path]
    return f"{found} with {', '.join(within)}" if within else found


def written_by_set(places: Places, path: tuple[str, ...]) -> None:
    """What stood at a path and below it was written by `--set` now."""
    for old in [key for key in places if key[: len(path)] == path]:
        del places[old]
    places[path] = SET + ".".join(path)


def scalar(text: str, where: str) -> Any:
    """A value from the command line, read as YAML reads it; what is no YAML is text.

    Raises: RecipeError for what would be refused in a file too.
    """
    try:
        return read_yaml(text)[0]
    except YamlError as error:
        if error.syntax:
            return text
        raise RecipeError(error.what, where=where, next=error.advice) from None
