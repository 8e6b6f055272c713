"""Loading a recipe: YAML with line numbers, `--set`, `${NAME}` in paths, refusal of secrets, errors that name the line.

Enters: a path (or plain data) and `a.b=c` overrides. Leaves: a Recipe, or a RecipeError with file, line, key and what
to type.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from imbik.core.errors import RecipeError, UsageError
from imbik.core.misspelt import explain_validation
from imbik.core.strict_yaml import YamlError, read_yaml
from imbik.recipe.blocks import WHERE, MisplacedError
from imbik.recipe.meaning import explain
from imbik.recipe.overrides import SET, Places, override, place_of, written_by_set
from imbik.recipe.searching import ranges
from imbik.recipe.secrets import refuse_secrets
from imbik.recipe.sections import Recipe
from imbik.recipe.variables import expand

Lines = dict[tuple[str, ...], int]
# Where a plug-in may be written as its bare name; "*" stands for any item or name.
_BLOCKS = (
    ("tasks", "kind"),
    ("tasks", "grow", "strategies", "*"),
    ("tasks", "augment", "*"),
    ("teachers", "*"),
    ("refine", "*"),
    ("train", "method"),
    ("train", "losses", "*"),
    ("export", "*"),
    ("evaluate", "metrics", "*"),
)


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read, override, check.

    Raises: RecipeError with `file:line` and the key that was meant.
    """
    data, lines, path = read_recipe(path)
    return build(data, base=path.parent, file=str(path), lines=lines, overrides=overrides)


def read_recipe(path: str | Path) -> tuple[dict[str, Any], Lines, Path]:
    """A recipe's plain data, the line of every key, and its file.

    Raises: RecipeError when it cannot be read, or is no mapping.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "recipe.yaml"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RecipeError("there is no such recipe", where=str(path), next="imbik init NAME --from FILE") from None
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"a recipe is UTF-8 text ({error})", where=str(path), next="save it as UTF-8; editors ask for the encoding"
        ) from None
    except OSError as error:
        raise RecipeError(
            f"cannot be read: {error.strerror}", where=str(path), next="check its permissions (ls -l)"
        ) from None
    except ValueError:
        raise RecipeError(
            "no path can hold a NUL character", where=repr(str(path)), next="type the path again"
        ) from None
    return *parse(text, str(path)), path


def parse(text: str, file: str = "recipe") -> tuple[dict[str, Any], Lines]:
    """YAML text as plain data and the line of every key."""
    try:
        data, node = read_yaml(text)
    except YamlError as error:
        where = f"{file}:{error.line}" if error.line else file
        raise RecipeError(error.what, where=where, next=error.advice) from None
    if node is None or not isinstance(data, dict):
        raise RecipeError(
            "a recipe is a mapping of sections (name, tasks, student, …)",
            where=file,
            next="imbik init NAME --from FILE writes one that works",
        )
    lines: Lines = {}
    _note_lines(node, (), lines)
    return data, lines


def build(
    data: dict[str, Any],
    *,
    base: Path = Path(),
    file: str = "recipe",
    lines: Lines | None = None,
    overrides: Sequence[str] = (),
) -> Recipe:
    """A Recipe from plain data; `lines` lets errors name the line, and what `--set` gave is named as such."""
    places, data = {path: f"{file}:{line}" for path, line in (lines or {}).items()}, copy.deepcopy(data)
    for text in overrides:
        written_by_set(places, override(data, text))
    refuse_secrets(data, lambda path: place_of(path, file, places))
    data = expand(data, (), lambda path: place_of(path, file, places))
    refuse_secrets(data, lambda path: place_of(path, file, places))
    _refuse_base(data, lambda path: place_of(path, file, places))
    _refuse_ranges(data, file, lambda path: place_of(path, file, places))
    marked = _mark_blocks(data, (), file, places)
    try:
        made = Recipe.model_validate({**marked, "base": base})
    except ValidationError as error:
        found = [_location(item) for item in error.errors()]
        location = next((path for path in found if path in places), found[0])
        raise RecipeError(
            explain_validation(error, Recipe),
            where=place_of(location, file, places),
            next=_explained(location),
        ) from None
    made.note_places(places)
    return made


def _refuse_base(data: Mapping[str, Any], where: Callable[[tuple[str, ...]], str]) -> None:
    """`base:` is what many call the model that a student begins from; here it has another name.

    Raises: RecipeError naming it. At the top level the key would else be taken for the recipe's own folder.
    """
    for path in (("base",), ("student", "base")):
        holder = data if len(path) == 1 else data.get(path[0])
        if isinstance(holder, dict) and path[-1] in holder:
            raise RecipeError(
                f"unknown key '{'.'.join(path)}'; the model that the student begins from is student.model",
                where=where(path),
                next=f"write student: {{model: {holder['base']}}}; imbik explain student says what it can be told",
            )


def _refuse_ranges(data: Mapping[str, Any], file: str, where: Callable[[tuple[str, ...]], str]) -> None:
    """A single run has one value for every key.

    Raises: RecipeError naming the first range.
    """
    for path, _ in ranges(data):
        key = ".".join(path)
        raise RecipeError(
            f"{key} is a range, and one run has one value",
            where=where(path),
            next=f"imbik search {file} varies it; for one run --set {key}=VALUE",
        )


def _explained(path: tuple[str, ...]) -> str:
    """The line to type for the deepest part of a path that is explained; a section for a key that is not there."""
    for length in range(len(path), 0, -1):
        key = ".".join(path[:length])
        try:
            explain(key)
        except UsageError:
            continue
        return f"imbik explain {key}"
    return "imbik schema lists all keys of a recipe"


def _location(found: ErrorDetails) -> tuple[str, ...]:
    """The path of the key that is meant: of two that do not go together, the one that the error itself names."""
    cause = found.get("ctx", {}).get("error")
    return cause.path if isinstance(cause, MisplacedError) else tuple(str(part) for part in found["loc"])


def _note_lines(node: yaml.Node, path: tuple[str, ...], lines: Lines) -> None:
    lines[path] = lines.get(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[(*path, str(key.value))] = key.start_mark.line + 1
            _note_lines(value, (*path, str(key.value)), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note_lines(item, (*path, str(index)), lines)


def _mark_blocks(value: Any, path: tuple[str, ...], file: str, places: Places) -> Any:
    """Give every `{use: …}` block and bare plug-in name its place, for errors that appear when it is typed later."""
    if isinstance(value, str) and _names_plugin(path):
        return {"use": value, WHERE: place_of(path, file, places)}
    if isinstance(value, dict):
        marked = {str(key): _mark_blocks(item, (*path, str(key)), file, places) for key, item in value.items()}
        if "use" in value:
            use = (*path, "use")
            marked[WHERE] = places[use] if places.get(use, "").startswith(SET) else place_of(path, file, places)
        return marked
    if isinstance(value, list):
        return [_mark_blocks(item, (*path, str(index)), file, places) for index, item in enumerate(value)]
    return value


def _names_plugin(path: tuple[str, ...]) -> bool:
    """Whether a string at this path is a plug-in's name."""
    return any(
        len(path) == len(pattern) and all(want in ("*", part) for want, part in zip(pattern, path, strict=True))
        for pattern in _BLOCKS
    )
